-- Work queue: failed attempts, dead letters.
\set VERBOSITY terse

SELECT cq.queue_create('work', max_attempts => 3);
SELECT cq.queue_send('work', '{"n": 1}', '{"trace": "abc"}') IS NOT NULL AS sent;

-- nack: again at once, later, or after the default backoff
SELECT receipt FROM cq.queue_receive('work') \gset
SELECT cq.queue_nack('work', :'receipt', '0', 'not today');
SELECT cq.queue_nack('work', :'receipt', '0');
SELECT cq.queue_ack('work', :'receipt');
SELECT attempt, receipt FROM cq.queue_receive('work') \gset
SELECT :attempt AS attempt;
SELECT cq.queue_nack('work', :'receipt');
SELECT ready, delayed, in_flight FROM cq.stat_queues WHERE queue = 'work';
CALL cq.queue_wait('work', '1 min');

-- the third failure is the last
SELECT attempt, receipt FROM cq.queue_receive('work') \gset
SELECT :attempt AS attempt;
SELECT cq.queue_nack('work', :'receipt', '1 h', E'it''s "broken"\n');
SELECT ready, delayed, in_flight, dead, failed, dead_lettered FROM cq.stat_queues WHERE queue = 'work';
SELECT body, attempt, headers #- '{dead_letter,msg_id}' #- '{dead_letter,at}' AS headers,
	(headers #>> '{dead_letter,at}')::timestamptz <= now() AS at
FROM cq.queue_take('work.dead');

-- reject: to the dead letters at once; rolled back it has not happened
SELECT cq.queue_send('work', '2') IS NOT NULL AS sent;
SELECT receipt FROM cq.queue_receive('work') \gset
BEGIN;
SELECT cq.queue_reject('work', :'receipt', 'no');
ROLLBACK;
SELECT dead FROM cq.stat_queues WHERE queue = 'work';
SELECT cq.queue_reject('work', :'receipt', 'no');
SELECT cq.queue_reject('work', :'receipt', 'no');
SELECT dead FROM cq.stat_queues WHERE queue = 'work';
SELECT receipt FROM cq.queue_receive('work.dead') \gset
SELECT cq.queue_reject('work.dead', :'receipt');
SELECT cq.queue_ack('work.dead', :'receipt');

-- leases end by themselves, and attempts run out
SELECT cq.queue_send('work', '3') IS NOT NULL AS sent;
SELECT attempt, receipt FROM cq.queue_receive('work', lease => '20 ms') \gset
CALL cq.queue_wait('work', '1 min');
SELECT cq.queue_ack('work', :'receipt');
SELECT attempt, receipt FROM cq.queue_receive('work', lease => '20 ms') \gset
SELECT :attempt AS attempt;
CALL cq.queue_wait('work', '1 min');
SELECT attempt FROM cq.queue_receive('work', lease => '20 ms');
CALL cq.queue_wait('work.dead', '1 min');
SELECT body, headers #>> '{dead_letter,attempts}' AS attempts,
	headers #>> '{dead_letter,error}' AS error
FROM cq.queue_take('work.dead');

-- transactions that roll back are attempts too
SELECT cq.queue_send('work', '4') IS NOT NULL AS sent;
DO $$
BEGIN
	FOR i IN 1 .. 3 LOOP
		PERFORM * FROM cq.queue_take('work');
		ROLLBACK;
	END LOOP;
END $$;
CALL cq.queue_wait('work.dead', '1 min');
SELECT body, headers #>> '{dead_letter,attempts}' AS attempts FROM cq.queue_take('work.dead');

-- the last attempt is counted among those that have failed, and so is a lease that ends
SELECT cq.queue_create('counted', max_attempts => 3);
SELECT cq.queue_send('counted', to_jsonb(i)) IS NOT NULL AS sent FROM generate_series(1, 2) i;
DO $$
BEGIN
	FOR i IN 1 .. 3 LOOP
		PERFORM cq.queue_nack('counted', receipt, '0') FROM cq.queue_receive('counted', 2);
		COMMIT;
	END LOOP;
END $$;
SELECT failed, expired, dead_lettered FROM cq.stat_queues WHERE queue = 'counted';
SELECT cq.queue_send('counted', '3') IS NOT NULL AS sent;
DO $$
DECLARE
	ready boolean;
BEGIN
	FOR i IN 1 .. 3 LOOP
		CALL cq.queue_wait('counted', '1 min', ready);
		PERFORM FROM cq.queue_receive('counted', lease => '10 ms');
		COMMIT;
	END LOOP;
END $$;
SELECT count(*) FROM cq.queue_take('counted.dead', 2);
CALL cq.queue_wait('counted.dead', '1 min');
SELECT failed, expired, dead_lettered FROM cq.stat_queues WHERE queue = 'counted';
-- a refused one has not failed
SELECT cq.queue_send('counted', '4') IS NOT NULL AS sent;
SELECT cq.queue_reject('counted', receipt) FROM cq.queue_receive('counted');
SELECT failed, expired, dead_lettered FROM cq.stat_queues WHERE queue = 'counted';
SELECT cq.queue_drop('counted'), cq.queue_drop('counted.dead');

-- any number of attempts
SELECT cq.queue_create('patient', max_attempts => NULL);
SELECT cq.queue_send('patient', '5') IS NOT NULL AS sent;
DO $$
BEGIN
	FOR i IN 1 .. 50 LOOP
		PERFORM cq.queue_nack('patient', receipt, '0') FROM cq.queue_receive('patient');
		COMMIT;
	END LOOP;
END $$;
SELECT attempt FROM cq.queue_take('patient');

-- an own dead-letter queue, and what keeps it
SELECT cq.queue_create('graveyard', max_attempts => NULL);
SELECT cq.queue_create('careful', max_attempts => 1, dead_letter => 'graveyard');
SELECT cq.queue_send('careful', '6') IS NOT NULL AS sent;
SELECT cq.queue_nack('careful', receipt) FROM cq.queue_receive('careful');
SELECT body, headers #>> '{dead_letter,queue}' AS queue FROM cq.queue_take('graveyard');
SELECT cq.queue_drop('graveyard');
SELECT cq.queue_drop('careful');
SELECT cq.queue_drop('graveyard');

SELECT cq.queue_drop('work'), cq.queue_drop('patient');
SELECT cq.queue_drop('work.dead'), cq.queue_drop('patient.dead'), cq.queue_drop('graveyard.dead');
