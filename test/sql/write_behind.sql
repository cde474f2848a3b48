-- Write-behind: a table follows a namespace.  A long delay keeps the worker
-- away; cq.cache_flush does its work.
\set VERBOSITY terse
\getenv input PG_ABS_SRCDIR
\i :input/sql/include/await.sql
SET client_min_messages = warning;

CREATE TABLE account (id int PRIMARY KEY, owner text NOT NULL, balance numeric CHECK (balance >= 0),
                      changed timestamptz DEFAULT 'epoch', twice numeric GENERATED ALWAYS AS (balance * 2) STORED);
CREATE VIEW account_now AS SELECT id, owner, balance, changed = 'epoch' AS default_kept, twice FROM account ORDER BY id;
SELECT cq.namespace_create('account');
SELECT cq.cache_write_behind('account', 'account', 'logged', columns => '{owner,balance}', delay => '1 h');
SELECT namespace, mode, target, pending, written, failed, last_flush, last_error FROM cq.stat_write_behind;

-- rows
SELECT cq.cache_set('1', '{"owner": "ann", "balance": 10, "unknown": 1}'::jsonb, namespace => 'account');
SELECT cq.cache_set('2', '{"owner": "bob", "balance": "2.5", "id": 77}'::text, namespace => 'account');
SELECT cq.cache_set_many(ARRAY['3', '4'], ARRAY['{"owner": "cy"}', '{"owner": "di", "balance": 4}'], namespace => 'account');
SELECT * FROM account;
SELECT namespace, key, operation, type, bytes > 0 AS bytes, queued_at <= clock_timestamp() AS queued FROM cq.cache_pending ORDER BY key;
SELECT cq.cache_get_jsonb('1', 'account'), cq.cache_get('2', 'account');
SELECT cq.cache_flush('account');
SELECT * FROM account_now;
SELECT cq.cache_flush('account');
SELECT count(*) FROM cq.cache_pending;
SELECT namespace, pending, oldest, written, failed, last_flush IS NOT NULL AS flushed FROM cq.stat_write_behind;

-- the last operation of a key counts
UPDATE account SET changed = now() WHERE id = 1;
SELECT cq.cache_set('1', jsonb_build_object('owner', 'ann', 'balance', n), namespace => 'account') FROM generate_series(1, 3) AS n;
SELECT cq.cache_set('1', '{"owner": "ann", "balance": 20}'::jsonb, namespace => 'account');
SELECT cq.cache_delete('2', 'account'), cq.cache_delete('no such', 'account');
SELECT cq.cache_set('3', '{"owner": "cy", "balance": 1}'::jsonb, namespace => 'account');
SELECT cq.cache_delete('3', 'account');
SELECT cq.cache_delete('4', 'account');
SELECT cq.cache_set('4', '{"owner": "di2"}'::jsonb, namespace => 'account');
SELECT key, operation FROM cq.cache_pending ORDER BY key, queued_at;
SELECT cq.cache_flush();
SELECT * FROM account_now;
SELECT key, operation, type, value, sqlstate, error FROM cq.cache_dead_letters;

-- what the cache has lost is found in the log
SELECT cq.cache_set('5', '{"owner": "ed", "balance": 5}'::jsonb, namespace => 'account');
SELECT cq.cache_set('6', '{"owner": "short"}'::jsonb, '100 ms', namespace => 'account');
SELECT cq.cache_set('7', '{"owner": "long"}'::text, '1 h', namespace => 'account');
SELECT cq.cache_delete('1', 'account');
SELECT cq.cache_clear('account') > 0;
SELECT cq.cache_get_jsonb('5', 'account'), cq.cache_get('7', 'account'), cq.cache_get_jsonb('1', 'account');
SELECT cq.cache_get('5', 'account');
SELECT value, found, lease IS NOT NULL AS lease FROM cq.cache_get_or_lease('7', 'account');
SELECT value, found, lease IS NOT NULL AS lease FROM cq.cache_get_or_lease('1', 'account');
SELECT value, found, lease IS NOT NULL AS lease FROM cq.cache_get_or_lease('8', 'account');
SELECT key, value, lease IS NOT NULL AS lease FROM cq.cache_get_many('{7,1,8}', 'account');
SELECT cq.cache_delete('7', 'account'), cq.cache_delete('7', 'account');
CALL pg_temp.await($$cq.cache_get_jsonb('6', 'account') IS NULL$$);
SELECT cq.cache_flush();
SELECT * FROM account_now;
SELECT cq.cache_get_jsonb('5', 'account');

