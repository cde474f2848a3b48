# What SQL can do to carriers, the views that carry owner and privileges of queues and
# other objects, and what those who should not can not.

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

sub carrier { my ($name, $kind) = (@_, 'queue'); return sql("SELECT carrier FROM cq.${kind}s WHERE $kind = '$name'") }

sub setup
{
	sql(q{CREATE EXTENSION cachequeue;
		GRANT USAGE ON SCHEMA cq TO alice, bob, carol, reader, writer;
		GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA cq TO alice, bob, carol});
}

sql('CREATE ROLE alice; CREATE ROLE bob; CREATE ROLE carol; CREATE ROLE reader; CREATE ROLE writer;
	GRANT pg_read_all_data TO reader; GRANT pg_write_all_data TO writer; GRANT CREATE ON SCHEMA public TO alice, bob, carol');
setup();
sql(q{SET ROLE alice; SELECT cq.queue_create('q'), cq.topic_create('t'), cq.exchange_create('x', 'fanout'), cq.namespace_create('n');
	SELECT cq.group_create('t', 'g'); SELECT cq.exchange_bind('x', 'queue', 'q'); SELECT cq.queue_send('q', '1')});
my $q = carrier('q');
like($q, qr/^cq\.queue_\d+$/, 'carrier');

# ---- who may, by SQL

like(try("SET ROLE bob; GRANT SELECT ON $q TO bob"), qr/^42501|^$/, 'only those who may grant');
is(sql(q{SELECT count(*) FROM cq.privileges WHERE role = 'bob'}), '0', 'as before');
sql("SET ROLE alice; GRANT INSERT, SELECT ON $q TO bob");
is(try("SET ROLE bob; SELECT cq.queue_send('q', '2') > 0"), 't', 'GRANT INSERT is send');
is(try("SET ROLE bob; SELECT count(*) FROM cq.queue_peek('q')"), '2', 'GRANT SELECT is peek');
like(try("SET ROLE bob; SELECT cq.queue_take('q')"), qr/^42501/, 'neither is consume');
sql("SET ROLE alice; REVOKE INSERT ON $q FROM bob; GRANT DELETE ON $q TO bob");
like(try("SET ROLE bob; SELECT cq.queue_send('q', '2')"), qr/^42501/, 'REVOKE');
is(try("SET ROLE bob; SELECT body FROM cq.queue_take('q')"), '1', 'GRANT DELETE is consume');
is(sql("SELECT privileges FROM cq.privileges WHERE role = 'bob'"), 'consume,peek', 'privileges');
like(sql("\\dp $q"), qr/^bob=rd\/alice/m, '\dp');

# privileges on columns are none on the queue
sql("SET ROLE alice; REVOKE ALL ON $q FROM bob; GRANT INSERT (queue), SELECT (queue) ON $q TO bob");
like(try("SET ROLE bob; SELECT cq.queue_send('q', '2')"), qr/^42501/, 'privileges on columns are none on the queue');
is(try('SET ROLE bob; SELECT count(*) FROM cq.queues'), '0', 'and show nothing');
is(sql("SELECT count(*) FROM cq.privileges WHERE role = 'bob'"), '0', 'nor count');
sql("SET ROLE alice; REVOKE ALL ON $q FROM bob");

# passing on
sql("SET ROLE alice; SELECT cq.queue_grant('q', 'bob', 'send'); GRANT SELECT ON $q TO bob WITH GRANT OPTION");
is(try("SET ROLE bob; SELECT cq.queue_grant('q', 'carol', 'peek')"), '', 'what was granted with grant option');
is(try("SET ROLE carol; SELECT count(*) FROM cq.queue_peek('q')"), '1', 'can be passed on');
like(try("SET ROLE bob; SELECT cq.queue_grant('q', 'carol', 'send')"), qr/^42501/, 'what was not, cannot');
like(try("SET ROLE bob; SELECT cq.queue_grant('q', 'carol', 'send,peek')"), qr/^42501/, 'nor both at once');
like(try("SET ROLE alice; REVOKE SELECT ON $q FROM bob"), qr/^2BP01/, 'REVOKE without CASCADE');
like(try("SET ROLE alice; SELECT cq.queue_revoke('q', 'bob', 'peek')"), qr/^2BP01/, 'queue_revoke');
is(try("SET ROLE alice; REVOKE SELECT ON $q FROM bob CASCADE"), '', 'REVOKE with CASCADE');
like(try("SET ROLE carol; SELECT count(*) FROM cq.queue_peek('q')"), qr/^42501/, 'takes all');
sql("SET ROLE alice; SELECT cq.queue_revoke('q', 'bob', 'all')");

# default privileges
sql(q{ALTER DEFAULT PRIVILEGES FOR ROLE alice IN SCHEMA cq GRANT INSERT ON TABLES TO bob;
	ALTER DEFAULT PRIVILEGES FOR ROLE alice GRANT SELECT ON TABLES TO carol});
sql(q{SET ROLE alice; SELECT cq.queue_create('later'), cq.topic_create('later')});
is(try("SET ROLE bob; SELECT cq.queue_send('later', '1') > 0, (cq.topic_publish('later', '1')).record_offset"), 't|0', 'default privileges in the schema');
is(try("SET ROLE carol; SELECT count(*) FROM cq.queue_peek('later')"), '1', 'and of all schemas');
sql(q{SET ROLE bob; SELECT cq.queue_create('bobs')});
is(sql("SELECT count(*) FROM cq.privileges WHERE object = 'bobs' AND role <> 'bob'"), '0', 'are those of the creator');
is(sql("SELECT count(*) FROM pg_class WHERE relnamespace = 'cq'::regnamespace AND relname ~ '^[qt]\\d+_' AND relacl::text ~ 'bob|carol'"), '0', 'none on the tables');
sql(q{ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC; ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO PUBLIC});
sql(q{SET ROLE alice; SELECT cq.queue_create('wide'), cq.topic_create('wide')});
my $wide = sql("SELECT queue_id FROM cq.queue WHERE name = 'wide'");
like(try("SET ROLE bob; SELECT * FROM cq.q${wide}_s0"), qr/^42501/, 'tables are for nobody, whatever the defaults of the extension\'s owner');
like(try("SET ROLE bob; SELECT nextval('cq.q${wide}_id')"), qr/^42501/, 'sequences too');
like(try("SET ROLE bob; TRUNCATE cq.t${\ sql(q{SELECT topic_id FROM cq.topic WHERE name = 'wide'})}_s0"), qr/^42501/, 'of topics too');
sql(q{ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM PUBLIC; ALTER DEFAULT PRIVILEGES REVOKE ALL ON SEQUENCES FROM PUBLIC;
	ALTER DEFAULT PRIVILEGES FOR ROLE alice IN SCHEMA cq REVOKE INSERT ON TABLES FROM bob;
	ALTER DEFAULT PRIVILEGES FOR ROLE alice REVOKE SELECT ON TABLES FROM carol});

# predefined roles
sql("SELECT cq.queue_send('q', '3')");
is(try("SET ROLE reader; SELECT count(*) > 1 FROM cq.queue_peek('q')"), 't', 'pg_read_all_data peeks');
is(try("SET ROLE reader; SELECT count(*) FROM cq.stat_queues WHERE queue = 'q'"), '1', 'sees statistics');
is(try("SET ROLE reader; SELECT count(*) FROM cq.topic_read('t', 0)"), '0', 'reads topics');
like(try("SET ROLE reader; SELECT cq.$_"), qr/^42501/, "but has no right to $_")
  for "queue_take('q')", "queue_receive('q')", "queue_send('q', '1')", "queue_purge('q')", "queue_alter('q', lease => '1 s')",
	"topic_publish('t', '1')", "group_join('t', 'g', 'm')", "exchange_publish('x', '', '1')", "cache_set('k', 'v', namespace => 'n')",
	"queue_drop('q')", "queue_grant('q', 'public', 'send')", "queue_owner('q', 'reader')";
is(try("SET ROLE writer; SELECT cq.queue_send('q', '4') > 0"), 't', 'pg_write_all_data sends');
is(try("SET ROLE writer; SELECT count(*) FROM cq.queue_take('q')"), '1', 'and consumes');
like(try("SET ROLE writer; SELECT cq.$_"), qr/^42501/, "but has no right to $_")
  for "queue_purge('q')", "queue_drop('q')", "queue_grant('q', 'public', 'send')", "topic_drop('t')";

# ---- changes of the carrier itself

sub works
{
	my ($after) = @_;

	is(try(q{SET ROLE alice; SELECT cq.queue_send('q', '5') > 0, (SELECT count(*) FROM cq.queue_take('q')) > 0, cq.exchange_publish('x', '', '6')}),
		't|t|1', "it works after $after");
	is(sql("SELECT count(*) FROM cq.queues WHERE queue = 'q'"), '1', 'and is in the views');
}
my $session = CqSession->new($node, 'postgres');
$session->query("SELECT cq.queue_send('q', '1')");
sql("SET ROLE alice; ALTER VIEW $q RENAME COLUMN queue TO b");
works('RENAME COLUMN');
sql("ALTER VIEW $q RENAME TO other_name");
works('RENAME');
is(carrier('q'), 'cq.other_name', 'under its new name');
sql('ALTER VIEW cq.other_name SET SCHEMA public');
works('SET SCHEMA');
is($session->query("SELECT cq.queue_send('q', '1') > 0"), 't', 'in an old session too');
sql("SELECT cq.queue_grant('q', 'bob', 'send')");
is(try("SET ROLE bob; SELECT cq.queue_send('q', '1') > 0"), 't', 'queue_grant');
sql("ALTER VIEW other_name OWNER TO bob");
like(try("SET ROLE alice; SELECT cq.queue_drop('q')"), qr/^42501/, 'OWNER TO');
is(try("SET ROLE bob; SELECT cq.queue_owner('q', 'bob')"), '', 'the new owner');
sql('ALTER VIEW other_name OWNER TO alice');
works('OWNER TO');
sql(q{CREATE FUNCTION boom() RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'run by %', current_user; END$$;
	CREATE FUNCTION boom_trigger() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'run by %', current_user; END$$});
sql(q{SET ROLE alice; CREATE OR REPLACE VIEW other_name AS SELECT boom() AS b});
works('CREATE OR REPLACE VIEW');
sql(q{SET ROLE alice; CREATE RULE r AS ON INSERT TO other_name DO INSTEAD SELECT boom();
	CREATE RULE d AS ON DELETE TO other_name DO ALSO SELECT boom()});
works('CREATE RULE');
sql(q{SET ROLE alice; CREATE TRIGGER i INSTEAD OF UPDATE ON other_name FOR EACH ROW EXECUTE FUNCTION boom_trigger();
	COMMENT ON VIEW other_name IS 'mine'; ALTER VIEW other_name ALTER COLUMN b SET DEFAULT boom();
	ALTER VIEW other_name SET (security_barrier)});
works('triggers and defaults');
sql('CALL cq.queue_maintain()');
is(sql("SELECT count(*) > 0 FROM cq.privileges WHERE object = 'q'"), 't', 'nothing of that is ever run');
sql("SET ROLE alice; SELECT cq.queue_purge('q'), cq.queue_alter('q', lease => '1 s')");
is(try("SET ROLE alice; SELECT cq.queue_drop('q')"), '', 'nor by queue_drop');
is(sql(q{SELECT count(*) FROM pg_class WHERE relname ~ '^(q2_|other_name)'}), '0', 'which drops all of it');
like($session->query("SELECT cq.queue_send('q', '1')"), qr/queue "q" does not exist/, 'an old session knows');

# the name of a carrier that was renamed is free for others
sql("SET ROLE alice; SELECT cq.queue_create('q')");
my $id = sql("SELECT queue_id FROM cq.queue WHERE name = 'q'");
sql("ALTER VIEW cq.queue_$id RENAME TO away; CREATE TABLE cq.queue_${\ ($id + 2)} (i int); CREATE TABLE cq.q${\ ($id + 3)}_s0 (i int);
	CREATE SEQUENCE cq.q${\ ($id + 4)}_id; CREATE VIEW cq.topic_${\ (sql('SELECT max(topic_id) FROM cq.topic') + 1)} AS SELECT 1 AS i");
sql("SET ROLE bob; SELECT cq.queue_create('q2', dead_letter => NULL), cq.topic_create('t2')");
is(sql("SELECT count(*) FROM cq.queue WHERE queue_id BETWEEN $id + 2 AND $id + 4"), '0', 'numbers of existing relations are left out');
is(sql("SELECT cq.queue_send('q', '1') > 0, cq.queue_send('q2', '1') > 0"), 't|t', 'both work');
sql("DROP TABLE cq.queue_${\ ($id + 2)}, cq.q${\ ($id + 3)}_s0; DROP SEQUENCE cq.q${\ ($id + 4)}_id; SELECT cq.queue_drop('q2')");
is(sql("SELECT cq.queue_drop('q'), cq.queue_drop('q.dead'); SELECT cq.queue_create('q')"), "|\n", 'dropped and created again');

# ---- DROP VIEW

for my $kind ([ 'queue', 'v', "cq.queue_create('v')" ], [ 'topic', 'v', "cq.topic_create('v')" ], [ 'exchange', 'v', "cq.exchange_create('v', 'fanout')" ],
	[ 'namespace', 'v', "cq.namespace_create('v')" ])
{
	my ($what, $name, $create) = @$kind;

	for my $how ('DROP VIEW %s', 'BEGIN; SAVEPOINT s; DROP VIEW %s; ROLLBACK TO s; DROP VIEW %s; COMMIT',
		"SELECT cq.${what}_drop('v')", 'DROP OWNED BY carol', 'SET session_replication_role = replica; DROP VIEW %s')
	{
		sql("GRANT USAGE ON SCHEMA cq TO carol; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA cq TO carol; SET ROLE carol; SELECT $create");
		my $view = carrier('v', $what);
		my $command = $how =~ s/%s/$view/gr;
		is(try($command) =~ /^\d\w{4}/, '', "$what: $how");
		is(sql("SELECT count(*) FROM cq.${what} WHERE name = 'v'"), '0', 'definition');
		sql("SELECT cq.queue_drop('v.dead', if_exists => true)");
		is(sql("SELECT count(*) FROM pg_class WHERE relowner = 'carol'::regrole"), '0', 'carriers');
	}
	# in one transaction
	is(try("BEGIN; SELECT $create; DO \$\$BEGIN EXECUTE 'DROP VIEW ' || (SELECT carrier FROM cq.${what} WHERE name = 'v'); END\$\$; SELECT $create; COMMIT") =~ /^\d\w{4}/, '', "$what: created, dropped and created");
	is(sql("SELECT count(*) FROM cq.${what} WHERE name = 'v'"), '1', 'is there');
	sql("SELECT cq.${what}_drop('v'), cq.queue_drop('v.dead', if_exists => true)");
}
grant('carol');
sub grant { sql("GRANT USAGE ON SCHEMA cq TO $_; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA cq TO $_") for @_ }

sql("SELECT cq.topic_create('v'), cq.group_create('v', 'g', kind => 'shared')");
like(try("SELECT cq.queue_drop('v.g')"), qr/^2BP01: queue "v.g" belongs to group "g" of topic "v"/, 'queue_drop leaves it to group_drop');
is(try('DROP VIEW ' . carrier('v.g')), '', 'the queue of a shared group');
is(sql("SELECT count(*) FROM cq.topic_group WHERE name = 'g' AND queue_id IS NOT NULL"), '0', 'takes the group along');
sql("SELECT cq.group_create('v', 'g', kind => 'shared')");
is(try('DROP VIEW ' . sql("SELECT carrier FROM cq.groups WHERE topic = 'v'")), '', 'the group');
is(sql("SELECT count(*) FROM cq.queue WHERE name LIKE 'v%'"), '0', 'takes the queue along');
sql("SELECT cq.topic_drop('v')");

# several at once, and what has nothing to do with it
sql("SET ROLE carol; SELECT cq.queue_create('v1'), cq.queue_create('v2'), cq.topic_create('v3')");
is(try('BEGIN; CREATE VIEW w AS SELECT 1; DROP VIEW ' . join(', ', carrier('v1'), 'w', carrier('v2'), carrier('v3', 'topic')) . '; COMMIT'), '', 'several views');
is(sql("SELECT count(*) FROM cq.queue WHERE name ~ '^v\\d\$'"), '0', 'are gone');
sql('DROP OWNED BY carol');
grant('carol');

# ---- event triggers disabled

sql("SET ROLE carol; SELECT cq.queue_create('e', durable_leases => true), cq.topic_create('e'), cq.exchange_create('e', 'fanout'), cq.namespace_create('e');
	SELECT cq.group_create('e', 'g'), cq.group_create('e', 's', kind => 'shared');
	SELECT cq.exchange_bind('e', 'queue', 'e'); SELECT cq.queue_send('e', '1'); SELECT cq.cache_set('k', 'old', namespace => 'e')");
my $dropped = sql("SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relowner = 'carol'::regrole AND relkind = 'v'");
my $old = CqSession->new($node, 'postgres', "SELECT cq.queue_send('e', '2')", "SELECT cq.topic_publish('e', '2')", "SELECT cq.cache_get('k', 'e')");
sql('ALTER EVENT TRIGGER cachequeue_carrier DISABLE');
sql('DROP OWNED BY carol');
like($old->query($_), qr/does not exist/, "counts as dropped: $_")
  for "SELECT cq.queue_send('e', '1')", "SELECT cq.topic_publish('e', '1')", "SELECT cq.exchange_publish('e', '', '1')", "SELECT cq.cache_get('k', 'e')",
	"SELECT cq.queue_drop('e')", "SELECT cq.topic_drop('e')", "SELECT cq.exchange_drop('e')", "SELECT cq.namespace_drop('e')",
	"SELECT cq.queue_grant('e', 'public', 'send')", "SELECT cq.queue_alter('e', lease => '1 s')", "SELECT cq.topic_alter('e', partitions => 3)";
is(sql("SELECT count(*) FROM cq.queues WHERE queue LIKE 'e%'"), '0', 'not in the views');
is(sql("SELECT count(*) FROM cq.stat_queues WHERE queue LIKE 'e%'"), '0', 'nor in statistics');
grant('carol');
is(try("SET ROLE carol; SELECT cq.queue_create('e'), cq.topic_create('e'), cq.exchange_create('e', 'fanout'), cq.namespace_create('e')") =~ /^\d\w{4}/, '', 'names can be used again');
is(sql("SELECT count(*) FROM cq.queue_peek('e')"), '0', 'new ones are empty');
is(sql("SELECT cq.cache_get('k', 'e')"), '', 'the namespace too');
is($old->query("SELECT cq.queue_send('e', '1') > 0"), 't', 'an old session finds them');
sql('DROP OWNED BY carol');
grant('carol');
# maintenance removes the rest
ok($node->poll_query_until('postgres', q{SELECT NOT EXISTS (SELECT FROM cq.queue WHERE name LIKE 'e%') AND NOT EXISTS (SELECT FROM cq.topic WHERE name LIKE 'e%')
	AND NOT EXISTS (SELECT FROM cq.exchange WHERE name = 'e') AND NOT EXISTS (SELECT FROM cq.namespace WHERE name = 'e')}), 'maintenance removes the rest');
is(sql(q{SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'S') AND relname ~ '^[qt]\d+_' AND relnamespace = 'cq'::regnamespace
	AND NOT EXISTS (SELECT FROM cq.queue WHERE relname LIKE 'q' || queue_id || E'\\\\_%') AND NOT EXISTS (SELECT FROM cq.topic WHERE relname LIKE 't' || topic_id || E'\\\\_%')}),
	'0', 'and all tables');
sql('ALTER EVENT TRIGGER cachequeue_carrier ENABLE ALWAYS');

# write-behind meanwhile
sql(q{CREATE TABLE target (k text PRIMARY KEY, v text); SELECT cq.namespace_create('wb'); SELECT cq.cache_write_behind('wb', 'target', 'logged', 'k', 'v', delay => '1 h')});
sql("SELECT cq.cache_set('k', 'v', namespace => 'wb')");
sql('ALTER EVENT TRIGGER cachequeue_carrier DISABLE; DROP VIEW ' . carrier('wb', 'namespace') . '; ALTER EVENT TRIGGER cachequeue_carrier ENABLE ALWAYS');
is(try("SELECT cq.namespace_create('unrelated'); SELECT cq.namespace_drop('unrelated')") =~ /^\d\w{4}/, '', 'a namespace without carrier that is pending keeps nobody else');
is(try('CREATE VIEW w AS SELECT 1; DROP VIEW w'), '', 'from dropping views');
is(try("SELECT cq.namespace_create('wb')"), '', 'its name can be used again');
is(sql('SELECT (SELECT count(*) FROM cq.write_behind_log), (SELECT count(*) FROM cq.write_behind)'), '0|0', 'nothing of it is left');
like(slurp_file($node->logfile), qr/WARNING:  1 sets or deletes of namespace "wb" did not reach its table/, 'and the log tells');

$_->quit for $session, $old;
$node->stop;
done_testing();
