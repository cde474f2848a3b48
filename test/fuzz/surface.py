#!/usr/bin/python3
"""Call every function of schema cq with values that nobody means well with.

Usage: test/fuzz/surface.py [--seconds N] [--calls N] [--sessions N] [--seed N]
           [--crashes N] [--table] CONNECTION

CONNECTION is a superuser's; the server must start again after a crash, and report
it to the file that the environment variable CQ_CRASHES names, as debug builds do
(src/core/crash_report.h).  Two databases are made: in surface_free, superusers and an ordinary role do what they
can; in surface_guarded, only the ordinary role, beside objects of a victim's.

The functions come from pg_proc, internal ones included, the values from
surface_values.py: each value for each argument while the others mean well, then
pairs of arguments, then all of them; what is well-formed, but another's; in transactions of every kind, in savepoints,
in cursors, with triggers that use the trigger functions.  Values that functions
return are passed to arguments of the same name.

A violation is
- a crash, a failed assertion, an error of a class that says "bug" (XX, 58, P0004),
  a warning about a leak;
- a session whose memory grows and grows;
- a change of what is the victim's, or its secret in anything that the ordinary role
  gets to see.
What test/fuzz/known lists is counted only, or not called.  Each violation is printed once, with
its statement.  Sessions run at once, so that a seed gives the same values in the same
order, but not the same interleaving.  Exits with 1 when there was a violation.
"""

import argparse
import collections
import os
import random
import re
import subprocess
import sys
import threading
import time

from psycopg import pq

import surface_setup as setup
import surface_values as values

QUIET_SECONDS = 60          # for a server to come back
CALLS_BETWEEN_LOOKS = 400   # at memory and at whether the own objects are there
WARM_CALLS = 2000           # after which caches are full
MEMORY_GROWTH_MAX = 24 << 20
CRASHES_OF_FUNCTION_MAX = 2
STATEMENT_SHOWN = 1500

OK = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK, pq.ExecStatus.EMPTY_QUERY)
FATAL = pq.ExecStatus.FATAL_ERROR
FIELD = pq.DiagnosticField
BUG = re.compile(r"^(?:XX|58|P0004|22P01)")
LEAK = re.compile(r"leak|don't own|not found in|still referenced|problem in alloc set|detected write past", re.I)
SECRET = setup.SECRET.encode()
SECRETS = (SECRET, SECRET.hex().encode())

# Of PostgreSQL itself, when others change the same object at once: (source file, message)
OF_THE_SERVER = [
    ("heapam", "tuple concurrently"),
]

Function = collections.namedtuple("Function", "name kind arguments required variadic columns trigger")


class SessionLost(Exception):
    pass


class Run:
    """What the sessions share."""

    def __init__(self, options):
        self.options = options
        self.lock = threading.Lock()
        self.findings = collections.OrderedDict()
        self.known_seen = collections.Counter()
        self.known, self.not_called = read_known()
        self.counts = collections.defaultdict(collections.Counter)
        self.crashed_in = collections.Counter()
        self.crash_file = os.environ.get("CQ_CRASHES")
        self.crash_offset = 0
        self.crash_statements = set()
        self.calls = 0
        self.crashes = 0
        self.receipts = []          # of the victim's messages in flight
        self.growth = (0, [], 0)    # the largest of a session, where, after how many calls
        self.stop = threading.Event()
        self.guard_ready = threading.Event()
        self.recent = collections.deque(maxlen=400)
        self.deadline = time.monotonic() + options.seconds if options.seconds else None

    def over(self):
        return (self.stop.is_set()
                or (self.deadline is not None and time.monotonic() > self.deadline)
                or (self.options.calls and self.calls >= self.options.calls))

    def finding(self, kind, what, statement, detail=""):
        """Report one, the first time that it is seen."""
        key = "%s: %s" % (kind, what)
        with self.lock:
            for pattern in self.known:
                if pattern.search(key):
                    self.known_seen[pattern.pattern] += 1
                    return
            if key in self.findings:
                self.findings[key] += 1
                return
            self.findings[key] = 1
        print("VIOLATION %s\n    %s" % (key, shorten(statement)), flush=True)
        if detail:
            print("    " + detail.replace("\n", "\n    "), flush=True)

    def read_crashes(self):
        """Report what processes of the server have written since the last time."""
        if not os.path.exists(self.crash_file):
            return
        with self.lock:
            with open(self.crash_file, encoding="utf-8", errors="replace") as file:
                file.seek(self.crash_offset)
                text = file.read()
                self.crash_offset = file.tell()
        for report in re.split(r"^(?=process \d+ of )", text, flags=re.M)[1:]:
            report, _, statement = report.partition("\nstatement: ")
            frames = with_sources(report.split("\n"))
            place = [f for f in frames if "cachequeue.so" in f][2:3] or ["outside of cachequeue"]
            self.crash_statements.add(statement.strip())
            self.crashes += 1
            if self.crashes >= self.options.crashes:
                self.stop.set()
            self.finding("crash", "%s at %s" % (re.sub(r".*: ", "", frames[0]), re.sub(r".*\] ", "", place[0])),
                         statement.strip(), "\n".join(frames[3:25]))

    def has_crashed(self, statement):
        """Whether it is one of those that were reported, to be asked once."""
        for crashed in self.crash_statements:
            if crashed and statement.startswith(crashed):
                self.crash_statements.discard(crashed)
                return True
        return False


