# A dump's life: what pg_dump takes along, restored where roles have other OIDs; parts of
# dumps; a dump by a role that is no superuser; copies of databases.

use strict;
use warnings;

use CqTest ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $from = PostgreSQL::Test::Cluster->new('from');
$from->init;
$from->append_conf('postgresql.conf', "cachequeue.segment_rows = 30\n");
$from->start;
my $to = PostgreSQL::Test::Cluster->new('to');
$to->init;
$to->append_conf('postgresql.conf', "cachequeue.segment_rows = 30\n");
$to->start;

sub sql { my ($sql, $db, $node) = @_; return ($node // $from)->safe_psql($db // 'postgres', $sql) }

sub try { return CqTest::try($_[2] // $to, $_[1], $_[0]) }

my @roles = ('app', 'Weird "Role"', 'worker', 'auditor', 'dumper');
sub create_roles
{
	my ($node, @names) = @_;
	$node->safe_psql('postgres', 'CREATE ROLE "' . s/"/""/gr . '" LOGIN') for @names;
}
create_roles($from, @roles);
create_roles($to, 'filler1', 'filler2', (map { ($_, "filler $_") } reverse @roles));

sub grants
{
	my ($db, $node) = @_;
	sql(q{GRANT USAGE ON SCHEMA cq TO app, worker, "Weird ""Role"""; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA cq TO app, worker, "Weird ""Role"""}, $db, $node);
}

sql(q{CREATE EXTENSION cachequeue});
grants('postgres', $from);
sql(q{GRANT CREATE ON SCHEMA public TO app;
	SET ROLE app;
	SELECT cq.queue_create('q', durable_leases => true, max_attempts => 2, dedup_window => '1 day', retain => '1 day');
	SELECT cq.queue_create(E'it''s "a"\n\\queue', dead_letter => 'q.dead');
	SELECT cq.queue_grant('q', 'worker', 'consume,peek'), cq.queue_grant('q', 'public', 'send');
	GRANT UPDATE ON cq.queue_2 TO "Weird ""Role""" WITH GRANT OPTION;
	SELECT cq.topic_create('t', 3), cq.topic_grant('t', 'Weird "Role"', 'consume'), cq.topic_grant('t', 'worker', 'publish,read');
	SELECT cq.exchange_create('x', 'topic'), cq.exchange_create('alt', 'fanout');
	SELECT cq.exchange_alter('x', 'alt'), cq.exchange_bind('x', 'queue', 'q', 'a.#'), cq.exchange_bind('alt', 'topic', 't'), cq.exchange_grant('x', 'worker', 'publish');
	SELECT cq.namespace_create('n', '1 h', 8388608), cq.namespace_grant('n', 'worker', 'read,write');
	SET ROLE "Weird ""Role""";
	SELECT cq.group_create('t', 'g', session_timeout => '7 s'), cq.group_create('t', 's', kind => 'shared'), cq.queue_create('weird');
	RESET ROLE;
	SELECT cq.namespace_grant('default', 'worker', 'read,write'), cq.namespace_grant('default', 'app', 'all')});
# messages in all states
sql(q{SET ROLE app;
	SELECT count(cq.queue_send('q', to_jsonb(i), headers => '{"h": "x"}', priority => CASE WHEN i % 5 > 0 THEN i % 3 ELSE 0 END, group_key => CASE WHEN i % 5 = 0 THEN 'g' || i END)) FROM generate_series(1, 70) AS i;
	SELECT cq.queue_send('q', '"dedup"', dedup_key => 'once'), cq.queue_send('q', '"late"', delay => '1 day'), cq.queue_send('q', '"short"', ttl => '2 days');
	SELECT count(cq.queue_ack('q', receipt)) FROM cq.queue_receive('q', 20);
	SELECT count(cq.queue_nack('q', receipt, delay => '1 day')) FROM cq.queue_receive('q', 2);
	SELECT count(cq.queue_reject('q', receipt, 'bad')) FROM cq.queue_receive('q', 3)});
my $once = sql(q{SELECT msg_id FROM cq.queue_peek('q', 1000) WHERE body = '"dedup"'});
sql(q{SELECT count(*) FROM cq.queue_receive('q', 4, '1 h')});
sql(q{SELECT count(cq.topic_publish('t', to_jsonb(i), 'k' || i, '{"h": 1}')) FROM generate_series(1, 90) AS i;
	SELECT cq.group_join('t', 'g', 'm'); SELECT count(*) FROM cq.topic_poll('t', 'g', 'm', 25, auto_commit => true)});
$from->poll_query_until('postgres', q{SELECT sum(lag) = 0 FROM cq.stat_groups WHERE group_name = 's'}) or die 'it does not happen';
sql(q{SELECT count(*) FROM cq.queue_take('t.s', 7)});
# a write-behind rule with something pending
sql(q{SET ROLE app; CREATE TABLE target (k text PRIMARY KEY, v text); SELECT cq.cache_write_behind('n', 'target', 'logged', 'k', 'v', delay => '1 h');
	SELECT cq.cache_set('pending', 'v', namespace => 'n')});

my @state = (
	q{SELECT queue, owner, carrier, lease, max_attempts, dead_letter, dedup_window, retain, durable_leases FROM cq.queues ORDER BY 1},
	q{SELECT topic, owner, carrier, partitions, retain FROM cq.topics ORDER BY 1},
	q{SELECT topic, group_name, owner, carrier, kind, session_timeout, queue FROM cq.groups ORDER BY 1, 2},
	q{SELECT exchange, owner, carrier, kind, alternate FROM cq.exchanges ORDER BY 1},
	q{SELECT * FROM cq.exchange_bindings ORDER BY exchange, target_kind, target},
	q{SELECT * FROM cq.namespaces ORDER BY 1},
	q{SELECT * FROM cq.privileges ORDER BY 1, 2, 3, 4},
	q{SELECT q.queue, m.msg_id, m.attempt, m.priority, m.group_key, m.enqueued_at, m.headers, m.body FROM cq.queues AS q, cq.queue_peek(q.queue, 1000) AS m ORDER BY 1, 2},
	q{SELECT queue, ready + in_flight AS n, delayed, blocked, dead, bytes FROM cq.stat_queues ORDER BY 1},
	q{SELECT p, r.* FROM generate_series(0, 2) AS p, cq.topic_read('t', p, 0, 1000) AS r ORDER BY p, record_offset},
	q{SELECT topic, group_name, partition, committed, lag FROM cq.stat_groups ORDER BY 1, 2, 3},
	q{SELECT namespace, key, operation FROM cq.cache_pending ORDER BY 1, 2});

sub state_of { my ($db, $node) = @_; return [ map { sql($_, $db, $node) } @state ] }
my $before = state_of('postgres', $from);
unlike($before->[6], qr/\n.*\bdumper\b/, 'state');

# Run a program; its standard error must be empty, whatever is right.
sub quiet
{
	my ($command, $name) = @_;
	my ($out, $error) = run_command($command);

	is($error, '', $name);
	return $out;
}
sub pg_dump { my ($file, @options) = @_; quiet([ 'pg_dump', @options, '-f', $file, '-d', $from->connstr('postgres') ], "pg_dump @options") }
sub create { my ($db) = @_; $to->safe_psql('postgres', qq{DROP DATABASE IF EXISTS "$db"; }); $to->safe_psql('postgres', qq{CREATE DATABASE "$db"}); }
sub restore
{
	my ($db, $file, @options) = @_;
	quiet($file =~ /sql$/ ? [ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-d', $to->connstr($db), '-f', $file ]
		: [ 'pg_restore', '--exit-on-error', @options, '-d', $to->connstr($db), $file ], "restore into $db @options");
}
my $dir = $from->basedir;

# what works after a restore, beside being as before
sub works
{
	my ($db) = @_;

	is(sql(q{SELECT cq.queue_send('q', '"again"', dedup_key => 'once')}, $db, $to), $once, "$db: keys are remembered");
	is(sql(q{SET ROLE worker; SELECT cq.queue_send('q', '"new"') > 0; SELECT count(*) FROM cq.queue_take('q', 3)}, $db, $to), "t\n3", 'worker may');
	like(try(q{SET ROLE worker; SELECT cq.queue_purge('q')}, $db), qr/^42501/, 'and may not');
	is(try(q{SET ROLE "Weird ""Role"""; SELECT cq.queue_grant('q', 'worker', 'alter')}, $db), '', 'grant options');
	is(try(q{SET ROLE worker; SELECT cq.cache_set('k', 'v'); SELECT cq.cache_get('k')}, $db), "t\nv", 'namespace default');
	like(try(q{SET ROLE auditor; SELECT cq.cache_get('k')}, $db), qr/^42501/, 'is not for others');
	is(sql(q{SELECT cq.group_join('t', 'g', 'm') > 0; SELECT count(*) FROM cq.topic_poll('t', 'g', 'm', 1000)}, $db, $to), "t\n65", 'offsets of groups');
	is(sql(q{SELECT cq.exchange_publish('x', 'a.b', '1'), cq.exchange_publish('x', 'z', '2')}, $db, $to), '1|1', 'exchanges');
	is(sql(q{SELECT cq.cache_flush('n'); SELECT k FROM target}, $db, $to) =~ s/^.*\n//r, 'pending', 'write-behind goes on');
	is(sql(q{SET ROLE app; SELECT cq.queue_create('more'), cq.topic_create('more'), cq.namespace_create('more'), cq.exchange_create('more', 'direct')}, $db, $to), '|||', 'new objects');
	like(try('DROP ROLE worker', $db), qr/^2BP01/, 'roles are needed');
	is(try(q{DROP OWNED BY app CASCADE; SELECT string_agg(queue, ' ' ORDER BY queue) FROM cq.queues}, $db), 'weird weird.dead', 'DROP OWNED')
	  or diag(sql('SELECT queue, owner FROM cq.queues', $db, $to));
	is(try(q{SELECT count(*) FROM pg_class WHERE relnamespace = 'cq'::regnamespace AND relname ~ '^([qt]\d+_s|queue_\d|topic_\d)'}, $db), '6', 'takes all tables along');
}

# ---- everything

pg_dump("$dir/all.sql");
pg_dump("$dir/all.dump", '-Fc');
pg_dump("$dir/all.dir", '-Fd', '-j', '2');
create('plain');
restore('plain', "$dir/all.sql");
is_deeply(state_of('plain', $to), $before, 'all is as it was');
works('plain');
create('custom');
restore('custom', "$dir/all.dump");
is_deeply(state_of('custom', $to), $before, 'all is as it was (custom)');
quiet([ 'pg_dump', '-f', "$dir/second.sql", '-d', $to->connstr('custom') ], 'dump of what was restored');
create('second');
restore('second', "$dir/second.sql");
is_deeply(state_of('second', $to), $before, 'and restored');
works('custom');
create('jobs');
restore('jobs', "$dir/all.dir", '-j', '8');
is_deeply(state_of('jobs', $to), $before, 'all is as it was (eight jobs)');
works('jobs');
sql(q{SELECT cq.cache_flush('n'); DROP OWNED BY app CASCADE}, 'second', $to);
is(sql("SELECT count(*) FROM cq.queue WHERE name NOT LIKE 'weird%'", 'second', $to), '0', 'DROP OWNED before anything was used');
is(sql(q{SELECT count(*) FROM pg_class WHERE relnamespace = 'cq'::regnamespace AND relname ~ '^([qt]\d+_s|queue_\d|topic_\d)'}, 'second', $to), '6', 'takes all tables along as well');

# ---- the schema only

pg_dump("$dir/schema.sql", '-s');
create('schema');
restore('schema', "$dir/schema.sql");
is(sql('SELECT (SELECT count(*) FROM cq.queues), (SELECT count(*) FROM cq.topics), (SELECT count(*) FROM cq.exchanges)', 'schema', $to), '0|0|0', '-s: no objects');
is(sql('SELECT count(*) FROM cq.stat_queues', 'schema', $to), '0', 'no statistics');
is(try(q{SET ROLE app; SELECT cq.queue_create('q'), cq.topic_create('t'), cq.exchange_create('x', 'direct'), cq.namespace_create('n')}, 'schema'), '|||', 'names can be used by the old owner');
is(try(q{SET ROLE worker; SELECT cq.queue_create('weird'), cq.exchange_create('alt', 'direct')}, 'schema'), '|', 'and by others');
is(try(q{SET ROLE app; SELECT cq.queue_send('q', '1') > 0; SELECT body FROM cq.queue_take('q'); SELECT count(*) FROM cq.privileges WHERE role = 'worker' AND object = 'q'}, 'schema'), "t\n1\n0", 'new ones are new');
is(try(q{SET ROLE worker; SELECT count(*) FROM cq.queue_peek('weird')}, 'schema'), '0', 'and empty');
is(try(q{SET ROLE app; SELECT cq.queue_create(E'it''s "a"\n\\queue', dead_letter => 'q.dead')}, 'schema'), '', 'odd names');
is(sql(q{SELECT string_agg(c.relname, ' ') FROM pg_class AS c WHERE c.relnamespace = 'cq'::regnamespace AND c.relkind = 'v' AND c.relowner = 'app'::regrole
	AND NOT EXISTS (SELECT FROM cq.queue WHERE carrier = c.oid) AND NOT EXISTS (SELECT FROM cq.topic WHERE carrier = c.oid) AND NOT EXISTS (SELECT FROM cq.exchange WHERE carrier = c.oid)
	AND NOT EXISTS (SELECT FROM cq.namespace WHERE carrier = c.oid)}, 'schema', $to), 'exchange_2', 'what is left of the dump is of objects that were not created again');
is(try('DROP OWNED BY app CASCADE; SELECT count(*) FROM cq.queues', 'schema'), '2', 'DROP OWNED');

# ---- data only, into such a database

pg_dump("$dir/data.sql", '-a');
create('data');
restore('data', "$dir/schema.sql");
restore('data', "$dir/data.sql");
is_deeply(state_of('data', $to), $before, 'all is as it was (schema, then data)');
works('data');
create('sections');
restore('sections', "$dir/all.dump", "--section=$_") for 'pre-data', 'data', 'post-data';
is_deeply(state_of('sections', $to), $before, 'all is as it was (in sections)');

# a worker that looks while only some of the definitions are there
create('halfway');
restore('halfway', "$dir/schema.sql");
my $data = slurp_file("$dir/data.sql");
my %rows = map { /^COPY cq\.(\w+)/ => $_ } $data =~ /^(COPY cq\.(?:topic|topic_group|queue|exchange_binding) .*?\n\\\.\n)/msg;
is(scalar keys %rows, 4, 'definitions');
sql($rows{$_}, 'halfway', $to) for 'exchange_binding', 'topic', 'topic_group';
sql('CREATE VIEW v AS SELECT 1 AS i; DROP VIEW v', 'halfway', $to);
sql($rows{queue}, 'halfway', $to);
is(sql('SELECT count(*) FROM cq.groups', 'halfway', $to), '2', 'groups wait for their queues');

# ---- without owners, without privileges

my $me = sql('SELECT current_user');
for my $options ([ '-O' ], [ '-x' ], [ '-O', '-x' ])
{
	my $db = "without @$options";

	pg_dump("$dir/without.sql", @$options);
	create($db);
	restore($db, "$dir/without.sql");
	my $after = state_of($db, $to);
	is_deeply([ @$after[ 4, 7 .. 11 ] ], [ @$before[ 4, 7 .. 11 ] ], "@$options: content");
	my $owners = sql("SELECT string_agg(DISTINCT owner::text, ' ' ORDER BY owner::text) FROM cq.queues", $db, $to);
	is($owners, "@$options" =~ /O/ ? $me : '"Weird ""Role""" app', 'owners');
	my $roles = sql("SELECT count(*) FROM cq.privileges WHERE role IN ('worker', 'public')", $db, $to);
	is($roles > 0, "@$options" !~ /x/, 'grants');
	is(try(q{SELECT cq.queue_send('q', '1') > 0, cq.queue_create('more')}, $db), 't|', 'works');
}

# ---- parts

pg_dump("$dir/part.sql", '-n', 'cq', '-e', 'cachequeue');
create('part');
sql('CREATE TABLE target (k text PRIMARY KEY, v text)', 'part', $to);
restore('part', "$dir/part.sql");
is_deeply(state_of('part', $to), $before, '-n cq -e cachequeue');
pg_dump("$dir/clean.sql", '-c', '--if-exists');
like(try("\\i $dir/clean.sql", 'sections'), qr/^55000: .*namespace "n"/, '-c: not while something is pending');
create('sections');
restore('sections', "$dir/all.dump");
sql(q{SELECT cq.cache_flush('n'); SELECT cq.queue_send('q', '1'), cq.topic_publish('t', '1')}, 'sections', $to);
restore('sections', "$dir/clean.sql");
is_deeply(state_of('sections', $to), $before, 'with -c --if-exists over what was there, and has been used');
pg_dump("$dir/rest.sql", '-N', 'cq');
create('rest');
restore('rest', "$dir/rest.sql");
is(try('SELECT count(*) FROM cq.queue', 'rest'), '0', '-N cq: the extension without content');
is(try(q{SELECT cq.queue_create('q'); SELECT cq.queue_send('q', '1') > 0; SELECT count(*) FROM target}, 'rest'), "\nt\n0", 'works');
create('no_data');
pg_dump("$dir/no_data.sql", '--exclude-table-data=cq.*');
restore('no_data', "$dir/no_data.sql");
is(try(q{SET ROLE app; SELECT cq.queue_create('q'); SELECT cq.queue_send('q', '1') > 0; SELECT count(*) FROM cq.queues}, 'no_data'), "\nt\n2", '--exclude-table-data=cq.*: like -s');
create('no_messages');
pg_dump("$dir/no_messages.sql", '--exclude-table-data=cq.q*_s*');
restore('no_messages', "$dir/no_messages.sql");
is(sql(q{SELECT count(*) FROM cq.queue_peek('q'); SELECT cq.queue_send('q', '1') > 0; SELECT body FROM cq.queue_take('q')}, 'no_messages', $to), "0\nt\n1", 'without messages');

# ---- by a role that is no superuser

sql('ALTER DATABASE postgres OWNER TO dumper');
my ($out, $error) = run_command([ 'pg_dump', '-U', 'dumper', '-d', $from->connstr('postgres') ]);
like($error, qr/permission denied/, 'the owner of the database needs more');
sql('GRANT pg_read_all_data TO dumper');
pg_dump("$dir/dumper.sql", '-U', 'dumper');
create('by_dumper');
restore('by_dumper', "$dir/dumper.sql");
is_deeply(state_of('by_dumper', $to), $before, 'namely pg_read_all_data');
like(try(q{SET ROLE dumper; SELECT cq.queue_take('q')}, 'by_dumper'), qr/^42501/, 'which is no right to consume');
sql('ALTER DATABASE postgres OWNER TO CURRENT_USER');

# ---- copies of databases

create('original');
restore('original', "$dir/all.sql");
sql(q{SELECT cq.queue_send('q', '"in both"')}, 'original', $to);
sql('CREATE DATABASE copy TEMPLATE original', 'postgres', $to);
my $original = state_of('original', $to);
is_deeply(state_of('copy', $to), $original, 'CREATE DATABASE TEMPLATE');
sql(q{SELECT count(*) FROM cq.queue_take('q', 5)}, 'copy', $to);
sql(q{SELECT cq.topic_publish('t', '"copy"'), cq.cache_set('k', 'copy')}, 'copy', $to);
is_deeply(state_of('original', $to), $original, 'does not share anything with it');
my $copy = state_of('copy', $to);
sql('ALTER DATABASE copy RENAME TO renamed', 'postgres', $to);
is_deeply(state_of('renamed', $to), $copy, 'RENAME');
is(try('DROP OWNED BY app CASCADE', 'renamed') =~ /^55000/, 1, 'pending writes of a copy');
sql(q{SELECT cq.cache_flush('n'); DROP OWNED BY app CASCADE}, 'renamed', $to);
is_deeply(state_of('original', $to), $original, 'DROP OWNED in the copy');
like(try('DROP ROLE app', 'renamed'), qr/^2BP01: /, 'a role that owns something elsewhere');
sql('DROP DATABASE renamed', 'postgres', $to);
is_deeply(state_of('original', $to), $original, 'DROP DATABASE');
is(try('DROP EXTENSION cachequeue', 'original') =~ /^2BP01/, 1, 'DROP EXTENSION');
is(try('BEGIN; DROP EXTENSION cachequeue CASCADE; ROLLBACK', 'original'), '', 'rolled back');
is_deeply(state_of('original', $to), $original, 'changes nothing');
is(try('DROP SCHEMA cq CASCADE', 'original') =~ /^2BP01/, 1, 'DROP SCHEMA');
is(try('DROP EXTENSION cachequeue CASCADE; CREATE EXTENSION cachequeue', 'original'), '', 'DROP EXTENSION CASCADE');
is(sql(q{SELECT count(*) FROM pg_class WHERE relnamespace = 'cq'::regnamespace AND relname ~ '^([qt]\d+_|(queue|topic|group|exchange)_\d)'}, 'original', $to), '0', 'takes all along');
is(sql('SELECT count(*) FROM pg_depend WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = objid) AND classid = ' . "'pg_class'::regclass", 'original', $to), '0', 'no dependency is left');
is(try(q{SELECT cq.queue_create('q'), cq.topic_create('t'), cq.namespace_create('n'), cq.exchange_create('x', 'fanout'); SELECT cq.queue_send('q', '1') > 0; SELECT count(*) FROM cq.queue_peek('q')}, 'original'),
	"|||\nt\n1", 'and a new one works');

$_->stop for $from, $to;
done_testing();