-- own transaction, savepoints, rollback
BEGIN;
SELECT cq.cache_set('10', '{"owner": "a"}'::jsonb, namespace => 'account');
SAVEPOINT s;
SELECT cq.cache_set('10', '{"owner": "b"}'::jsonb, namespace => 'account');
SELECT cq.cache_set('11', '{"owner": "b"}'::jsonb, namespace => 'account');
ROLLBACK TO s;
SELECT cq.cache_get_jsonb('10', 'account'), cq.cache_get_jsonb('11', 'account');
SELECT cq.cache_set('12', '{"owner": "c"}'::jsonb, namespace => 'account');
SELECT cq.cache_clear('account') > 0;
SELECT cq.cache_get_jsonb('12', 'account'), cq.cache_set('13', '{"owner": "d"}'::jsonb, namespace => 'account');
SELECT count(*) FROM cq.cache_pending;
COMMIT;
SELECT key, operation FROM cq.cache_pending ORDER BY key;
SELECT cq.cache_get_jsonb('12', 'account'), cq.cache_get_jsonb('13', 'account');
BEGIN;
SELECT cq.cache_set('14', '{"owner": "c"}'::jsonb, namespace => 'account');
ROLLBACK;
BEGIN;
SELECT cq.cache_flush();
ROLLBACK;
SELECT count(*) FROM cq.cache_pending;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT cq.cache_set('15', '{"owner": "s"}'::jsonb, namespace => 'account');
SELECT cq.cache_get_jsonb('15', 'account'), cq.cache_get_jsonb('12', 'account');
COMMIT;
SELECT cq.cache_flush();
SELECT * FROM account_now WHERE id >= 10;

-- rows that the table does not accept: the rest goes on
SELECT cq.cache_set(n::text, jsonb_build_object('owner', CASE WHEN n = 103 THEN NULL ELSE 'x' END,
    'balance', CASE WHEN n = 105 THEN -1 ELSE n END), namespace => 'account') FROM generate_series(100, 109) AS n;
SELECT cq.cache_set('not a number', '{"owner": "x"}'::jsonb, namespace => 'account');
SELECT cq.cache_set('111', '{"owner": "x", "balance": "much"}'::jsonb, namespace => 'account');
SELECT cq.cache_delete(E'it''s "odd"\n', 'account');
SELECT cq.cache_flush();
SELECT * FROM account_now WHERE id >= 100;
SELECT namespace, key, operation, type, value, sqlstate, error FROM cq.cache_dead_letters ORDER BY dead_id;
SELECT pending, written, failed FROM cq.stat_write_behind;
SELECT cq.cache_dead_letter_delete(VARIADIC array_agg(dead_id)) FROM cq.cache_dead_letters WHERE key <> '103';
SELECT count(*) FROM cq.cache_dead_letters;

-- what is not a row's fault
SELECT cq.cache_set('200', '{"owner": "x"}'::jsonb, namespace => 'account');
ALTER TABLE account RENAME COLUMN owner TO holder;
SELECT cq.cache_flush();
ALTER TABLE account RENAME COLUMN holder TO owner;
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;
CREATE TRIGGER slow BEFORE INSERT ON account FOR EACH ROW EXECUTE FUNCTION slow();
SET statement_timeout = '100 ms';
SELECT cq.cache_flush();
RESET statement_timeout;
DROP TRIGGER slow ON account;
SELECT count(*) FROM cq.cache_pending;

-- who runs the table's triggers, and how; deferred ones too
CREATE ROLE cq_behind_owner;
CREATE ROLE cq_behind_writer;
CREATE ROLE cq_behind_other;
GRANT USAGE ON SCHEMA cq TO cq_behind_owner, cq_behind_writer, cq_behind_other;
GRANT EXECUTE ON FUNCTION cq.namespace_create TO cq_behind_owner, cq_behind_other;
CREATE TABLE note (id text PRIMARY KEY, body text, who text);
ALTER TABLE note OWNER TO cq_behind_owner;
CREATE FUNCTION note_who() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.who := current_user || ' ' || current_setting('search_path');
    RETURN NEW;