def with_sources(frames):
    """A stack as the server writes it, with names and lines where addr2line finds them."""
    lines = []
    for frame in frames:
        match = re.match(r"(\S*cachequeue\.so)\((\w*)\+(0x[0-9a-f]+)\)", frame)
        if match and not match.group(2):
            found = subprocess.run(["addr2line", "-sfp", "-e", match.group(1), match.group(3)],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
            frame += " " + found.stdout.decode().strip()
        lines.append(frame)
    return lines


def read_known():
    """What waits for a mend: patterns of violations, and functions not to be called."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "known")
    with open(path, encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    lines = [line for line in lines if line and not line.startswith("#")]
    return ([re.compile(line) for line in lines if not line.startswith("skip ")],
            {line[5:] for line in lines if line.startswith("skip ")})


def shorten(text):
    return text if len(text) <= STATEMENT_SHOWN else text[:STATEMENT_SHOWN] + " [...]"


def field(result, which):
    return (result.error_field(which) or b"").decode("utf-8", "replace")


class Connection:
    """A connection that remembers what it heard; waits for the server at first."""

    def __init__(self, conninfo, run, **more):
        info = conninfo + "".join(" %s='%s'" % item for item in more.items())
        end = time.monotonic() + QUIET_SECONDS
        self.run = run
        while True:
            self.pg = pq.PGconn.connect(info.encode())
            if self.pg.status == pq.ConnStatus.OK:
                break
            message = self.pg.error_message.decode("utf-8", "replace")
            if time.monotonic() > end:
                raise SystemExit("no server: " + message)
            time.sleep(0.05)
        self.notices = []
        self.pg.notice_handler = self.on_notice

    def on_notice(self, result):
        self.notices.append((field(result, FIELD.SQLSTATE), field(result, FIELD.MESSAGE_PRIMARY)))

    def execute(self, sql, extended=False):
        """The result; raises SessionLost."""
        self.notices.clear()
        try:
            result = self.pg.exec_params(sql.encode(), None) if extended else self.pg.exec_(sql.encode())
        except MemoryError as error:    # for "no result"
            raise SessionLost() from error
        if self.pg.status == pq.ConnStatus.BAD:
            raise SessionLost(self.pg.error_message.decode("utf-8", "replace"))
        return result

    def rows(self, sql):
        """For what has to work."""
        result = self.execute(sql)
        if result.status not in OK:
            raise RuntimeError("%s in: %s" % (field(result, FIELD.MESSAGE_PRIMARY), shorten(sql)))
        return [[None if result.get_value(i, j) is None else result.get_value(i, j).decode("utf-8", "replace")
                 for j in range(result.nfields)] for i in range(result.ntuples)]

    def close(self):
        self.pg.finish()


def read_functions(connection):
    """All of the schema's, with their arguments: (name, type, has a default)."""
    functions = []
    for row in connection.rows("""
            SELECT p.proname, p.prokind, p.proretset, p.prorettype::regtype::text, p.pronargdefaults,
                   p.prorettype = 'record'::regtype AND p.proallargtypes IS NULL, p.provariadic <> 0,
                   ARRAY(SELECT t::oid::regtype::text FROM unnest(p.proargtypes) WITH ORDINALITY AS u (t, n) ORDER BY n)::text,
                   coalesce(p.proargnames::text, '{}'), coalesce(p.proargmodes::text, '{}')
            FROM pg_proc AS p WHERE p.pronamespace = 'cq'::regnamespace ORDER BY p.proname, p.oid"""):
        name, kind, _, returns, defaults, needs_columns, variadic, types, names, modes = row
        types = parse_array(types)
        names = parse_array(names)
        modes = parse_array(modes)
        if modes:
            names = [n for n, m in zip(names, modes) if m in "ibv"]
        arguments = [(names[i] if i < len(names) else "", types[i]) for i in range(len(types))]
        functions.append(Function(name, kind, arguments, len(arguments) - int(defaults), variadic == "t",
                                  needs_columns == "t", returns in ("trigger", "event_trigger")))
    return functions


def parse_array(text):
    return [item.strip('"') for item in text[1:-1].split(",")] if len(text) > 2 else []


class Session(threading.Thread):
    """Calls functions until the run is over."""

    def __init__(self, run, number, role, database, functions, singles):
        super().__init__(name="%s in %s (%d)" % (role, database, number), daemon=True)
        self.run_state = run
        self.number = number
        self.role = role
        self.database = database
        self.guarded = database == "surface_guarded"
        self.functions = functions
        self.triggers = [f for f in functions if f.trigger]
        self.singles = singles
        self.random = random.Random("%d/%d" % (run.options.seed, number))
        self.seen = collections.defaultdict(lambda: collections.deque(maxlen=20))
        self.conn = None
        self.calls = 0              # of this connection
        self.memory = None          # once it was warm
        self.relations = []
        self.in_flight = []         # statements of the open transaction
        self.function = None

    # ---- the connection

    def connect(self):
        """Anew, until it works: others crash the server meanwhile."""
        if self.conn is not None:
            self.conn.close()
        options = {"dbname": self.database, "application_name": "surface",
                   "options": "-c client_min_messages=warning -c statement_timeout=100 -c lock_timeout=50"
                              " -c idle_in_transaction_session_timeout=20s"}
        if self.role != "superuser":
            options["user"] = self.role
        end = time.monotonic() + QUIET_SECONDS
        while True:
            try:
                if self.guarded:
                    self.run_state.guard_ready.wait(QUIET_SECONDS)
                self.conn = Connection(self.run_state.options.connection, self.run_state, **options)
                self.conn.rows("SET search_path = %s" % ("own, public" if self.role != "superuser" else "public, own"))
                self.prepare()
                break
            except (SessionLost, RuntimeError):
                if time.monotonic() > end:
                    raise
        self.calls = 0
        self.memory = None
        self.in_flight = []

    def prepare(self):
        """The objects to play with; most are there already."""
        self.conn.rows("SET statement_timeout = 2000")
        for statement in setup.OWN:
            self.conn.execute(statement)
        self.conn.rows("SET statement_timeout = 100")
        self.relations = [row[0] for row in self.conn.rows(
            "SELECT oid::regclass FROM pg_class WHERE relnamespace = 'cq'::regnamespace AND relkind IN ('r', 'v', 'S', 'm')")]

    def lost(self):
        """The session ended: was it its statement that has crashed the server?"""
        run = self.run_state
        run.read_crashes()
        if self.in_flight and run.has_crashed(self.in_flight[-1]):
            run.crashed_in[(self.function, self.role)] += 1
            print("    that was %s, after: %s" % (self.name, shorten("; ".join(self.in_flight[:-1]))), flush=True)
        self.connect()

    # ---- statements

    def execute(self, sql, called=None):
        """True if it worked."""
        run = self.run_state
        self.in_flight.append(sql)
        result = self.conn.execute(sql, extended=self.random.random() < 0.1)
        works = result.status in OK
        state = "ok" if works else field(result, FIELD.SQLSTATE)
        if called:
            run.counts[called][state] += 1
        if works:
            if self.guarded and "victim" in sql:
                run.recent.append((self.name, sql))
            self.look_at(result, sql)
        else:
            self.judge(result, state, sql)
        for code, message in self.conn.notices:
            if BUG.match(code) or LEAK.search(message):
                run.finding("warning", "%s %s" % (code, message), "; ".join(self.in_flight))
        return works

    def judge(self, result, state, sql):
        message = field(result, FIELD.MESSAGE_PRIMARY)
        source = "%s:%s %s" % (field(result, FIELD.SOURCE_FILE), field(result, FIELD.SOURCE_LINE),
                               field(result, FIELD.SOURCE_FUNCTION))
        if BUG.match(state) and not any(f in source and m in message for f, m in OF_THE_SERVER):
            self.run_state.finding(
                "error", "%s in %s as %s: %s (%s)" % (state, self.function, self.role,
                                                      re.sub(r"\d+", "N", message)[:150], source),
                "; ".join(self.in_flight), field(result, FIELD.CONTEXT))
        if self.guarded:
            text = b"".join(result.error_field(f) or b"" for f in
                            (FIELD.MESSAGE_PRIMARY, FIELD.MESSAGE_DETAIL, FIELD.MESSAGE_HINT, FIELD.CONTEXT))
            if SECRET in text:
                self.run_state.finding("secret", "in an error of %s" % self.function, "; ".join(self.in_flight),
                                       text.decode("utf-8", "replace")[:500])

    def look_at(self, result, sql):
        """Remember what was returned; the victim's secret must not be in it."""
        for j in range(result.nfields):
            name = (result.fname(j) or b"").decode()
            for i in range(result.ntuples):
                value = result.get_value(i, j)
                if value is None:
                    continue
                if self.guarded and any(s in value for s in SECRETS):
                    self.run_state.finding("secret", "in %s of %s" % (name, self.function), "; ".join(self.in_flight),
                                           value.decode("utf-8", "replace")[:300])
                if i < 3 and len(value) < 200:
                    self.seen[name].append(value.decode("utf-8", "replace"))

    # ---- calls

    def good_value(self, function, argument, of_victim):
        name, kind = argument
        if of_victim and self.random.random() < 0.9:
            if name in ("receipt", "receipts") and self.run_state.receipts:
                value = values.literal(self.random.choice(self.run_state.receipts))
                return value if name == "receipt" else "ARRAY[%s]" % value
            if values.victims(name, kind):
                return self.random.choice(values.victims(name, kind))
        seen = self.seen.get(name[:-1] if name == "receipts" else name)
        if seen and self.random.random() < (0.8 if name in ("receipt", "receipts", "generation", "lease", "msg_id") else 0.1):
            value = values.literal(self.random.choice(seen))
            if name == "receipts":
                return "ARRAY[%s]" % value
            return "(%s)::%s" % (value, kind)
        return self.random.choice(values.good(function.name, name, kind))

    def arguments(self, function):
        """SQL of the arguments, and what they are for."""
        rng = self.random
        n = len(function.arguments)
        given = {}
        of_victim = self.guarded and rng.random() < 0.4
        if self.singles and not of_victim and rng.random() < 0.6:
            function, i, value = self.singles.pop()
            n = len(function.arguments)
            given[i] = value
        elif n:
            wild = rng.choice((0, 0, 0, 1) if of_victim else (0, 1, 2, 2, 2, 2, n))
            for i in rng.sample(range(n), min(wild, n)):
                given[i] = rng.choice(values.nasty(function.arguments[i][1]))
        sql = []
        named = False
        for i, (name, kind) in enumerate(function.arguments):
            value = given.get(i)
            if value is None:
                left_out = 0.2 if of_victim and values.victims(name, kind) else 0.75
                if i >= function.required and rng.random() < left_out:
                    named = True
                    continue
                value = self.good_value(function, function.arguments[i], of_victim)
            if value == "NULL" or (value[0] == "E" and kind not in ("text",)):
                value = "%s::%s" % (value, kind)
            if function.variadic and i == n - 1 and rng.random() < 0.9:
                value = "VARIADIC " + value
            sql.append("%s => %s" % (name, value) if named and name else value)
        return function, ", ".join(sql)

    def call(self):
        """A statement that calls a function."""
        rng = self.random
        function, arguments = self.arguments(rng.choice(self.functions))
        self.function = function.name
        call = "cq.%s(%s)" % (function.name, arguments)
        if function.kind == "p":
            return function, "CALL " + call
        columns = ""
        if function.columns:
            columns = " AS t (%s)" % rng.choice(("id int, val text", "a int", "a text", "a jsonb, b jsonb", "n bigint",
                                                  "id int, val text, more text"))
        shape = rng.random()
        if function.columns or shape < 0.5:
            sql = "SELECT * FROM %s%s" % (call, columns)
        elif shape < 0.7:
            sql = "SELECT " + call
        elif shape < 0.75:
            sql = "SELECT * FROM %s LIMIT 1" % call
        elif shape < 0.8:
            sql = "SELECT %s FROM generate_series(1, 3)" % call
        elif shape < 0.83:
            sql = "SELECT g, f FROM generate_series(1, 2) AS g, LATERAL %s AS f" % call
        elif shape < 0.86:
            sql = "SELECT (%s IS NULL), EXISTS (SELECT FROM %s)" % (call, call)
        elif shape < 0.89:
            sql = "EXPLAIN (ANALYZE, COSTS OFF) SELECT * FROM %s" % call
        elif shape < 0.92:
            sql = "DO $surface$ BEGIN PERFORM * FROM %s; EXCEPTION WHEN OTHERS THEN PERFORM 1; END $surface$" % call
        elif shape < 0.95:
            sql = "WITH x AS MATERIALIZED (SELECT * FROM %s) SELECT * FROM x UNION ALL SELECT * FROM x" % call
        elif shape < 0.97:
            sql = "SELECT %s LIMIT 0" % call
        else:
            sql = "SELECT count(*) FROM own_table WHERE (SELECT %s) IS NOT NULL" % (call if rng.random() < 0.5 else "count(*) FROM " + call)
        return function, sql

    def one_call(self):
        """In a transaction or not; true if it worked."""
        run = self.run_state
        while True:
            function, sql = self.call()
            if run.crashed_in[(function.name, self.role)] < CRASHES_OF_FUNCTION_MAX:
                break
        self.calls += 1
        run.calls += 1              # (threads may lose one now and then)
        return self.execute(sql, function.name)

    def transaction(self):
        rng = self.random
        level = rng.choice(("", "", "", " ISOLATION LEVEL REPEATABLE READ", " ISOLATION LEVEL SERIALIZABLE",
                            " READ ONLY", " ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        depth = 0
        self.execute("BEGIN" + level)
        for _ in range(rng.randrange(1, 8)):
            step = rng.random()
            if step < 0.2:
                depth += 1
                works = self.execute("SAVEPOINT s%d" % depth)
            elif step < 0.3 and depth:
                works = self.execute("RELEASE s%d" % depth)
                depth -= 1
            elif step < 0.4 and depth:
                works = self.execute("ROLLBACK TO s%d" % depth)
            elif step < 0.47:
                works = self.execute(rng.choice((
                    "INSERT INTO own_table VALUES (%d, 'x') ON CONFLICT DO NOTHING" % rng.randrange(100),
                    "UPDATE own_table SET val = val || 'x' WHERE id = %d" % rng.randrange(6),
                    "DELETE FROM own_table WHERE id > 5", "UPDATE own_parent SET val = '%d'" % rng.randrange(10),
                    "TRUNCATE own_parent", "SELECT txid_current()", "DISCARD TEMP",
                    "ALTER TABLE own_nokey ADD COLUMN IF NOT EXISTS more int")))
            elif step < 0.53:
                works = self.cursor()
            else:
                works = self.one_call()
            if self.calls and not works:
                if not depth:
                    break
                self.execute("ROLLBACK TO s%d" % depth)
        end = rng.random()
        if end < 0.15:
            name = "surface_%d" % self.number
            if self.execute("PREPARE TRANSACTION '%s'" % name):
                self.one_call()
                self.execute("%s PREPARED '%s'" % (rng.choice(("COMMIT", "ROLLBACK")), name))
            self.execute("ROLLBACK")
        else:
            self.execute("COMMIT" if end < 0.7 else "ROLLBACK")

    def cursor(self):
        while True:
            function, sql = self.call()
            if function.kind == "f" and sql.startswith("SELECT"):
                break
        works = self.execute("DECLARE c%s CURSOR FOR %s" % (self.random.choice((" SCROLL", " NO SCROLL")), sql))
        works = works and self.execute("FETCH 1 FROM c") and self.execute("MOVE 1 FROM c")
        return works and self.execute(self.random.choice(("CLOSE c", "FETCH ALL FROM c; CLOSE c", "CLOSE ALL")))

    def trigger(self):
        """A trigger function where it does not belong; tables of one's own only."""
        rng = self.random
        function = rng.choice(self.triggers)
        if self.run_state.crashed_in[(function.name, self.role)] >= CRASHES_OF_FUNCTION_MAX:
            return
        self.function = function.name
        self.calls += 1
        table = rng.choice(values.TABLES + ["own_view", "own_nokey", "own_temp", "own_unlogged"])
        timing = rng.choice(("BEFORE", "AFTER", "AFTER", "INSTEAD OF"))
        event = rng.choice(("INSERT", "UPDATE", "DELETE", "TRUNCATE", "INSERT OR UPDATE OR DELETE", "UPDATE OF val"))
        level = rng.choice(("ROW", "ROW", "STATEMENT"))
        tables = rng.choice(("", "", "", " REFERENCING NEW TABLE AS n", " REFERENCING OLD TABLE AS o"))
        template = ["k:{id}", "default", "1", ""] if rng.random() < 0.4 else []
        texts = template + [rng.choice(values.TEXTS) for _ in range(rng.randrange(4))]
        if template and rng.random() < 0.5:
            texts[rng.randrange(len(texts))] = rng.choice(values.TEXTS)
        name = rng.choice([n for n in ("surface", "surface", "!cachequeue_row", "!cachequeue_write", "!cachequeue_statement",
                                       "!cachequeue_truncate") if n not in self.run_state.not_called])
        self.execute("BEGIN")
        works = self.execute('CREATE TRIGGER "%s" %s %s ON %s%s FOR EACH %s EXECUTE FUNCTION cq.%s(%s)' % (
            name, timing, event, table, tables, level, function.name, ", ".join(values.literal(t) for t in texts)),
            function.name)
        altered = False
        for statement in rng.sample(values.ON_WATCHED, 6) if works else []:
            self.execute("SAVEPOINT s")
            altered = altered or statement.startswith("ALTER")
            if not self.execute(statement.replace("TABLE_NAME", table), function.name):
                self.execute("ROLLBACK TO s")
        self.execute('DROP TRIGGER "%s" ON %s' % (name, table))
        self.execute("COMMIT" if not altered and rng.random() < 0.5 else "ROLLBACK")

    def relation(self):
        """The schema's tables and views; superusers may break them, so they only look."""
        name = self.random.choice(self.relations)
        self.function = name
        if self.role == "superuser" or self.random.random() < 0.5:
            self.execute("SELECT * FROM %s LIMIT 100" % name)
        else:
            self.execute(self.random.choice(values.ON_RELATIONS) % name)

    # ---- memory

    def look_at_memory(self):
        """The server's own catalog caches keep what is looked for in vain: they do not count."""
        try:
            now = {name: int(size) for name, size in self.conn.rows(
                "SELECT name, sum(total_bytes) FROM pg_backend_memory_contexts WHERE name <> 'CacheMemoryContext' GROUP BY 1")}
        except RuntimeError:        # it took too long, on a busy machine
            return
        if self.memory is None:
            if self.calls >= WARM_CALLS:
                self.memory = now
            return
        growth = sum(now.values()) - sum(self.memory.values())
        most = sorted(((size - self.memory.get(name, 0), name) for name, size in now.items()), reverse=True)[:5]
        if growth > self.run_state.growth[0]:
            self.run_state.growth = (growth, most, self.calls)
        if growth > MEMORY_GROWTH_MAX:
            self.run_state.finding("leak", "memory of a session of %s, most in %s" % (self.role, most[0][1]),
                                   "%d bytes more after %d calls" % (growth, self.calls), str(most))
            self.memory = now

    # ---- the loop

    def episode(self):
        rng = self.random
        kind = rng.random()
        self.in_flight = []
        if kind < 0.55:
            self.one_call()
        elif kind < 0.92:
            self.transaction()
        elif kind < 0.97:
            self.trigger()
        elif kind < 0.995:
            self.relation()
        else:
            # leave in the midst of something, but not always, for memory to be looked at
            if self.number % 3:
                self.execute("BEGIN")
                self.one_call()
                self.connect()

    def run(self):
        run = self.run_state
        looked = 0
        try:
            self.connect()
            while not run.over():
                try:
                    self.episode()
                    if self.calls - looked > CALLS_BETWEEN_LOOKS or self.calls < looked:
                        looked = self.calls
                        self.look_at_memory()
                        self.prepare()
                except SessionLost:
                    self.lost()
            self.conn.close()
        except BaseException as error:
            run.finding("broken", "%s: %s: %s" % (self.name, type(error).__name__, error), "; ".join(self.in_flight))
            raise


class Guard:
    """Looks at the victim's objects, and tidies up."""

    def __init__(self, run, connection):
        self.run = run
        self.connection = connection
        self.conn = None            # to surface_guarded; it is lost in a crash
        self.before = None
        self.evictions = None

    def open(self, database):
        return Connection(self.connection, self.run, dbname=database, options="-c client_min_messages=error")

    def create(self, database):
        conn = self.open("postgres")
        if conn.rows("SELECT FROM pg_database WHERE datname = '%s'" % database):
            # sessions may be about to prepare one more
            conn.rows("ALTER DATABASE %s ALLOW_CONNECTIONS false" % database)
            conn.rows("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '%s'"
                      " AND backend_type = 'client backend'" % database)
            conn.rows("ALTER DATABASE %s ALLOW_CONNECTIONS true" % database)
            self.conn = self.open(database)
            self.end_prepared(self.conn)
            self.conn.close()
        conn.rows("DROP DATABASE IF EXISTS %s WITH (FORCE)" % database)
        conn.rows("CREATE DATABASE %s" % database)
        conn.close()
        conn = self.open(database)
        conn.rows(setup.DATABASE.format(database=database))
        if database == "surface_guarded":
            conn.rows("SET SESSION AUTHORIZATION surface_victim")
            for statement in (setup.VICTIM + ";" + setup.VICTIM_ENTRIES).format(secret=setup.SECRET).split(";\n"):
                rows = conn.rows(statement)
                if "queue_receive" in statement:
                    self.run.receipts = [receipt for (receipt,) in rows]
        conn.close()

    def end_prepared(self, conn, condition="true"):
        for (gid,) in conn.rows("SELECT gid FROM pg_prepared_xacts WHERE database = current_database() AND " + condition):
            conn.execute("ROLLBACK PREPARED '%s'" % gid)

    def create_guarded(self):
        """Once more if a crash gets in between; afterwards sessions may come in."""
        self.run.guard_ready.clear()
        while True:
            try:
                self.create("surface_guarded")
                self.conn = self.open("surface_guarded")
                self.before = self.fingerprint()
                break
            except SessionLost:
                if self.run.stop.is_set():
                    raise
        self.run.guard_ready.set()

    def start(self):
        conn = self.open("postgres")
        conn.rows(setup.ROLES)
        conn.close()
        self.create("surface_free")
        self.create_guarded()

    def fingerprint(self):
        conn = self.conn
        conn.rows("RESET SESSION AUTHORIZATION")    # if the last time ended with an error
        rows = conn.rows(setup.FINGERPRINT)
        evictions = "SELECT evictions, stats_reset FROM cq.stat_cache"
        before = conn.rows(evictions)
        conn.rows("SET SESSION AUTHORIZATION surface_victim")
        entries = conn.rows(setup.ENTRIES)
        missing = sum(value is None for _, value in entries)
        if missing:
            conn.rows(setup.VICTIM_ENTRIES.format(secret=setup.SECRET))
        conn.rows("RESET SESSION AUTHORIZATION")
        # All at once may go when somebody clears a namespace that has a counter in
        # common with this one (src/cache/cache.c).
        if missing == len(entries) or conn.rows(evictions) != self.evictions:
            entries = [entry for entry in entries if entry[1] is not None]
        self.evictions = before
        return dict(rows + entries)

    def check(self):
        """Compare; what differs is made anew."""
        try:
            now = self.fingerprint()
        except SessionLost:
            self.run.read_crashes()
            self.conn = self.open("surface_guarded")
            self.evictions = None
            now = self.fingerprint()
        changed = [key for key in sorted(set(now) | set(self.before))
                   if now.get(key) != self.before.get(key)
                   and not (key.startswith("entry") and (key not in now or key not in self.before))]
        for key in changed:
            self.run.finding("victim", key, "was: %s\n    is:  %s" % (
                shorten(str(self.before.get(key))), shorten(str(now.get(key)))))
        if changed:
            print("    after, among others:\n" + "\n".join(
                "        %s: %s" % (n, sql[:300]) for n, sql in list(self.run.recent)[-12:]), flush=True)
            self.create_guarded()
        else:
            self.before = now
        self.run.recent.clear()

    def tidy(self):
        for database in ("surface_free", "surface_guarded"):
            try:
                conn = self.open(database)
                conn.rows("SET statement_timeout = '2s'; SET lock_timeout = '500ms'")
                self.end_prepared(conn, "prepared < now() - interval '5 seconds'")
                surplus = conn.rows(setup.SURPLUS)
                if len(surplus) > 40:
                    for (statement,) in surplus:
                        conn.execute(statement)
                conn.close()
            except SessionLost:
                pass

    def watch(self, sessions):
        tidied = time.monotonic()
        while any(s.is_alive() for s in sessions):
            time.sleep(0.5)
            try:
                self.check()
                if time.monotonic() - tidied > 3:
                    self.tidy()
                    tidied = time.monotonic()
            except SessionLost:
                pass
            except RuntimeError as error:
                # The views name topics and queues that are dropped while they look.
                if not re.search(r"(?:topic|queue|group) .* does not exist", str(error), re.S):
                    self.run.finding("guard", str(error)[:500], "")
        self.run.read_crashes()
        try:
            self.check()
        except (RuntimeError, SessionLost) as error:
            self.run.finding("guard", str(error)[:500], "")
        self.run.read_crashes()


def all_singles(functions, rng):
    """Each value for each argument once."""
    singles = [(f, i, value) for f in functions for i, (_, kind) in enumerate(f.arguments) for value in values.nasty(kind)]
    rng.shuffle(singles)
    return singles


def print_table(run):
    print("%-28s %8s %8s  other" % ("function", "calls", "worked"))
    for name in sorted(run.counts):
        counter = run.counts[name]
        print("%-28s %8d %8d  %s" % (name, sum(counter.values()), counter["ok"], ", ".join(
            "%s %d" % item for item in counter.most_common(6) if item[0] != "ok")))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--calls", type=int, default=0)
    parser.add_argument("--sessions", type=int, default=6)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--crashes", type=int, default=20, help="after so many it stops")
    parser.add_argument("--table", action="store_true", help="print the calls of each function")
    parser.add_argument("connection")
    options = parser.parse_args()
    if not options.seconds and not options.calls:
        options.seconds = 30

    if not os.environ.get("CQ_CRASHES"):
        parser.error("CQ_CRASHES is not set, for the server and for me")
    print("surface: seed %d, %d sessions" % (options.seed, options.sessions), flush=True)
    run = Run(options)
    guard = Guard(run, options.connection)
    guard.start()
    conn = guard.open("surface_free")
    functions = read_functions(conn)
    conn.close()

    kinds = [("surface_user", "surface_guarded"), ("superuser", "surface_free"), ("surface_user", "surface_free")]
    rng = random.Random(options.seed)
    functions = [f for f in functions if f.name not in run.not_called]
    singles = {kind: all_singles(functions, rng) for kind in kinds}
    values_given = sum(len(s) for s in singles.values())
    started = time.monotonic()
    sessions = [Session(run, n, *kinds[n % 3], functions, singles[kinds[n % 3]]) for n in range(options.sessions)]
    for session in sessions:
        session.start()
    guard.watch(sessions)

    uncalled = [f.name for f in functions if not run.counts[f.name]]
    if options.table:
        print_table(run)
        print("memory:", ", ".join("%s %d" % (name, size) for size, name in run.growth[1]))
    if uncalled and run.calls > 20 * len(functions):
        run.finding("uncalled", ", ".join(uncalled), "")
    print("%d calls of %d functions in %d s, %d crashes; %d of %d single values; a session's memory grew by %d kB in %d calls" % (
        run.calls, len(functions), time.monotonic() - started, run.crashes,
        values_given - sum(len(s) for s in singles.values()), values_given, run.growth[0] >> 10, run.growth[2]))
    for pattern, n in run.known_seen.items():
        print("known, %d times: %s" % (n, pattern))
    for key, n in run.findings.items():
        print("%d times: %s" % (n, key))
    print("FAILED" if run.findings else "nothing has crashed, leaked or let the wrong one in")
    return 1 if run.findings else 0


if __name__ == "__main__":
    sys.exit(main())
