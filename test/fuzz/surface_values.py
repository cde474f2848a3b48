"""What surface.py passes to functions: SQL expressions, by type and by name of argument.

nasty(type) are values that no caller means well with; good(function, argument, type)
are such that a call gets far inside, with names of objects that surface_setup.py makes.
"""


def literal(text):
    return "E'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


# of others, and as such nobody may touch them
VICTIM_NAMES = [
    "victim queue", "victim queue.dead", "victim sendonly", "victim topic", "victim group",
    "victim shared group", "victim publishonly", "victim exchange", "victim open exchange",
    "victim space", "victim behind", "victim key", "victim result", "victim member",
    "surface_victim.account", "surface_victim", "postgres",
]

QUEUES = ["own", "own fifo", "own limited", "own dedup", "it's \"own\"\n\\queue", "shared manage",
          "victim sendonly", "own.dead"]
TOPICS = ["own", "own compact", "it's \"own\"\n\\topic", "victim publishonly"]
GROUPS = ["group", "shared group"]
MEMBERS = ["m1", "m2"]
EXCHANGES = ["own direct", "own topic", "own headers", "own fanout", "victim open exchange"]
NAMESPACES = ["default", "own space", "own small space", "own behind", "own memory behind"]
KEYS = ["k1", "k2", "k3", "1", "2", "account:1"]
TABLES = ["own_table", "own_parent", "own_part", "own_behind"]

# words that some argument has a meaning for
WORDS = """default public none reject block drop_oldest direct fanout topic headers queue exchange
    ready delayed in_flight blocked dead uncommitted settled send consume manage publish read write
    peek alter purge route invalidate clear send,consume group namespace
    all earliest latest exclusive shared range sticky all any exponential linear constant absent
    present version logged memory overwrite ignore keep error own transaction session id val
    name value key ttl lease max_length backoff
    surface_user surface_friend pg_monitor""".split()

TEXTS = [
    "", " ", "'", '"', "it's", 'a"b', "new\nline", "tab\t", "cr\r\n", "back\\slash", "\\000",
    "\\u0000", "\\x00", "%s%n%d%x", "%", "{", "}", "{}", "{id}", "{{id}}", "{id", "id}",
    "{nowhere}", "{id}{id}:{val}", "{\"key\": 1}", "$1", "$0", "$1$2", "--", "/*", ";", "a;b",
    ".", "..", "a.b", "a..b", "#", "*", "#.#", "*.*", "a.#.b.*", "#.#.#.#.#.#.#.#.#.#.z",
    "0", "-1", "1", "2147483648", "9223372036854775807", "9223372036854775808", "NaN",
    "infinity", "-infinity", "1 day", "-1 day", "178000000 years", "2000-01-01",
    "294276-12-31 23:59:59+00", "-4713-01-01", "true", "null", "NULL", "[]", "[1,2]",
    "0:0", "0:1:2", "1:2:3:4", "1-1", "-:-", "0000000000000000", "ffffffffffffffff",
    "1.1.1.1", "AAAA", "====", "\u00fc\u00e4", "\u4e2d\u6587", "\U0001f600", "e\u0301", "\u0001",
    "\u007f", "\uffff", "pg_catalog", "cq", "cq.queue", "public.own_table", "nowhere", "* * * * *",
    "SELECT 1", "SELECT 1; SELECT 2", "SELECT", "SELECT $1", "SELECT $1::int", "SELECT $2",
    "SELECT id, val FROM own_table", "SELECT * FROM own_table WHERE id = $1::int",
    "SELECT * FROM own_parent", "TABLE own_view", "VALUES (1, 'x')",
    "SELECT * FROM surface_victim.account", "SELECT secret FROM surface_victim.account",
    "SELECT * FROM cq.queue", "INSERT INTO own_table VALUES (77)", "DELETE FROM own_table",
    "UPDATE own_table SET val = val RETURNING *", "CREATE TABLE x ()", "DROP TABLE own_table",
    "BEGIN", "COMMIT", "ROLLBACK", "SET work_mem = '1MB'", "COPY own_table TO STDOUT", "DO ''",
    "EXPLAIN SELECT 1", "SELECT pg_sleep(0.01)", "SELECT 1/0", "SELECT now()", "SELECT random()",
    "SELECT NULL", "SELECT FROM own_table", "SELECT cq.cache_fetch('k', 'SELECT 1')",
    "SELECT cq.cache_get('k1')", "SELECT cq.cache_set('k1', 'x')",
    "SELECT * FROM own_table FOR UPDATE", "SELECT count(*) FROM generate_series(1, 10000)",
    "SELECT repeat('x', 100000)", "SELECT x FROM generate_series(1, 3000) AS x",
    "WITH w AS (INSERT INTO own_table VALUES (78) RETURNING *) SELECT * FROM w",
    "SELECT '\\x00'::bytea", "SELECT own_table FROM own_table", "SELECT 1 AS a, 2 AS a",
    "SELECT ARRAY[[1,2],[3,4]], '{}'::jsonb, NULL::int4range", "SELECT txid_current()",
] + WORDS + VICTIM_NAMES