END $$;
CREATE TRIGGER note_who BEFORE INSERT OR UPDATE ON note FOR EACH ROW EXECUTE FUNCTION note_who();
CREATE FUNCTION note_check() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.body = 'bad' THEN
        RAISE EXCEPTION 'bad, says %', current_user USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER note_check AFTER INSERT OR UPDATE ON note DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION note_check();
SET ROLE cq_behind_owner;
SELECT cq.namespace_create('note');
SELECT cq.namespace_grant('note', 'cq_behind_writer', 'write');
SELECT cq.namespace_grant('note', 'cq_behind_writer', 'read');
SELECT cq.cache_write_behind('note', 'note', 'memory', value_column => 'body', delay => '1 h');
SET ROLE cq_behind_writer;
SELECT cq.cache_set('a', 'good'::text, namespace => 'note'), cq.cache_set('b', 'bad'::text, namespace => 'note'),
       cq.cache_set('c', '{"j": [1, 2]}'::jsonb, namespace => 'note');
SELECT * FROM cq.cache_pending;
SELECT * FROM cq.stat_write_behind;
SELECT cq.cache_flush();
SELECT * FROM cq.write_behind_memory;
SELECT cq.cache_write_behind_drop('note');
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
SELECT cq.cache_flush('note');
COMMIT;
SET ROLE cq_behind_other;
SELECT cq.cache_flush('note');
SELECT * FROM cq.cache_dead_letters;
SELECT * FROM cq.cache_pending;
SET ROLE cq_behind_owner;
SELECT * FROM note ORDER BY id;
SELECT key, value, sqlstate, error FROM cq.cache_dead_letters;
SELECT namespace, mode, pending, written, failed FROM cq.stat_write_behind;
SELECT cq.cache_dead_letter_delete(VARIADIC array_agg(dead_id)) FROM cq.cache_dead_letters;
-- the other's namespace, the owner's table; then the owner's table goes to the other
SELECT cq.cache_write_behind('account', 'note', 'logged');
SET ROLE cq_behind_other;
SELECT cq.namespace_create('mine');
SELECT cq.cache_write_behind('mine', 'note', 'logged');
RESET ROLE;
ALTER TABLE note OWNER TO cq_behind_other;
SELECT cq.cache_set('d', 'text'::text, namespace => 'note');
SELECT cq.cache_flush('note');
ALTER TABLE note OWNER TO cq_behind_owner;
SELECT cq.cache_flush('note');

-- dropping
SELECT cq.cache_set('e', 'text'::text, namespace => 'note');
SELECT cq.cache_write_behind_drop('note');
SELECT cq.namespace_drop('note');
DROP TABLE note;
SELECT cq.cache_flush('note');
SELECT namespace, target = 0 AS none, pending FROM cq.stat_write_behind WHERE namespace = 'note';
CREATE TABLE note (id text PRIMARY KEY, body text);
ALTER TABLE note OWNER TO cq_behind_owner;
SELECT cq.cache_write_behind_drop('note', discard => NULL);
SELECT cq.cache_write_behind_drop('note', discard => true);
SELECT count(*) FROM cq.cache_pending WHERE namespace = 'note';
SELECT cq.cache_write_behind_drop('note');
SELECT cq.cache_flush('note');
SELECT cq.cache_set('f', 'plain again'::text, namespace => 'note', condition => 'absent');
SELECT count(*) FROM cq.cache_pending WHERE namespace = 'note';

-- dropped and made anew in one transaction, with a savepoint
SELECT cq.cache_write_behind('note', 'note', 'logged', value_column => 'body', delay => '1 h');
BEGIN;
SELECT cq.cache_set('g', 'g'::text, namespace => 'note');
SAVEPOINT s;
SELECT cq.cache_write_behind_drop('note');
ROLLBACK TO s;
COMMIT;
SELECT cq.cache_flush('note');
BEGIN;
SELECT cq.cache_set('h', 'h'::text, namespace => 'note');
SELECT cq.cache_write_behind_drop('note');
COMMIT;
SELECT cq.cache_set('h', 'h'::text, namespace => 'note');
SELECT cq.cache_flush('note');
SELECT * FROM note ORDER BY id;
SELECT cq.namespace_drop('note');
SELECT count(*) FROM cq.write_behind;

