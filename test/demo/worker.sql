-- Receive, work for a while, then apply and acknowledge in one transaction.
CALL cq.queue_wait('ledger', '1 s');
SELECT count(*) AS received, array_agg(receipt) AS receipts, array_agg(msg_id) AS ids, array_agg(attempt) AS attempts, array_agg(body) AS bodies FROM cq.queue_receive('ledger', 200) \gset
\if :received > 0
\sleep :pause ms
BEGIN;
INSERT INTO demo.ledger (msg_id, attempt, aid, delta) SELECT id, attempt, (body->>'aid')::int, (body->>'delta')::int FROM unnest(:ids::bigint[], :attempts::int[], :bodies::jsonb[]) AS m (id, attempt, body);
SELECT cq.queue_ack('ledger', VARIADIC :receipts::text[]) AS acknowledged \gset
\if :acknowledged = :received
COMMIT;
\else
ROLLBACK;
\endif
\endif
