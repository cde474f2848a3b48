-- Work queue: what is refused, and how.
\set VERBOSITY sqlstate
\pset format unaligned
\pset tuples_only on

SELECT cq.queue_create('q');
SELECT cq.queue_create('other');

-- names
SELECT cq.queue_create('q');
SELECT cq.queue_create(NULL);
SELECT cq.queue_create('');
SELECT cq.queue_create(repeat('x', 256));
SELECT cq.queue_create(repeat('x', 255));
SELECT cq.queue_create('q2', dead_letter => 'nowhere');
SELECT cq.queue_create('q2', dead_letter => 'q2');
SELECT cq.queue_create('q2', lease => '0');
SELECT cq.queue_create('q2', lease => '-1 s');
SELECT cq.queue_create('q2', lease => NULL);
SELECT cq.queue_create('q2', lease => '200 years');
SELECT cq.queue_create('q2', max_attempts => 0);
SELECT cq.queue_drop('nowhere');
SELECT cq.queue_drop('');
SELECT cq.queue_drop(NULL);
-- any other name is fine
SELECT cq.queue_create(E'it''s "a"\nqueue');
SELECT cq.queue_send(E'it''s "a"\nqueue', '1') IS NOT NULL;
SELECT queue = E'it''s "a"\nqueue', body FROM cq.queue_take(E'it''s "a"\nqueue');
SELECT cq.queue_drop(E'it''s "a"\nqueue');
SELECT cq.queue_drop(E'it''s "a"\nqueue.dead');

-- sending
SELECT cq.queue_send('nowhere', '1');
SELECT cq.queue_send(NULL, '1');
SELECT cq.queue_send('', '1');
SELECT cq.queue_send('q', NULL);
SELECT cq.queue_send('q', 'null') IS NOT NULL;
SELECT cq.queue_send('q', '1', '[]');
SELECT cq.queue_send('q', '1', delay => '-1 s');
SELECT cq.queue_send('q', '1', delay => '1000 years');
SELECT cq.queue_send('q', '1', delay => '178000000 years');
SELECT cq.queue_send('q', '1', delay => '1 month') IS NOT NULL;
SELECT cq.queue_send_many('q', NULL);
SELECT cq.queue_send_many('q', ARRAY['1', NULL]::jsonb[]);
SELECT cq.queue_send_many('q', ARRAY['1', '2']::jsonb[], ARRAY['{}']::jsonb[]);
SELECT cq.queue_send_many('q', ARRAY['1', '2']::jsonb[], ARRAY['{}', '3']::jsonb[]);
SELECT cq.queue_purge('q');
SELECT cq.queue_purge('nowhere');

-- receiving
SELECT * FROM cq.queue_receive('nowhere');
SELECT * FROM cq.queue_receive(NULL);
SELECT * FROM cq.queue_receive('q', 0);
SELECT * FROM cq.queue_receive('q', -1);
SELECT * FROM cq.queue_receive('q', 10001);
SELECT * FROM cq.queue_receive('q', NULL);
SELECT * FROM cq.queue_receive('q', 1, '0');
SELECT * FROM cq.queue_receive('q', 1, '-1 s');
SELECT * FROM cq.queue_take('nowhere');
SELECT * FROM cq.queue_take('q', 0);
CALL cq.queue_wait('nowhere', '1 ms');
CALL cq.queue_wait('q', '-1 ms');
CALL cq.queue_wait(NULL, '1 ms');

-- receipts
SELECT cq.queue_ack('q', 'rubbish');
SELECT cq.queue_ack('q', '');
SELECT cq.queue_ack('q', NULL);
SELECT cq.queue_ack('q', VARIADIC NULL);
SELECT cq.queue_ack('q', repeat('!', 44));
SELECT cq.queue_ack('q', repeat('A', 40));
SELECT cq.queue_ack('q', repeat('_', 44));
-- well-formed, but of no queue, or of another shard
SELECT cq.queue_ack('q', repeat('A', 44));
SELECT cq.queue_nack('q', rpad('AAAAAQ', 44, 'A'));
-- well-formed, but not of a live delivery
SELECT translate(encode('\x0000000000' || int4send(queue_id) || decode(repeat('00', 24), 'hex'), 'base64'), '+/', '-_') AS "none",
	translate(encode('\x0100000000' || int4send(queue_id) || decode(repeat('00', 24), 'hex'), 'base64'), '+/', '-_') AS durable
FROM cq.queue WHERE name = 'q' \gset
SELECT cq.queue_ack('q', :'none', :'durable');
-- of another queue
SELECT cq.queue_send('q', '1') IS NOT NULL;
SELECT receipt FROM cq.queue_receive('q') \gset
SELECT cq.queue_ack('other', :'receipt');
SELECT cq.queue_nack('other', :'receipt');
SELECT cq.queue_ack('nowhere', :'receipt');
SELECT cq.queue_nack('q', NULL);
SELECT cq.queue_nack('q', :'receipt', '-1 s');
SELECT cq.queue_extend('q', :'receipt', '0');
SELECT cq.queue_ack('q', :'receipt', NULL);
SELECT cq.queue_ack('q', :'receipt', :'receipt');

-- where nothing may be written
BEGIN READ ONLY;
SELECT cq.queue_send('q', '1');
ROLLBACK;

-- somebody meddled with the tables
SELECT cq.queue_create('meddled');
DO $$ BEGIN
	EXECUTE (SELECT format('ALTER TABLE cq.q%s_s0 ADD COLUMN surprise int', queue_id) FROM cq.queue WHERE name = 'meddled');
END $$;
SELECT cq.queue_send('meddled', '1');
SELECT cq.queue_drop('meddled'), cq.queue_drop('meddled.dead');

SELECT cq.queue_drop('q'), cq.queue_drop('other');
SELECT cq.queue_drop('q.dead'), cq.queue_drop('other.dead');