BIG_TEXTS = [
    "repeat('x', %d)" % n for n in (63, 64, 127, 128, 200, 201, 255, 256, 1000, 1024, 1025, 8191,
                                    65536, 1048576)
] + [
    "repeat(E'\\u00fc', 32)", "repeat(E'\\u00fc', 100)", "repeat(E'\\u00fc', 512)",
    "repeat('#.', 500)", "repeat('*.', 511)", "repeat('a.', 512)", "repeat('{id}', 300)",
    "repeat('{', 1000)", "repeat('(', 5000)", "chr(1114109)",
    "'SELECT ' || repeat('-', 3000) || '1'", "'SELECT ' || repeat('(', 3000) || '1'",
    "'SELECT 1' || repeat(', 1', 1663)", "'SELECT 1' || repeat(', 1', 1664)",
    "'x' || gen_random_uuid()",
]

JSONS = [
    "null", "true", "0", "-1", "1e1000", "1e-1000", "NaN", '""', '"x"', "[]", "{}", "[null]",
    "[[[]]]", '[{"a": 1}]', '{"a": null}', '{"": ""}', '{"a": {"b": {"c": [1, 2, {"d": 4}]}}}',
    '{"key": "k:{id}"}', '{"key": "k:{id}", "ttl": "1 day", "columns": ["id", "val"]}',
    '{"key": "{nowhere}"}', '{"key": ""}', '{"key": null}', '{"key": 1}', '{"key": []}',
    '{"key": "k:{id}", "namespace": "victim space"}', '{"key": "k:{id}", "ttl": "-1 day"}',
    '{"key": "k:{id}", "ttl": "infinity"}', '{"key": "k:{id}", "namespace": ""}',
    '{"key": "k:{id}", "columns": []}', '{"key": "k:{id}", "columns": ["nowhere"]}',
    '{"key": "k:{id}", "columns": [null]}', '{"key": "k:{val}"}', '{"key": "k"}',
    '{"cq_exchange": 1, "cq_routing_key": {}, "cq_from": []}', '{"x-match": "any"}',
    '{"cq_dead_letter": {"queue": "victim queue"}, "cq_queue": "victim queue"}', '{"a": "\\u0000"}',
    '{"a": "\\ud83d"}', "{", "",
]
BIG_JSONS = [
    "to_jsonb(repeat('x', 1048576))", "(repeat('[', 3000) || repeat(']', 3000))::jsonb",
    "jsonb_build_object(repeat('k', 100000), 1)",
    "(SELECT jsonb_object_agg(i::text, i) FROM generate_series(1, 2000) AS i)",
    "(SELECT jsonb_agg(i) FROM generate_series(1, 5000) AS i)",
    "jsonb_build_object('key', 'k:{id}', 'columns', (SELECT jsonb_agg('c' || i) FROM generate_series(1, 2000) AS i))",
]