-- conflict rules
CREATE TABLE kept (id bigint PRIMARY KEY, data bytea);
INSERT INTO kept VALUES (1, 'old');
SELECT cq.namespace_create('kept');
SELECT cq.cache_write_behind('kept', 'kept', 'logged', value_column => 'data', conflict => 'keep', delay => '1 h', batch_size => 1);
SELECT cq.cache_set('1', 'new'::bytea, namespace => 'kept'), cq.cache_set('2', 'new'::bytea, namespace => 'kept');
SELECT cq.cache_set('2', 'text'::text, namespace => 'kept');
SELECT cq.cache_flush('kept');
SELECT * FROM kept ORDER BY id;
SELECT cq.cache_write_behind_drop('kept');
SELECT cq.cache_write_behind('kept', 'kept', 'memory', value_column => 'data', conflict => 'error', delay => '1 h', batch_size => 2);
SELECT cq.cache_set(n::text, 'newer'::bytea, namespace => 'kept') FROM generate_series(1, 5) AS n;
SELECT cq.cache_flush('kept');
SELECT * FROM kept ORDER BY id;
SELECT key, type, value, sqlstate FROM cq.cache_dead_letters WHERE namespace = 'kept' ORDER BY key;

-- a table of nothing but the key; a domain; partitions; a strange name
CREATE TABLE "odd ""name" ("the key" text, CONSTRAINT odd UNIQUE ("the key"));
SELECT cq.namespace_create(E'odd "space\n');
SELECT cq.cache_write_behind(E'odd "space\n', '"odd ""name"', 'logged');
SELECT cq.cache_write_behind(E'odd "space\n', '"odd ""name"', 'logged', key_column => 'the key', delay => '1 h');
SELECT cq.cache_set(E'k''\n', '{}'::jsonb, namespace => E'odd "space\n');
SELECT cq.cache_flush(E'odd "space\n');
SELECT cq.cache_set(E'k''\n', '{}'::jsonb, namespace => E'odd "space\n'), cq.cache_set(E'k2', '{}'::jsonb, namespace => E'odd "space\n');
SELECT cq.cache_delete(E'k''\n', E'odd "space\n');
SELECT cq.cache_flush(E'odd "space\n');
TABLE "odd ""name";
CREATE DOMAIN code AS varchar(3) CHECK (value <> 'bad');
CREATE TABLE part (id code PRIMARY KEY, v int, big bigint GENERATED ALWAYS AS IDENTITY) PARTITION BY LIST (id);
CREATE TABLE part_default PARTITION OF part DEFAULT;
SELECT cq.namespace_create('part');
SELECT cq.cache_write_behind('part', 'part', 'memory', delay => '1 h');
SELECT cq.cache_set(k, '{"v": 1}'::jsonb, namespace => 'part') FROM unnest('{abc,xyz,bad,long}'::text[]) AS k;
SELECT cq.cache_flush('part');
SELECT cq.cache_delete(k, 'part') FROM unnest('{xyz,bad,long}'::text[]) AS k;
SELECT cq.cache_flush('part');
TABLE part;
SELECT key, sqlstate, error FROM cq.cache_dead_letters WHERE namespace = 'part' ORDER BY key;

-- many keys in one transaction, larger than a batch
BEGIN;
SELECT count(cq.cache_set(n::text, jsonb_build_object('owner', repeat('x', 3000), 'balance', n), namespace => 'account')) FROM generate_series(1000, 3500) AS n;
COMMIT;
SELECT cq.cache_flush('account');
SELECT count(*), sum(balance), min(length(owner)) FROM account WHERE id >= 1000;

