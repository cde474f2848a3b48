-- The maintenance worker.

CREATE FUNCTION cq._worker_request() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_worker_request';
COMMENT ON FUNCTION cq._worker_request() IS 'Ask for a maintenance worker in this database, when the transaction commits.';

SELECT cq._worker_request();

CREATE FUNCTION cq._cache_reset() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_cache_reset';
COMMENT ON FUNCTION cq._cache_reset() IS 'Put all that this database has in the cache out of reach, at once.';

-- What an earlier installation left in the cache was not watched meanwhile, and
-- is nobody's.
SELECT cq._epoch_changed();
SELECT cq._cache_reset();