INTS = [-2147483648, -1, 0, 1, 2, 3, 15, 16, -16, -17, 63, 64, 100, 1024, 1025, 10000, 10001,
        65535, 65536, 2147483646, 2147483647]
BIGINTS = [-9223372036854775807, -2147483649, -1, 0, 1, 2, 1000, 65535, 65536, 2147483647,
           2147483648, 4294967295, 4294967296, 1 << 40, 1 << 48, 9223372036854775806,
           9223372036854775807]
INTERVALS = ["0", "-1 second", "1 microsecond", "1 millisecond", "0.5 milliseconds", "1 second", "1 day",
             "1 month", "-1 month", "1 month -30 days", "100 years", "101 years", "-100 years",
             "178000000 years", "-178000000 years", "2147483647 days", "1 month -1 second",
             "2147483647 months", "9223372036854775807 microseconds", "10 milliseconds"]
FLOATS = ["NaN", "infinity", "-infinity", "0", "-0", "-1", "1e-300", "5e-324", "1e300", "1e308",
          "0.5", "1", "1000000000"]

RELATIONS = TABLES + [
    "own_view", "own_matview", "own_sequence", "own_table_pkey", "own_temp", "own_type",
    "own_unlogged", "own_nokey", "own_rls", "surface_victim.account",
    "surface_victim.account_pkey", "pg_class", "pg_catalog.pg_proc", "pg_attribute_relid_attnum_index",
    "pg_authid", "information_schema.tables", "cq.queue", "cq.namespace", "cq.cache_watches",
    "cq.queue_queue_id_seq", "cq.message", "cq.q1_s0", "cq.t1_s0", "cq.queue_1", "cq.topic_1", "cq.namespace_0",
]

# what may happen to a table with triggers of ours
ON_WATCHED = [
    "INSERT INTO TABLE_NAME VALUES (999, 'x')", "UPDATE TABLE_NAME SET val = 'y'",
    "DELETE FROM TABLE_NAME WHERE id = 999", "TRUNCATE TABLE_NAME",
    "INSERT INTO TABLE_NAME VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET val = 'z'",
    "UPDATE TABLE_NAME SET id = id + 1000", "INSERT INTO TABLE_NAME VALUES (NULL, NULL)",
    "ALTER TABLE TABLE_NAME DROP COLUMN val", "ALTER TABLE TABLE_NAME RENAME COLUMN val TO other",
    "ALTER TABLE TABLE_NAME ALTER COLUMN val TYPE jsonb USING '{}'",
    "ALTER TABLE TABLE_NAME DROP CONSTRAINT IF EXISTS TABLE_NAME_pkey", "ALTER TABLE TABLE_NAME ADD COLUMN extra int",
    "ALTER TABLE TABLE_NAME DISABLE TRIGGER ALL", "ALTER TABLE TABLE_NAME ENABLE ALWAYS TRIGGER ALL",
    "ALTER TABLE own_parent DETACH PARTITION own_part", "ALTER TABLE TABLE_NAME INHERIT own_nokey",
    "SELECT * FROM cq.cache_watches",
    "SELECT cq._watch_write_through('TABLE_NAME'), cq._watch_templates('TABLE_NAME'), cq._own_write_through('TABLE_NAME')",
    "SELECT cq.cache_watch('TABLE_NAME', '{t:{id}}', '{\"key\": \"k:{id}\"}')", "SELECT cq.cache_watch('own_parent')",
    "SELECT cq.cache_unwatch('TABLE_NAME')", "SELECT cq._rewatch('TABLE_NAME')",
    "SELECT cq.cache_fetch('f', 'SELECT * FROM TABLE_NAME LIMIT 1')",
    "CREATE INDEX own_index ON TABLE_NAME (val)", "DROP INDEX own_index",
]

