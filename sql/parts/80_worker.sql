-- The maintenance worker.

CREATE FUNCTION cq._worker_request() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_worker_request';
COMMENT ON FUNCTION cq._worker_request() IS 'Ask for a maintenance worker in this database, when the transaction commits.';

SELECT cq._worker_request();

-- What an earlier installation left in the cache was not watched meanwhile.
SELECT cq._epoch_changed();