-- what such a namespace does not take
SELECT cq.cache_incr('1', namespace => 'account');
SELECT cq.cache_set('1', '{}'::jsonb, namespace => 'account', condition => 'absent');
SELECT cq.cache_set('1', '{}'::jsonb, namespace => 'account', version => 1);
SELECT cq.cache_set('1', '{}'::jsonb, namespace => 'account', tags => '{a}');
SELECT cq.cache_set('1', '{}'::jsonb, namespace => 'account', lease => 1);
SELECT cq.cache_set('1', '[]'::jsonb, namespace => 'account');
SELECT cq.cache_set('1', 'no json'::text, namespace => 'account');
SELECT cq.cache_set('1', 'x'::bytea, namespace => 'account');
SELECT cq.cache_watch('account', write_through => '{"key": "{id}", "namespace": "account"}');
SELECT cq.cache_touch('1000', '1 h', 'account');
BEGIN READ ONLY;
SELECT cq.cache_set('1', '{"owner": "x"}'::jsonb, namespace => 'account');
ROLLBACK;
BEGIN READ ONLY;
SELECT cq.cache_delete('1', 'account');
ROLLBACK;
BEGIN;
SELECT cq.cache_set('1', '{"owner": "x"}'::jsonb, namespace => 'account');
PREPARE TRANSACTION 'behind';
BEGIN;
SELECT cq.cache_write_behind_drop('account');
PREPARE TRANSACTION 'behind';
SELECT count(*) FROM cq.cache_pending;

-- bad rules
SELECT cq.namespace_create('bad');
SELECT cq.cache_write_behind('default', 'account', 'logged');
SELECT cq.cache_write_behind('none', 'account', 'logged');
SELECT cq.cache_write_behind(NULL, 'account', 'logged');
SELECT cq.cache_write_behind('bad', NULL, 'logged');
SELECT cq.cache_write_behind('bad', 'account', NULL);
SELECT cq.cache_write_behind('bad', 'account', 'fast');
SELECT cq.cache_write_behind('bad', 'account', 'logged', conflict => 'win');
SELECT cq.cache_write_behind('bad', 'account', 'logged', batch_size => 0);
SELECT cq.cache_write_behind('bad', 'account', 'logged', delay => '-1 s');
SELECT cq.cache_write_behind('bad', 'account', 'logged', delay => NULL);
SELECT cq.cache_write_behind('bad', 'account', 'logged', key_column => 'none');
SELECT cq.cache_write_behind('bad', 'account', 'logged', key_column => 'owner');
SELECT cq.cache_write_behind('bad', 'account', 'logged', value_column => 'none');
SELECT cq.cache_write_behind('bad', 'account', 'logged', value_column => 'id');
SELECT cq.cache_write_behind('bad', 'account', 'logged', value_column => 'twice');
SELECT cq.cache_write_behind('bad', 'account', 'logged', value_column => 'owner', columns => '{owner}');
SELECT cq.cache_write_behind('bad', 'account', 'logged', columns => '{}');
SELECT cq.cache_write_behind('bad', 'account', 'logged', columns => '{owner,owner}');
SELECT cq.cache_write_behind('bad', 'account', 'logged', columns => '{id}');
SELECT cq.cache_write_behind('bad', 'account', 'logged', columns => '{NULL}');
SELECT cq.cache_write_behind('bad', 'account', 'logged', columns => '{ctid}');
SELECT cq.cache_write_behind('bad', 'account_now', 'logged');
SELECT cq.cache_write_behind('bad', 'pg_class', 'logged', key_column => 'oid');
SELECT cq.cache_write_behind('account', 'account', 'logged');
SELECT cq.cache_write_behind_drop('bad');
SELECT cq.cache_flush('bad');
SELECT cq.cache_flush('default');

SELECT cq.cache_flush();
SELECT cq.namespace_drop(n) FROM unnest(ARRAY['account', 'kept', 'part', 'bad', 'mine', E'odd "space\n']) AS n;
SELECT count(*) FROM cq.write_behind;
DELETE FROM cq.write_behind_dead;
DROP TABLE account, kept, part, note, "odd ""name" CASCADE;
DROP DOMAIN code;
DROP FUNCTION slow, note_who, note_check;
REVOKE ALL ON SCHEMA cq FROM cq_behind_owner, cq_behind_writer, cq_behind_other;
REVOKE ALL ON FUNCTION cq.namespace_create FROM cq_behind_owner, cq_behind_other;
DROP ROLE cq_behind_owner, cq_behind_writer, cq_behind_other;
