-- Move queues from pgmq to cachequeue.  For psql:
--
--	psql -d shop -f pgmq-to-cachequeue.sql
--	psql -d shop -v queues='mail%' -v groups=on -v archives=on -f pgmq-to-cachequeue.sql
--
--	queues		those that are LIKE this; otherwise all
--	groups		the header x-pgmq-group becomes the group key: set it if the queue
--				was read with pgmq.read_grouped
--	archives	what was archived is moved as well, to a queue <queue>.archive
--
-- For each queue of pgmq.meta there is one of the same name afterwards.  Create
-- it before, if its options are to be others than the defaults.  Its messages
-- are sent in the order of their numbers and deleted from pgmq, in one
-- transaction for each queue, which locks pgmq's table: whoever sends or reads
-- there waits, and nothing is missed.  After an error the queues before it have
-- been moved; run the script again, also for what was sent to pgmq since.
--
-- A message keeps its body, its headers, and the time until it is visible again,
-- up to 100 years.  A header "pgmq" is added, an object with the rest: msg_id,
-- read_ct, enqueued_at, and so on.  A body that was NULL is the null of JSON;
-- headers that are not an object are in headers -> 'pgmq' -> 'headers'.
--
-- The caller must be able to lock and delete from pgmq's tables, and to create
-- queues and send to them.

\set ON_ERROR_STOP on
\if :{?queues}
\else
	\set queues '%'
\endif
\if :{?groups}
\else
	\set groups off
\endif
\if :{?archives}
\else
	\set archives off
\endif

SET search_path = pg_catalog;
-- a snapshot is to be newer than the lock
SET default_transaction_isolation = 'read committed';
SELECT set_config('pgmq_to_cachequeue.queues', :'queues', false),
	set_config('pgmq_to_cachequeue.groups', :'groups', false),
	set_config('pgmq_to_cachequeue.archives', :'archives', false) \g /dev/null

CREATE FUNCTION pg_temp.move_messages(source text, target text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	grouped CONSTANT boolean := current_setting('pgmq_to_cachequeue.groups');
	message record;
	headers jsonb;
	others jsonb;
	delay interval;
	n bigint := 0;
BEGIN
	EXECUTE format('LOCK TABLE pgmq.%I IN ACCESS EXCLUSIVE MODE', source);
	BEGIN
		PERFORM cq.queue_create(target);
	EXCEPTION WHEN duplicate_object THEN
		NULL;	-- as it is
	END;

	-- (as JSON, since versions of pgmq differ in the columns)
	FOR message IN EXECUTE format(
		'SELECT to_jsonb(q) AS columns, q.vt FROM pgmq.%I AS q ORDER BY q.msg_id', source)
	LOOP
		headers := coalesce(message.columns -> 'headers', 'null');
		others := message.columns - '{message, headers, vt}'::text[];
		IF jsonb_typeof(headers) NOT IN ('object', 'null') THEN
			others := others || jsonb_build_object('headers', headers);
		END IF;
		IF jsonb_typeof(headers) <> 'object' THEN
			headers := '{}';
		END IF;
		headers := headers || jsonb_build_object('pgmq', others);

		-- what is archived waits for nothing
		delay := NULL;
		IF message.vt > clock_timestamp() AND NOT others ? 'archived_at' THEN
			delay := greatest(least(message.vt, clock_timestamp() + interval '36500 days')
				- clock_timestamp(), '0');
		END IF;

		IF grouped THEN
			PERFORM cq.queue_send(target, message.columns -> 'message', headers, delay,
				group_key => nullif(headers ->> 'x-pgmq-group', ''));
		ELSE
			PERFORM cq.queue_send(target, message.columns -> 'message', headers, delay);
		END IF;
		n := n + 1;
	END LOOP;

	EXECUTE format('DELETE FROM pgmq.%I', source);
	RETURN n;
END
$$;

DO $$
DECLARE
	queue text;
	source text;
BEGIN
	FOR queue IN
		SELECT queue_name FROM pgmq.meta
		WHERE queue_name LIKE current_setting('pgmq_to_cachequeue.queues')
		ORDER BY queue_name
	LOOP
		source := lower(queue);		-- as pgmq names its tables
		RAISE NOTICE '%: % messages', queue, pg_temp.move_messages('q_' || source, queue);
		IF current_setting('pgmq_to_cachequeue.archives')::boolean THEN
			RAISE NOTICE '%: % archived messages', queue,
				pg_temp.move_messages('a_' || source, queue || '.archive');
		END IF;
		COMMIT;
	END LOOP;
END
$$;

DROP FUNCTION pg_temp.move_messages(text, text);
