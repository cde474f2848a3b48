\echo Use "CREATE EXTENSION cachequeue" to load this file. \quit

CREATE SCHEMA cq;

COMMENT ON SCHEMA cq IS 'cachequeue: transactional cache and message queue';
