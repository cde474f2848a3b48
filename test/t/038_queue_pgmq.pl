# docs/examples/pgmq-to-cachequeue.sql moves the queues of pgmq.
#
# pgmq is not packaged for Debian: what it keeps its messages in is made by hand,
# as its versions 1.2 (without headers), 1.5 and 1.10 (last_read_at) do.
use strict;
use warnings;

use CqSession;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use IPC::Run qw(start finish);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;

sub sql
{
	return $node->safe_psql('postgres', $_[0]);
}

# Run the script; returns the exit code and what it says.
sub script
{
	my @options = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([
			'psql', '-XAtq', '-d', $node->connstr('postgres'), '-v', 'VERBOSITY=terse',
			(map { ('-v', $_) } @options), '-f', 'docs/examples/pgmq-to-cachequeue.sql'
		], '>', \$out, '2>', \$err);
	my $code = $? >> 8;
	$err =~ s/^psql:.*?: //gm;
	return ($code, $out . $err);
}

sql(<<'SQL');
CREATE EXTENSION cachequeue;
CREATE SCHEMA pgmq;
CREATE TABLE pgmq.meta (
	queue_name varchar UNIQUE NOT NULL,
	is_partitioned boolean NOT NULL,
	is_unlogged boolean NOT NULL,
	created_at timestamptz DEFAULT now() NOT NULL
);

-- (its archive's columns have their own order)
CREATE FUNCTION make_queue(name text, added text[], partition_by text = NULL, unlogged boolean = false)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	added_columns text := (SELECT coalesce(string_agg(', ' || a, ''), '') FROM unnest(added) AS a);
BEGIN
	EXECUTE format('CREATE %s TABLE pgmq.%I (msg_id bigint %s GENERATED ALWAYS AS IDENTITY,
		read_ct int DEFAULT 0 NOT NULL, enqueued_at timestamptz DEFAULT now() NOT NULL,
		vt timestamptz NOT NULL, message jsonb %s) %s',
		CASE WHEN unlogged THEN 'UNLOGGED' END, lower('q_' || name),
		CASE WHEN partition_by IS NULL THEN 'PRIMARY KEY' END, added_columns,
		'PARTITION BY RANGE (' || partition_by || ')');
	IF partition_by IS NOT NULL THEN
		EXECUTE format('CREATE TABLE pgmq.%I PARTITION OF pgmq.%I FOR VALUES FROM (0) TO (3)',
			'q_' || name || '_p0', 'q_' || name);
		EXECUTE format('CREATE TABLE pgmq.%I PARTITION OF pgmq.%I DEFAULT', 'q_' || name || '_default', 'q_' || name);
	END IF;
	EXECUTE format('CREATE TABLE pgmq.%I (msg_id bigint PRIMARY KEY,
		read_ct int DEFAULT 0 NOT NULL, enqueued_at timestamptz DEFAULT now() NOT NULL,
		archived_at timestamptz DEFAULT now() NOT NULL, vt timestamptz NOT NULL, message jsonb %s)',
		lower('a_' || name), added_columns);
	INSERT INTO pgmq.meta VALUES (name, partition_by IS NOT NULL, unlogged);
END $$;
SELECT make_queue('old', '{}');
SELECT make_queue('New', '{headers jsonb}');
SELECT make_queue('newest', '{last_read_at timestamptz, headers jsonb}');
SELECT make_queue('parts', '{headers jsonb}', partition_by => 'msg_id');
SELECT make_queue('unlogged', '{headers jsonb}', unlogged => true);
SELECT make_queue('empty', '{}');

INSERT INTO pgmq.q_old (vt, message, read_ct, enqueued_at) VALUES
	(now(), '{"n": 1}', 0, '2024-05-06 07:08:09.123456+00'),
	(now(), '{"n": 2}', 3, now()),
	('-infinity', '{"n": 3}', 0, now()),
	(now() + '1 hour', '{"n": 4}', 1, now()),
	('infinity', '{"n": 5}', 0, now()),
	(now(), NULL, 0, now());
-- the newest row is not the last one
UPDATE pgmq.q_old SET read_ct = read_ct WHERE msg_id = 1;
INSERT INTO pgmq.a_old (msg_id, vt, message, read_ct) VALUES
	(101, now() + '1 hour', '"archived 1"', 2), (100, now(), '"archived 0"', 1);