# what a role may try with what is in schema cq
ON_RELATIONS = [
    "DELETE FROM %s", "TRUNCATE %s", "INSERT INTO %s DEFAULT VALUES", "LOCK TABLE %s", "DROP TABLE %s", "DROP VIEW %s",
    "DROP VIEW %s CASCADE", "ALTER TABLE %s OWNER TO surface_user", "ALTER VIEW %s OWNER TO surface_friend",
    "ALTER VIEW %s RENAME TO other", "ALTER VIEW %s SET SCHEMA own", "GRANT ALL ON %s TO surface_user",
    "GRANT SELECT ON %s TO PUBLIC", "REVOKE ALL ON %s FROM surface_user", "CREATE OR REPLACE VIEW %s AS SELECT 1 AS x",
    "CREATE RULE r AS ON INSERT TO %s DO INSTEAD NOTHING", "CREATE VIEW own.v AS SELECT * FROM %s",
    "CREATE TRIGGER t INSTEAD OF INSERT ON %s FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "SELECT setval('%s', 2147483647)", "SELECT nextval('%s')", "SELECT * FROM %s FOR UPDATE", "COMMENT ON VIEW %s IS 'x'",
]


def _arrays(elements, kind):
    cast = "::%s[]" % kind
    return ["NULL", "'{}'" + cast, "ARRAY[NULL]" + cast, "ARRAY[NULL, NULL, NULL]" + cast] + [
        "ARRAY[%s]%s" % (e, cast) for e in elements
    ] + [
        "ARRAY[%s, NULL]%s" % (elements[0], cast),
        "ARRAY[%s, %s]%s" % (elements[0], elements[0], cast),
        "ARRAY[ARRAY[%s, %s], ARRAY[%s, %s]]%s" % (elements[0], elements[1], elements[2], elements[3], cast),
        "ARRAY[ARRAY[]::text[]]::text[]" + cast,
        "array_fill(%s%s, ARRAY[3], ARRAY[-5])" % (elements[1], cast[:-2]),
        "array_fill(%s%s, ARRAY[65])" % (elements[1], cast[:-2]),
        "array_fill(%s%s, ARRAY[10001])" % (elements[1], cast[:-2]),
        "array_fill(NULL%s, ARRAY[20000])" % cast[:-2],
    ]


def _nasty():
    texts = ["NULL"] + [literal(t) for t in TEXTS] + BIG_TEXTS
    jsons = ["NULL"] + [literal(t) + "::jsonb" for t in JSONS] + BIG_JSONS
    relations = ["NULL", "0::regclass", "1::regclass", "999999999::regclass", "4294967295::regclass",
                 "(SELECT max(reltoastrelid)::regclass FROM pg_class WHERE relname = 'own_table')"]
    relations += ["to_regclass(%s)" % literal(t) for t in RELATIONS]
    some_texts = [literal(t) for t in TEXTS[:60:2] + WORDS[::3] + VICTIM_NAMES] + BIG_TEXTS[1::2]
    distinct = "(SELECT array_agg('e' || i) FROM generate_series(1, %d) AS i)"
    return {
        "text": texts,
        "name": ["NULL"] + ["(%s)::name" % t for t in texts[1:]],
        "bytea": ["NULL", "''::bytea", "'\\x00'::bytea", "'\\xff00ff'::bytea",
                  "convert_to(repeat('x', 1048576), 'UTF8')", "decode(repeat('00', 70000), 'hex')"],
        "jsonb": jsons,
        "integer": ["NULL"] + ["(%d)" % i for i in INTS],
        "bigint": ["NULL", "(-9223372036854775808)"] + ["(%d)::bigint" % i for i in BIGINTS],
        "double precision": ["NULL"] + ["'%s'::float8" % f for f in FLOATS],
        "boolean": ["NULL", "true", "false"],
        "interval": ["NULL"] + ["'%s'::interval" % i for i in INTERVALS],
        "regclass": relations,
        "oid": ["NULL", "0", "1", "999999999", "4294967295", "'own_table'::regclass::oid",
                "to_regclass('surface_victim.account')::oid", "1259"],
        "text[]": _arrays(some_texts, "text") + [distinct % 64, distinct % 65, distinct % 10000],
        "name[]": _arrays([literal(t) for t in ["id", "val", "nowhere", "", "own_table"]], "name"),
        "jsonb[]": _arrays(jsons[1:12] + jsons[16:17] + jsons[-6:-3], "jsonb"),
        "integer[]": _arrays(["(%d)" % i for i in INTS], "integer"),
    }


