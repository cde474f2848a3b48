# What roles without rights try on carriers and tables; odd names; old snapshots.

use strict;
use warnings;

use CqSession;
use CqTest ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;

sub sql { return $node->safe_psql('postgres', shift) }

sub try { return CqTest::try($node, 'postgres', $_[0]) }

sql(q{CREATE EXTENSION cachequeue; CREATE ROLE alice; CREATE ROLE bob; CREATE ROLE team;
	GRANT team TO bob;
	GRANT USAGE ON SCHEMA cq TO alice, bob, team; 
	GRANT EXECUTE ON FUNCTION cq.topic_create, cq.exchange_create, cq.namespace_create, cq.queue_create TO alice, bob, team;
	GRANT CREATE ON SCHEMA public TO bob});
sql(q{SET ROLE alice; SELECT cq.queue_create('q'), cq.topic_create('t'), cq.exchange_create('x', 'fanout'), cq.namespace_create('n');
	SELECT cq.group_create('t', 'g'); SELECT cq.queue_send('q', '1'); SELECT cq.queue_grant('q', 'bob', 'peek')});
my $q = sql(q{SELECT carrier FROM cq.queues WHERE queue = 'q'});
my ($id) = $q =~ /(\d+)/;

is(sql(q{SELECT has_schema_privilege('alice', 'cq', 'CREATE')}), 'f', 'nobody needs to create in schema cq');
like(try("SET ROLE bob; $_"), qr/^42501/, $_)
  for "DROP VIEW $q", "DROP VIEW $q CASCADE", "ALTER VIEW $q OWNER TO bob", "ALTER VIEW $q RENAME TO mine", "ALTER VIEW $q SET SCHEMA public",
	"CREATE OR REPLACE VIEW $q AS SELECT 'q'::text AS queue", "CREATE RULE r AS ON INSERT TO $q DO INSTEAD NOTHING", "COMMENT ON VIEW $q IS ''",
	"ALTER VIEW $q SET (security_barrier)", "CREATE TRIGGER t INSTEAD OF INSERT ON $q FOR EACH ROW EXECUTE FUNCTION cq._queue_changed()",
	"SELECT * FROM cq.q${id}_s0", "INSERT INTO cq.q${id}_e0 VALUES ('a', '{1}')", "TRUNCATE cq.q${id}_s0", "DROP TABLE cq.q${id}_s0", "DELETE FROM cq.queue",
	"UPDATE cq.queue SET carrier = 0", "BEGIN; LOCK TABLE cq.q${id}_s0", "SELECT nextval('cq.q${id}_id')", "CREATE VIEW cq.queue_99 AS SELECT 1", "DROP VIEW cq.namespace_0",
	"ALTER TYPE $q RENAME TO mine", "DROP TYPE $q", "CREATE TABLE child () INHERITS (cq.q${id}_s0)", "SELECT cq._objects_dropped('{}')",
	"DROP EVENT TRIGGER cachequeue_carrier", "SELECT cq.queue_owner('q', 'bob')", "SELECT cq.topic_owner('t', 'bob')", "SELECT cq.exchange_owner('x', 'bob')",
	"SELECT cq.namespace_owner('n', 'bob')", "SELECT cq.group_owner('t', 'g', 'bob')", "SELECT cq.queue_grant('q', 'bob', 'all')";
like(try("SET ROLE alice; $_"), qr/^42501/, "not even the owner: $_")
  for "DROP TABLE cq.q${id}_s0", "SELECT * FROM cq.q${id}_s0", "DELETE FROM cq.queue WHERE queue_id = $id", "ALTER TABLE cq.q${id}_s0 OWNER TO alice", "TRUNCATE cq.q${id}_s0";
is(sql("SELECT body FROM cq.queue_take('q')"), '1', 'the queue is as it was');

# giving away
like(try("SET ROLE alice; SELECT cq.queue_owner('q', 'bob')"), qr/^42501/, 'to a role that one is no member of');
like(try("SET ROLE alice; ALTER VIEW $q OWNER TO bob"), qr/^42501/, 'nor by ALTER VIEW');
like(try("SET ROLE alice; SELECT cq.queue_owner('q', 'nobody')"), qr/^42704/, 'to nobody');
is(try(q{SET ROLE bob; SELECT cq.queue_create('b'); SELECT cq.queue_owner('b', 'team'); SELECT cq.queue_send('b', '1') > 0}), "\n\nt", 'to a role that one is a member of');

