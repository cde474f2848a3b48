-- Write-behind: functions and views.

CREATE FUNCTION cq.cache_write_behind(namespace text, target regclass, mode text,
    key_column name DEFAULT NULL, value_column name DEFAULT NULL, columns name[] DEFAULT NULL,
    conflict text DEFAULT 'overwrite', batch_size int DEFAULT 1000, delay interval DEFAULT '1 s')
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_cache_write_behind';
COMMENT ON FUNCTION cq.cache_write_behind(text, regclass, text, name, name, name[], text, int, interval) IS
'From now on what is set and deleted in the namespace is written to the table later, in batches. mode: logged, or memory (a crash loses what was not written yet). key_column NULL: the primary key. value_column: where the value goes; NULL: values are jsonb objects that fill columns, those in columns or all. conflict: overwrite, keep, error, when the table has the key already. delay: the longest time before a write. For the owner of both. Errors: 22004, 22023, 42501, 42703 (column), 42704, 42710 (has a rule), 42809 (not a table), 42P10 (key column not unique), 428C9 (generated column).';

CREATE FUNCTION cq.cache_write_behind_drop(namespace text, discard boolean DEFAULT false) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_cache_write_behind_drop';
COMMENT ON FUNCTION cq.cache_write_behind_drop(text, boolean) IS
'End write-behind for a namespace; discard: throw away what is pending. Errors: 22004, 42501, 42704, 55000 (something is pending).';

CREATE FUNCTION cq.cache_flush(namespace text DEFAULT NULL) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_cache_flush';
COMMENT ON FUNCTION cq.cache_flush(text) IS
'Write to the table now, in this transaction, all that is committed and pending; NULL: of all namespaces that the caller owns. Returns how many operations the table accepted. Errors: 25006 (read-only), 42501, 42704, 55000 (no rule), 40001 (old snapshot), and what the table raises for reasons other than a row.';

CREATE VIEW cq.cache_pending WITH (security_barrier) AS
SELECT n.name AS namespace, l.key,
       CASE l.operation WHEN 's' THEN 'set' ELSE 'delete' END AS operation,
       CASE l.type WHEN 1 THEN 'text' WHEN 2 THEN 'bytea' WHEN 3 THEN 'jsonb' END AS type,
       l.queued_at, pg_catalog.octet_length(l.value) AS bytes
FROM (SELECT * FROM cq.write_behind_log UNION ALL SELECT * FROM cq.write_behind_memory) AS l
JOIN cq.namespace AS n USING (namespace_id)
WHERE pg_catalog.pg_has_role((SELECT c.relowner FROM pg_catalog.pg_class AS c WHERE c.oid = n.carrier), 'USAGE') OR pg_catalog.pg_has_role('pg_monitor', 'USAGE');
COMMENT ON VIEW cq.cache_pending IS 'What write-behind has yet to write: one row for each set or delete, of the namespaces that the reader owns; of all for pg_monitor.';

CREATE VIEW cq.stat_write_behind WITH (security_barrier) AS
SELECT n.name AS namespace, CASE b.mode WHEN 'l' THEN 'logged' ELSE 'memory' END AS mode, b.target,
       p.pending, p.oldest, coalesce(s.written, 0) AS written,
       coalesce(s.failed, 0) AS failed, s.last_flush, s.last_error, s.last_error_at
FROM cq.write_behind AS b
JOIN cq.namespace AS n USING (namespace_id)
LEFT JOIN cq.write_behind_stat AS s USING (namespace_id)
CROSS JOIN LATERAL (
    SELECT pg_catalog.count(*) AS pending, pg_catalog.min(queued_at) AS oldest
    FROM (SELECT queued_at FROM cq.write_behind_log AS l WHERE l.namespace_id = b.namespace_id
          UNION ALL
          SELECT queued_at FROM cq.write_behind_memory AS m WHERE m.namespace_id = b.namespace_id) AS q) AS p
WHERE pg_catalog.pg_has_role((SELECT c.relowner FROM pg_catalog.pg_class AS c WHERE c.oid = n.carrier), 'USAGE') OR pg_catalog.pg_has_role('pg_monitor', 'USAGE');
COMMENT ON VIEW cq.stat_write_behind IS 'Rules of write-behind: what is pending, how much was written, what failed, and the last error that held a flush up, until one goes through.';

CREATE VIEW cq.cache_dead_letters WITH (security_barrier) AS
SELECT d.dead_id, (SELECT n.name FROM cq.namespace AS n WHERE n.namespace_id = d.namespace_id) AS namespace,
       d.key, d.operation, d.type, d.value, d.sqlstate, d.error, d.failed_at
FROM cq.write_behind_dead AS d
WHERE EXISTS (SELECT FROM cq.namespace AS n WHERE n.namespace_id = d.namespace_id
              AND pg_catalog.pg_has_role((SELECT c.relowner FROM pg_catalog.pg_class AS c WHERE c.oid = n.carrier), 'USAGE'));
COMMENT ON VIEW cq.cache_dead_letters IS 'Operations of write-behind that the table did not accept, with the error, of the namespaces that the reader owns; see cq.cache_dead_letter_delete.';

CREATE FUNCTION cq.cache_dead_letter_delete(VARIADIC dead_ids bigint[]) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_cache_dead_letter_delete';
COMMENT ON FUNCTION cq.cache_dead_letter_delete(bigint[]) IS
'Delete dead letters of write-behind with these numbers, of the namespaces that the caller owns; returns how many. Errors: 22004, 25006 (read-only).';
