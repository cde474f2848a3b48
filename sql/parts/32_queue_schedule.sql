-- Work queues: messages sent by the clock, which is pg_cron's.
--
-- A schedule is a job of pg_cron whose command sends the message, with the
-- rights of who made it.  Its job's name has a prefix, so that no other job is
-- replaced or removed by mistake.  The job table is pg_cron's, and so are its
-- rules: names are told apart by role, times are those of its time zone.

CREATE FUNCTION cq.queue_schedule_check(name text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    prefix CONSTANT text := 'cachequeue:';
    -- pg_cron before 1.5 cuts the rest off
    bytes_max CONSTANT int := 63 - octet_length(prefix);
    home text;
    is_secret boolean := false;
BEGIN
    IF name IS NULL THEN
        RAISE null_value_not_allowed USING MESSAGE = 'name must not be null';
    END IF;
    IF octet_length(name) NOT BETWEEN 1 AND bytes_max THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('a schedule''s name must have 1 to %s bytes, not %s', bytes_max, octet_length(name));
    END IF;
    BEGIN
        home := current_setting('cron.database_name', true);
    EXCEPTION WHEN insufficient_privilege THEN
        is_secret := true;
    END;
    IF home IS NULL AND NOT is_secret THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'schedules need pg_cron, which is not preloaded',
            HINT = format('Install pg_cron, add it to shared_preload_libraries, set cron.database_name = %L, restart the server, and CREATE EXTENSION pg_cron.', current_database());
    END IF;
    IF home <> current_database() THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('pg_cron works in database "%s" and not here', home),
            HINT = format('There, call cron.schedule_in_database with a command that calls cq.queue_send and %L as the database. Or set cron.database_name to it.', current_database());
    END IF;
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'schedules need pg_cron, which is not installed in this database',
            HINT = format('CREATE EXTENSION pg_cron. If cron.database_name is another database, call cron.schedule_in_database there, with a command that calls cq.queue_send and %L as the database.', current_database());
    END IF;
    IF NOT has_schema_privilege('cron', 'USAGE') THEN
        RAISE insufficient_privilege USING
            MESSAGE = 'permission denied for schema cron',
            HINT = format('GRANT USAGE ON SCHEMA cron TO %I.', current_user);
    END IF;
    RETURN prefix || name;
END
$$;
COMMENT ON FUNCTION cq.queue_schedule_check(text) IS
'The name of the pg_cron job of a schedule. Raises 22004, 22023 (name), 55000 (pg_cron does not work in this database), 42501 (the caller may not use it).';

CREATE FUNCTION cq.queue_schedule(name text, cron text, queue text, body jsonb,
    headers jsonb = NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    job_name CONSTANT text := cq.queue_schedule_check(name);
    job_id bigint;
BEGIN
    IF cron IS NULL THEN
        RAISE null_value_not_allowed USING MESSAGE = 'cron must not be null';
    END IF;
    IF body IS NULL THEN
        RAISE null_value_not_allowed USING MESSAGE = 'body must not be null';
    END IF;
    IF jsonb_typeof(headers) <> 'object' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'headers must be a JSON object';
    END IF;

    -- sends nothing, but raises what a send would: no such queue, no privilege
    PERFORM cq.queue_send_many(queue, '{}');

    job_id := cron.schedule(job_name, cron,
        format('SELECT cq.queue_send(%L, %L::pg_catalog.jsonb, %L::pg_catalog.jsonb)', queue, body, headers));

    -- (cron.database_name may be hidden from who has not pg_read_all_settings)
    IF NOT EXISTS (SELECT FROM cron.job AS j WHERE j.jobid = job_id AND j.database = current_database()) THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'pg_cron works in another database and not here',
            HINT = format('There, call cron.schedule_in_database with a command that calls cq.queue_send and %L as the database.', current_database());
    END IF;
    RETURN job_id;
END
$$;
COMMENT ON FUNCTION cq.queue_schedule(text, text, text, jsonb, jsonb) IS
'Send this message to the queue whenever the cron expression says so, as the current role, from the commit of this transaction on; instead of what that role had scheduled under the name. The times are those of pg_cron. Returns the number of its job. Raises 22023 (name, cron expression, headers), 22004, 42704 (no such queue), 42501 (needs send, and USAGE on schema cron), 55000 (pg_cron does not work in this database).';

CREATE FUNCTION cq.queue_unschedule(name text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    job_name CONSTANT text := cq.queue_schedule_check(name);
    job_id bigint;
BEGIN
    SELECT j.jobid INTO job_id FROM cron.job AS j
    WHERE j.jobname = job_name AND j.username = current_user;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    RETURN cron.unschedule(job_id);
END
$$;
COMMENT ON FUNCTION cq.queue_unschedule(text) IS
'End a schedule of the current role, when the transaction commits; false if there is none of that name. Raises 22023, 22004, 42501, 55000.';

REVOKE ALL ON FUNCTION
    cq.queue_schedule_check(text),
    cq.queue_schedule(text, text, text, jsonb, jsonb),
    cq.queue_unschedule(text)
FROM PUBLIC;
-- these ask for the privileges that they need: send on the queue, pg_cron's own
GRANT EXECUTE ON FUNCTION
    cq.queue_schedule_check(text),
    cq.queue_schedule(text, text, text, jsonb, jsonb),
    cq.queue_unschedule(text)
TO PUBLIC;