# a view of a peeker's own
is(try("SET ROLE bob; CREATE VIEW public.spy AS SELECT * FROM $q"), '', 'a view that depends on a carrier');
like(try("SET ROLE alice; DROP VIEW $q"), qr/^2BP01/, 'keeps DROP VIEW, as for tables');
is(try("SET ROLE alice; SELECT cq.queue_drop('q')"), '', 'but not queue_drop');
is(sql(q{SELECT to_regclass('public.spy') IS NULL}), 't', 'which drops it') ;
is(try('SET ROLE bob; CREATE TABLE public.spy (c cq.topic_1, i int)'), '', 'a column of its type');
is(try("SET ROLE alice; SELECT cq.topic_drop('t')"), '', 'does not keep a topic');
is(sql(q{SELECT string_agg(attname, ' ') FROM pg_attribute WHERE attrelid = 'spy'::regclass AND attnum > 0 AND NOT attisdropped}), 'i', 'and goes with it');

# dead letters of others
sql(q{SET ROLE alice; SELECT cq.queue_drop('q.dead'), cq.queue_create('victim.dead', dead_letter => NULL)});
like(try(q{SET ROLE bob; SELECT cq.queue_create('victim')}), qr/^42710: .* belongs to another role/, "somebody else's queue is not adopted for dead letters");
like(try(q{SET ROLE bob; SELECT cq.queue_create('victim', dead_letter => 'victim.dead')}), qr/^42501/, 'nor named');
like(try(q{SET ROLE bob; SELECT cq.topic_create('vic'), cq.group_create('vic', 'tim.x', kind => 'shared'), cq.queue_drop('vic.tim.x')}), qr/^2BP01/, 'a group by a name like others');

# ---- names

# names of namespaces are shorter
sub short { my ($name) = @_; return length $name > 63 ? 'n' x 63 : $name }
my $long = 'ä' x 95 . 'x' x 10;
# both settings are on for good from 19 on (release candidates included)
my $old = sql('SHOW server_version_num') < 190000;
my @conforming = $old ? ('on', 'off') : ('on');
my $no_warning = $old ? 'SET escape_string_warning = off;' : '';
my @names = ("it''s", 'a"b', 'back\\slash', 'two\\\\', "new\nline", "tab\there", "\\'' mixed\n\\", '$1 %s %I', ' ', "e\\nd", $long, 'x' x 200, 'select', "\x01");
for my $name (@names)
{
	my $show = length $name > 30 ? substr($name, 0, 30) . '...' : $name =~ s/[\x00-\x1f]/?/gr;
	for my $conforming (@conforming)
	{
		my $quoted = $conforming eq 'on' ? $name : $name =~ s/\\/\\\\/gr;
		my $set = "SET standard_conforming_strings = $conforming; $no_warning SET ROLE alice;";
		my $create = qq{SELECT cq.queue_create('$quoted', dead_letter => 'victim.dead'), cq.topic_create('$quoted'), cq.exchange_create('$quoted', 'direct'), cq.namespace_create('${\ short($quoted)}')};

		is(try("$set $create"), '|||', "created: $show, standard_conforming_strings $conforming");
		# what a restore without data leaves
		sql(q{ALTER EVENT TRIGGER cachequeue_carrier DISABLE;
			DELETE FROM cq.queue WHERE name NOT LIKE 'victim.dead%' AND name NOT IN ('b', 'b.dead') AND name NOT LIKE 'vic.%'; DELETE FROM cq.topic WHERE name NOT IN ('t', 'vic'); DELETE FROM cq.exchange WHERE name <> 'x';
			DELETE FROM cq.namespace WHERE name <> 'n'; ALTER EVENT TRIGGER cachequeue_carrier ENABLE ALWAYS});
		my $other = $conforming eq 'on' ? $conforming[-1] : 'on';
		my $requoted = $other eq 'on' ? $name : $name =~ s/\\/\\\\/gr;
		is(try("SET standard_conforming_strings = $other; $no_warning SET search_path = public, cq; SET quote_all_identifiers = on; SET ROLE alice;"
			  . qq{SELECT cq.queue_create('$requoted', dead_letter => 'victim.dead'), cq.topic_create('$requoted'), cq.exchange_create('$requoted', 'direct'), cq.namespace_create('${\ short($requoted)}')}),
			'|||', 'created again');
		is(sql(q{SELECT string_agg(c.relname || pg_get_viewdef(c.oid), ' ') FROM pg_class AS c WHERE c.relkind = 'v' AND c.relowner = 'alice'::regrole
			AND NOT EXISTS (SELECT FROM cq.queue WHERE carrier = c.oid) AND NOT EXISTS (SELECT FROM cq.topic WHERE carrier = c.oid)
			AND NOT EXISTS (SELECT FROM cq.exchange WHERE carrier = c.oid) AND NOT EXISTS (SELECT FROM cq.namespace WHERE carrier = c.oid)
			AND NOT EXISTS (SELECT FROM cq.topic_group WHERE carrier = c.oid)}), '', 'nothing is left of the first ones');
		is(try("$set SELECT cq.queue_drop('$quoted'), cq.topic_drop('$quoted'), cq.exchange_drop('$quoted'), cq.namespace_drop('${\ short($quoted)}')"), '|||', 'dropped');
	}
}