INSERT INTO pgmq."q_new" (vt, message, headers) VALUES
	(now(), '1', '{"trace": "a b", "x-pgmq-group": "g"}'), (now(), '2', NULL), (now(), '3', '[1, null]'),
	(now(), '4', 'null'), (now(), '5', '{"x-pgmq-group": ""}'), (now(), '6', '{"x-pgmq-group": "g"}');
INSERT INTO pgmq.q_newest (vt, message, headers, last_read_at, read_ct)
	VALUES (now(), '"read"', '{"h": 1}', '2024-01-01 00:00:00+00', 1);
INSERT INTO pgmq.q_parts (vt, message) SELECT now(), to_jsonb(n) FROM generate_series(1, 5) AS n;
INSERT INTO pgmq.q_unlogged (vt, message) SELECT now(), to_jsonb(n) FROM generate_series(1, 2000) AS n;
SELECT cq.queue_create('parts', lease => '7 min');
SELECT cq.queue_send('parts', '"before"');
SQL

# ---- one, chosen by name, with its archive

my ($code, $said) = script('queues=old', 'archives=on');
is($code, 0, 'the script succeeds');
is($said, "NOTICE:  old: 6 messages\nNOTICE:  old: 2 archived messages\n", 'it says what it has moved');
is(sql('SELECT count(*) FROM pgmq.q_old'), '0', 'pgmq has none of them any more');
is(sql('SELECT count(*) FROM pgmq.q_parts'), '5', 'another queue is as it was');
is(sql("SELECT ready, delayed FROM cq.stat_queues WHERE queue = 'old'"), '4|2', 'what was not visible is delayed');
is(sql(q{SELECT body, attempt, headers #> '{pgmq,msg_id}', headers #> '{pgmq,read_ct}',
	(headers #>> '{pgmq,enqueued_at}')::timestamptz = '2024-05-06 07:08:09.123456+00'
	FROM cq.queue_receive('old', 10, lease => '1 hour')}),
	join("\n", '{"n": 1}|1|1|0|t', '{"n": 2}|1|2|3|f', '{"n": 3}|1|3|0|f', 'null|1|6|0|f'),
	'the rest arrives in order');
is(sql(q{SELECT body, headers #> '{pgmq,msg_id}', headers #>> '{pgmq,archived_at}' IS NOT NULL
	FROM cq.queue_take('old.archive', 10)}), "\"archived 0\"|100|t\n\"archived 1\"|101|t", 'so is the archive');

# not before its time
sql(q{SELECT make_queue('due', '{}');
	INSERT INTO pgmq.q_due (vt, message) SELECT vt, to_jsonb(vt) FROM (SELECT now() + '3 s' AS vt) AS t});
script('queues=due');
is(sql(q{CALL cq.queue_wait('due', '1 min');
	SELECT clock_timestamp() - (body #>> '{}')::timestamptz BETWEEN '0' AND '30 s' FROM cq.queue_take('due')}),
	"t\nt", 'a delayed message comes when it would have become visible');

# ---- all, while somebody is sending

my $sender = CqSession->new($node, 'postgres');
$sender->query(q{BEGIN; INSERT INTO pgmq.q_parts (vt, message) VALUES (now(), '6')});
my ($out, $err) = ('', '');
my $waiting = start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', 'docs/examples/pgmq-to-cachequeue.sql' ],
	'>', \$out, '2>', \$err);
ok($node->poll_query_until('postgres',
	"SELECT count(*) = 1 FROM pg_locks WHERE relation = 'pgmq.q_parts'::regclass AND NOT granted"),
	'it waits for an open transaction');
$sender->query('COMMIT');
finish($waiting);
like($err, qr/New: 6 .*due: 0 .*empty: 0 .*newest: 1 .*old: 0 .*parts: 6 .*unlogged: 2000 /s, 'and moves the rest');
is(sql("SELECT string_agg(body::text, ' ') FROM cq.queue_receive('parts', 10)"), '"before" 1 2 3 4 5 6',
	'with what was sent meanwhile, behind what was there');
is(sql("SELECT lease FROM cq.queue WHERE name = 'parts'"), '00:07:00', 'a queue that exists keeps its options');
is(sql("SELECT count(*), bool_and(body::text::int = n) FROM (SELECT body, row_number() OVER () AS n
	FROM cq.queue_take('unlogged', 3000)) AS m"), '2000|t', 'two thousand in order');
is(sql(q{SELECT body, headers - 'pgmq', headers #> '{pgmq,headers}' FROM cq.queue_take('New', 10)}),
	join("\n",
		'1|{"trace": "a b", "x-pgmq-group": "g"}|', '2|{}|', '3|{}|[1, null]', '4|{}|',
		'5|{"x-pgmq-group": ""}|', '6|{"x-pgmq-group": "g"}|'),
	'headers of all kinds');
like(sql(q{SELECT body, headers FROM cq.queue_take('newest')}),
	qr/^"read"\|\{"h": 1, "pgmq": \{"msg_id": 1, "read_ct": 1, "enqueued_at": ".*", "last_read_at": "2024-01-01T00:00:00\+00:00"\}\}$/,
	'and whatever else a version has');

# ---- again

sql(q{INSERT INTO pgmq.q_old (vt, message) VALUES (now(), '"late"')});
is(sql("SELECT count(*) FROM cq.queue_take('old', 10)"), '0', '(those are leased)');
($code, $said) = script('queues=old');
is("$code $said", "0 NOTICE:  old: 1 messages\n", 'again: what was late is moved');
is(sql("SELECT body FROM cq.queue_take('old', 10)"), '"late"', 'and only that');

# ---- an error

sql(q{INSERT INTO pgmq.meta VALUES ('nothing', false, false);
	INSERT INTO pgmq.q_newest (vt, message) VALUES (now(), '"first"');
	INSERT INTO pgmq.q_old (vt, message) VALUES (now(), '"last"')});
($code, $said) = script();
is($code, 3, 'an error ends it');
like($said, qr/"pgmq\.q_nothing" does not exist/, 'which is shown');
is(sql("SELECT body FROM cq.queue_take('newest')"), '"first"', 'the queue before has been moved');
is(sql('SELECT message FROM pgmq.q_old'), '"last"', 'the one behind is as it was');
sql("DELETE FROM pgmq.meta WHERE queue_name = 'nothing'");

# ---- without being a superuser

sql(q{CREATE ROLE app; GRANT USAGE ON SCHEMA cq, pgmq TO app; GRANT EXECUTE ON FUNCTION cq.queue_create TO app;
	GRANT SELECT ON pgmq.meta TO app; GRANT SELECT, DELETE ON pgmq.q_old, pgmq.q_new TO app;
	SELECT cq.queue_grant('old', 'app', 'send');
	INSERT INTO pgmq.q_new (vt, message) VALUES (now(), '7')});
$ENV{PGOPTIONS} = '-c role=app';
($code, $said) = script('queues=old');
is("$code $said", "0 NOTICE:  old: 1 messages\n", 'privileges on both sides are enough');
($code, $said) = script('queues=New');
is($code, 3, 'without them it fails');
delete $ENV{PGOPTIONS};
is(sql('SELECT count(*) FROM pgmq.q_new'), '1', 'and nothing is moved');
is(sql("SELECT cq.queue_purge('New')"), '0', 'nor copied');
sql('DELETE FROM pgmq.q_new');

# ---- groups, where the queue has them

SKIP:
{
	skip 'no groups', 1 if sql("SELECT count(*) FROM pg_proc WHERE proname = 'queue_send' AND 'group_key' = ANY (proargnames)") eq '0';
	sql(q{INSERT INTO pgmq.q_new (vt, message, headers) VALUES
		(now(), '1', '{"x-pgmq-group": "g"}'), (now(), '2', '{"x-pgmq-group": "g"}'),
		(now(), '3', '{"x-pgmq-group": ""}'), (now(), '4', '[]')});
	($code, $said) = script('queues=New', 'groups=on');
	is($code, 0, 'with groups');
	is(sql("SELECT body, group_key FROM cq.queue_receive('New', 10)"), "1|g\n3|\n4|", 'one of a group at a time');
}

$node->stop;
done_testing();