NASTY = _nasty()


def nasty(kind):
    return NASTY.get(kind, ["NULL"])


def _texts(*names):
    return [literal(n) for n in names]


GOOD_BY_NAME = {
    "queue": _texts(*QUEUES),
    "topic": _texts(*TOPICS),
    "group_name": _texts(*GROUPS),
    "member": _texts(*MEMBERS),
    "exchange": _texts(*EXCHANGES),
    "namespace": _texts(*NAMESPACES),
    "key": _texts(*KEYS),
    "keys": ["ARRAY['k1', 'k2', 'k3']", "ARRAY['1', '2']"],
    "values": ["ARRAY['v1', 'v2', 'v3']", "ARRAY['v1', NULL]"],
    "tags": ["ARRAY['t1', 't2']", "ARRAY['account:1']"],
    "args": ["ARRAY['1']", "'{}'"],
    "query": _texts("SELECT * FROM own_table WHERE id = $1::int", "SELECT id, val FROM own_table",
                    "SELECT count(*) FROM own_parent", "SELECT $1::int AS id"),
    "role": _texts("surface_user", "surface_friend", "public", "surface_victim"),
    "privilege": _texts("send", "consume", "peek,purge", "alter", "publish", "read", "write,clear"),
    "privileges": _texts("publish", "consume", "read,write", "route"),
    "new_owner": _texts("surface_user", "surface_friend"),
    "if_exists": ["true"],
    "if_not_exists": ["true"],
    "backoff": _texts("exponential", "linear", "constant"),
    "overflow": _texts("reject", "block", "drop_oldest"),
    "dead_letter": _texts("own", "own.dead"),
    "state": _texts("ready", "delayed", "in_flight", "dead", "all"),
    "routing_key": _texts("a", "a.b", "*.b", "#"),
    "match": _texts("all", "any"),
    "target_kind": _texts("queue", "topic", "exchange"),
    "alternate": _texts("own fanout"),
    "condition": _texts("absent", "present", "version"),
    "mode": _texts("logged", "memory"),
    "conflict": _texts("overwrite", "ignore", "keep"),
    "columns": ["'{val}'::name[]"],
    "key_column": ["'id'::name"],
    "value_column": ["'val'::name"],
    "start": _texts("earliest", "latest"),
    "assignment": _texts("range", "sticky"),
    "to_position": _texts("earliest", "latest", "0", "5"),
    "at_position": _texts("earliest", "latest", "0", "2020-01-01"),
    "partition": ["0", "1"],
    "partitions": ["1", "4"],
    "max": ["1", "10"],
    "write_through": ["'{\"key\": \"k:{id}\"}'::jsonb", "NULL"],
    "templates": ["ARRAY['t:{id}']"],
    "fields": ["ARRAY['k:{id}', 'default', '', '']", "ARRAY['k:{id}', 'own space', '', '1 day', 'val']"],
    "receipt": ["'1'"],
    "generation": ["NULL"],
    "timeout": ["'5 milliseconds'::interval"],
    "cron": _texts("* * * * *", "1 second"),
    "publication": _texts("own_publication"),
    "delay": ["'0'::interval", "'1 second'::interval"],
    "payload": _texts("hello"),
    "channel": _texts("own_channel"),
    "reset": ["ARRAY['ttl']", "ARRAY['max_length']", "NULL"],
}