# ---- old snapshots

for my $level ('REPEATABLE READ', 'SERIALIZABLE')
{
	my $s = CqSession->new($node, 'postgres', 'SET ROLE alice');

	# of its own
	$s->query("BEGIN ISOLATION LEVEL $level; SELECT 1");
	is($s->query("SELECT cq.queue_create('r'), cq.topic_create('r'), cq.namespace_create('r'), cq.exchange_create('r', 'fanout')"), '|||', "$level: created");
	is($s->query("SELECT cq.exchange_bind('r', 'queue', 'r'), cq.group_create('r', 's', kind => 'shared')"), 't|', 'used');
	is($s->query("SELECT cq.queue_grant('r', 'bob', 'send')"), '', 'granted');
	is($s->query("SELECT cq.queue_drop('r.dead')") =~ /dead-letter queue/, 1, 'checked');
	is($s->query("SELECT cq.queue_drop('r'), cq.topic_drop('r'), cq.namespace_drop('r'), cq.exchange_drop('r')") =~ /aborted/, 1, 'after an error');
	$s->query('ROLLBACK');
	$s->query("BEGIN ISOLATION LEVEL $level; SELECT 1");
	$s->query("SELECT cq.queue_create('r'), cq.topic_create('r'), cq.namespace_create('r'), cq.exchange_create('r', 'fanout')");
	is($s->query("SELECT cq.queue_drop('r'), cq.topic_drop('r'), cq.namespace_drop('r'), cq.exchange_drop('r'), cq.queue_drop('r.dead')"), '||||', 'created and dropped');
	is($s->query('COMMIT'), '', 'committed');
	is(sql(q{SELECT count(*) FROM pg_class WHERE relname ~ '^q\d+_s0$' AND NOT EXISTS (SELECT FROM cq.queue WHERE relname = 'q' || queue_id || '_s0')}), '0', 'nothing is left');

	# a snapshot from before the queue
	$s->query("BEGIN ISOLATION LEVEL $level; SELECT count(*) FROM cq.queues");
	sql("SET ROLE alice; SELECT cq.queue_create('late', dead_letter => 'victim.dead'); SELECT cq.queue_grant('late', 'bob', 'peek')");
	like($s->query("SELECT cq.queue_create('late')"), qr/already exists|could not serialize/, 'a queue that the snapshot does not show');
	$s->query('ROLLBACK');
	$s->query("BEGIN ISOLATION LEVEL $level; SELECT count(*) FROM cq.queues");
	sql("SET ROLE alice; SELECT cq.queue_create('later', dead_letter => 'victim.dead'), cq.queue_grant('later', 'bob', 'send')");
	my $said = $s->query("SELECT cq.queue_drop('later')");
	like($said, qr/could not serialize|^$/, 'dropped');
	$said .= $s->query('COMMIT');
	is(sql("SELECT count(*) FROM cq.queue WHERE name = 'later'"), $said eq '' ? '0' : '1', 'or not');
	$s->query("BEGIN ISOLATION LEVEL $level; SELECT count(*) FROM cq.queues");
	sql("SET ROLE alice; SELECT cq.queue_create('latest', dead_letter => 'victim.dead')");
	is($s->query('DROP VIEW ' . sql("SELECT carrier FROM cq.queues WHERE queue = 'latest'")), '', 'DROP VIEW');
	is($s->query('COMMIT'), '', 'committed');
	like(try("SELECT cq.queue_send('latest', '1')"), qr/^42704/, 'dropped');
	is(try("SET ROLE alice; SELECT cq.queue_create('latest', dead_letter => 'victim.dead')"), '', 'created again');
	$s->query("BEGIN ISOLATION LEVEL $level; SELECT count(*) FROM cq.queues");
	sql("SELECT cq.queue_revoke('latest', 'bob', 'all'), cq.queue_owner('latest', 'bob')");
	like($s->query("SELECT cq.queue_grant('latest', 'team', 'send')"), qr/permission denied/, 'privileges are those of now');
	$s->query('ROLLBACK');
	$s->quit;
	sql("SELECT cq.queue_drop(queue) FROM cq.queues WHERE queue LIKE 'late%'");
	ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM cq.queue WHERE name LIKE 'late%'"), 'swept');
}

$node->stop;
done_testing();
