-- Roles of an application, with what each of them needs and nothing else.  There
-- must be the exchange events, the queue ledger and the topic history.

CREATE ROLE app LOGIN;
CREATE ROLE worker LOGIN;
CREATE ROLE reader LOGIN;
GRANT USAGE ON SCHEMA cq TO app, worker, reader;

-- the application uses the cache, and publishes to an exchange
SELECT cq.namespace_grant('default', 'app', 'read,write');
SELECT cq.exchange_grant('events', 'app', 'publish');

-- a worker consumes a queue and a topic; it creates consumer groups, which it owns
SELECT cq.queue_grant('ledger', 'worker', 'consume');
SELECT cq.topic_grant('history', 'worker', 'consume');

-- a reader looks, and changes nothing
SELECT cq.namespace_grant('default', 'reader', 'read');
SELECT cq.queue_grant('ledger', 'reader', 'peek');
SELECT cq.topic_grant('history', 'reader', 'read');
SELECT cq.exchange_grant('events', 'reader', 'route');