GOOD_BY_TYPE = {
    "text": _texts("a", "own"),
    "name": ["'id'::name"],
    "bytea": ["'\\x0102'::bytea"],
    "jsonb": ["'{\"a\": 1}'::jsonb"],
    "integer": ["1", "10"],
    "bigint": ["1::bigint", "100::bigint"],
    "double precision": ["10::float8"],
    "boolean": ["true", "false"],
    "interval": ["'1 minute'::interval", "'50 milliseconds'::interval"],
    "regclass": ["to_regclass(%s)" % literal(t) for t in TABLES],
    "oid": ["'own_table'::regclass::oid"],
    "text[]": ["ARRAY['a', 'b']", "'{}'::text[]"],
    "name[]": ["'{val}'::name[]"],
    "jsonb[]": ["ARRAY['1', '{\"a\": 1}', '[]']::jsonb[]"],
    "integer[]": ["ARRAY[1]"],
}

# where the name alone does not tell
GOOD_BY_FUNCTION = {
    ("exchange_create", "kind"): _texts("direct", "fanout", "topic", "headers"),
    ("group_create", "kind"): _texts("exclusive", "shared"),
    ("queue_redrive", "target"): _texts("own", "own fifo"),
    ("exchange_bind", "target"): _texts(*QUEUES[:3], *TOPICS[:2], *EXCHANGES[:4]),
    ("exchange_unbind", "target"): _texts(*QUEUES[:3], *TOPICS[:2], *EXCHANGES[:4]),
    ("queue_create", "queue"): ["'q' || %d" % i for i in range(9)],
    ("topic_create", "topic"): ["'t' || %d" % i for i in range(9)],
    ("exchange_create", "exchange"): ["'e' || %d" % i for i in range(9)],
    ("namespace_create", "namespace"): ["'n' || %d" % i for i in range(9)],
    ("topic_replica_create", "topic"): ["'r' || %d" % i for i in range(3)],
    ("topic_replica_create", "topic_id"): ["1001", "1002"],
    ("queue_drop", "queue"): ["'q' || %d" % i for i in range(9)],
    ("topic_drop", "topic"): ["'t' || %d" % i for i in range(9)],
    ("exchange_drop", "exchange"): ["'e' || %d" % i for i in range(9)],
    ("namespace_drop", "namespace"): ["'n' || %d" % i for i in range(9)],
    ("cache_write_behind", "target"): ["to_regclass('own_behind')", "to_regclass('own_table')"],
    ("topic_commit", "record_offset"): ["1::bigint", "3::bigint"],
}

# well-formed, but another's
VICTIMS = {
    "queue": _texts("victim queue", "victim queue.dead", "victim sendonly"),
    "topic": _texts("victim topic", "victim publishonly"),
    "group_name": _texts("victim group"),
    "member": _texts("victim member", "m1"),
    "exchange": _texts("victim exchange", "victim open exchange"),
    "namespace": _texts("victim space", "victim behind"),
    "key": _texts("victim key 1", "victim key 2", "1", "row:1", "victim result"),
    "keys": ["ARRAY['victim key 1', 'victim key 2']", "ARRAY['1', 'row:1']"],
    "tags": ["ARRAY['account:1']"],
    "query": _texts("SELECT secret FROM surface_victim.account", "SELECT jsonb_agg(secret) FROM surface_victim.account"),
    "dead_letter": _texts("victim queue", "victim queue.dead"),
    "alternate": _texts("victim exchange"),
    "role": _texts("surface_user"),
    "new_owner": _texts("surface_user"),
    "state": _texts("ready", "delayed", "in_flight"),
    "target_kind": _texts("queue", "topic", "exchange"),
}
VICTIM_TARGETS = {
    "text": _texts("victim queue", "victim topic", "victim exchange", "own"),
    "regclass": ["'surface_victim.account'::regclass", "'surface_victim.behind'::regclass"],
    "oid": ["'surface_victim.account'::regclass::oid"],
}


def victims(argument, kind):
    """Or nothing, if there is no such value."""
    return VICTIM_TARGETS.get(kind) if argument in ("target", "relation") else VICTIMS.get(argument)


def good(function, argument, kind):
    return (GOOD_BY_FUNCTION.get((function, argument))
            or (GOOD_BY_NAME.get(argument) if not kind == "regclass" else None)
            or GOOD_BY_TYPE.get(kind, ["NULL"]))
