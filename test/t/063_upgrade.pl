
# From version 1.0: its SQL objects under the present library, a dump of it, with data
# in everything, restored and brought to the present version, and the catalogs of an
# updated database beside those of a new one.
#
# test/upgrade/cachequeue-1.0.sql is what pg_dump made of a database of that version.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', 'max_prepared_transactions = 10');
$node->start;

sub sql { return $node->safe_psql('old', $_[0]); }

# Output and errors of a statement that may fail.
sub try
{
	my ($statement) = @_;
	my (undef, $out, $error) = $node->psql('old', "\\set VERBOSITY verbose\n$statement");

	return $out . $error;
}

$node->safe_psql('postgres', 'CREATE ROLE u10_filler; CREATE ROLE u10_owner; CREATE ROLE u10_app; CREATE DATABASE old');
sql("CREATE EXTENSION cachequeue VERSION '1.0'");

# ---- SQL objects of 1.0 under this library

like(try($_), qr/55000: the SQL objects of extension cachequeue are older.*ALTER EXTENSION cachequeue UPDATE/s, "1.0: $_")
  for "SELECT cq.cache_get('k')", "SELECT cq.cache_set('k', 'v')", "SELECT cq.cache_get('k', 'other')",
  "SELECT cq.cache_fetch('k', 'SELECT 1')", "SELECT cq.cache_invalidate('t')", "SELECT cq.cache_clear()",
  "SELECT cq.namespace_create('n')", "SELECT cq.namespace_drop('n')", "SELECT cq.namespace_grant('default', 'u10_app', 'read')",
  "SELECT cq.queue_create('q')", "SELECT cq.queue_drop('q')", "SELECT cq.queue_send('q', '1')",
  "SELECT * FROM cq.queue_receive('q')", "SELECT cq.queue_grant('q', 'u10_app', 'send')", 'SELECT * FROM cq.stat_queues',
  "SELECT cq.topic_create('t')", "SELECT cq.topic_drop('t')", "SELECT * FROM cq.topic_publish('t', '1')",
  "SELECT cq.group_join('t', 'g', 'm')", 'SELECT * FROM cq.stat_topics', "SELECT cq.exchange_create('e', 'fanout')",
  "SELECT cq.exchange_drop('e')", "SELECT cq.exchange_publish('e', '', '1')";

# ---- a dump of 1.0

$node->command_ok(
	[ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('old'), '-f', 'test/upgrade/cachequeue-1.0.sql' ],
	'the dump can be restored into the extension of its version');
like(try("INSERT INTO account VALUES (3, 'eve', 1)"), qr/55000/, 'a change of a watched table is refused meanwhile');

my $said = try('ALTER EXTENSION cachequeue UPDATE');
like($said, qr/a grant on queue "plain" to a role that is gone \(OID \d+\) is dropped/, 'a grant to nobody is told');
like($said, qr/namespace "default" is no longer open/, 'and that the namespace default is closed');
unlike($said, qr/ERROR/, 'the update');
is(sql("SELECT extversion FROM pg_extension WHERE extname = 'cachequeue'"), '1.1', 'the version');

is( sql(q{SELECT kind, object, role, privileges FROM cq.privileges WHERE role <> 'u10_owner' AND object <> 'default' ORDER BY 1, 2, 3}),
	join("\n",
		'exchange|first|u10_app|publish', 'group|exclusive|u10_app|consume', 'namespace|mine|public|write,invalidate,clear',
		'namespace|mine|u10_app|read', 'queue|plain|public|peek,alter,purge', 'queue|plain|u10_app|send,consume',
		'topic|log|public|publish', 'topic|log|u10_app|consume'),
	'grants');
is( sql(q{SELECT DISTINCT owner FROM (SELECT owner FROM cq.queues UNION ALL SELECT owner FROM cq.topics UNION ALL SELECT owner FROM cq.groups
	UNION ALL SELECT owner FROM cq.exchanges UNION ALL SELECT owner FROM cq.namespaces WHERE namespace <> 'default') AS o}),
	'u10_owner', 'owners');
is(sql("SELECT has_function_privilege('u10_owner', f, 'execute') FROM unnest(ARRAY['cq.queue_create'::regproc, 'cq.topic_create', 'cq.exchange_create', 'cq.namespace_create']) AS f"),
	"t\nt\nt\nt", 'who may create goes on to');
is(sql(q{SELECT count(*) FROM pg_depend WHERE deptype = 'e' AND objid IN
	(SELECT oid FROM pg_class WHERE relnamespace = 'cq'::regnamespace AND relname ~ '^(queue|topic|group|exchange|namespace)_[1-9]')}),
	'0', 'carriers are no members of the extension');

# queues: what waits, what failed, keys, receipts
is(sql("SET ROLE u10_owner; SELECT msg_id, attempt, body FROM cq.queue_peek('plain')"), "1|1|1\n4|0|4\n5|0|5\n6|0|\"later\"", 'messages');
is(sql("SELECT msg_id, headers -> 'dead_letter' ->> 'reason', body FROM cq.queue_peek('plain.dead')") =~ /^\d+\|.*\|2$/ ? 1 : 0, 1, 'a dead letter');
is(sql("SET ROLE u10_owner; SELECT cq.queue_send('plain', '7', dedup_key => 'k3')"), '3', 'a key is remembered');
is(sql("SET ROLE u10_app; SELECT cq.queue_ack('plain', receipt) FROM cq.queue_receive('plain', 2)"), "1\n1", 'receipts');
is(sql(q{SET ROLE u10_owner; SELECT cq.queue_send(E'odd "name"\n\\\\of it''s', '1') > 0}), 't', 'odd names');

# topics
is(sql("SET ROLE u10_owner; SELECT sum(lag) FROM cq.stat_groups WHERE group_name = 'exclusive'"), '13', 'offsets');
is(sql("SET ROLE u10_app; SELECT cq.group_join('log', 'exclusive', 'n') > 0; SELECT count(*) FROM cq.topic_poll('log', 'exclusive', 'n', 100)"), "t\n13", 'records');
is(sql("SET ROLE u10_owner; SELECT count(*) FROM cq.queue_take('log.shared', 100)"), '17', 'a shared group');
is(sql("SELECT queue FROM cq.groups WHERE kind = 'shared'"), 'log.shared', 'knows its queue');
ok(sql("SELECT record_offset >= 20 / 2 FROM cq.topic_publish('log', '1', partition => 0)") eq 't', 'offsets go on');

# exchanges
is(sql("SET ROLE u10_app; SELECT cq.exchange_publish('first', 'a.b', '\"routed\"'), cq.exchange_publish('first', 'z', '1')"), '1|1', 'routes and alternates');

# namespaces and watches
is(sql("SELECT default_ttl, memory_quota FROM cq.namespaces WHERE namespace = 'mine'"), '01:00:00|1000000', 'a namespace');
is(sql("SELECT cq.namespace_grant('default', 'u10_app', 'all'); SET ROLE u10_app; SELECT cq.cache_set('k', 'v'); SELECT cq.cache_get('k')"), "\nt\nv", 'default can be granted');
is( sql('SELECT target, tags, write_through, enabled FROM cq.cache_watches ORDER BY target::text'),
	join("\n",
		'account|{"owner:{owner}","account:{id}"}|{"key": "account:{id}", "ttl": "01:00:00", "columns": ["id", "balance"], "namespace": "mine"}|t',
		'measurement|{"city:{city}"}||t', 'measurement_1|{"city:{city}"}||t', 'measurement_2|{"city:{city}"}||t', 'plain_watch|{}||t'),
	'watches');
sql("INSERT INTO account VALUES (3, 'eve', 1)");
is(sql("SELECT cq.cache_get_jsonb('account:3', 'mine')"), '{"id": 3, "balance": 1}', 'write-through');
sql("SELECT cq.cache_fetch('cities', 'SELECT count(*) FROM measurement')");
sql("INSERT INTO measurement VALUES (2, '2000-01-01')");
is(sql("SELECT cq.cache_fetch('cities', 'SELECT count(*) FROM measurement')"), '1', 'a partition invalidates');
is(sql("SELECT cq.cache_flush('behind'); SELECT * FROM setting"), "1\na|pending", 'write-behind');

# dropping, by any way
sql("DROP OWNED BY u10_owner CASCADE");
is(sql("SELECT count(*) FROM cq.queue"), '0', 'queues are gone with their owner');
is(sql("SELECT relname FROM pg_class WHERE relnamespace = 'cq'::regnamespace AND relname ~ '^[qt][0-9]+_'"), '', 'and their tables');
sql('DROP OWNED BY u10_app');

# ---- the catalogs

# Everything that the extension has in the catalogs, without OIDs, in an order of its own.
my $catalog = q{
SELECT 'function', p.oid::regprocedure::text, pg_get_functiondef(p.oid), p.proacl::text, obj_description(p.oid, 'pg_proc')
FROM pg_proc AS p WHERE p.pronamespace = 'cq'::regnamespace AND p.prokind <> 'a'
UNION ALL
SELECT 'relation', c.relname, concat_ws(' ', c.relkind, c.relpersistence, c.reloptions, pg_get_viewdef(c.oid)), c.relacl::text, obj_description(c.oid, 'pg_class')
FROM pg_class AS c WHERE c.relnamespace = 'cq'::regnamespace AND c.relkind <> 'i'
UNION ALL
SELECT 'column', a.attrelid::regclass || '.' || row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum),
	concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attcollation::regcollation, a.attidentity, pg_get_expr(d.adbin, d.adrelid)),
	a.attacl::text, col_description(a.attrelid, a.attnum)
FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid LEFT JOIN pg_attrdef AS d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
WHERE c.relnamespace = 'cq'::regnamespace AND c.relkind <> 'i' AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'index', i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid), NULL, NULL
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid WHERE c.relnamespace = 'cq'::regnamespace
UNION ALL
SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid), NULL, NULL FROM pg_constraint
WHERE connamespace = 'cq'::regnamespace AND contype <> 'n'  -- since 18, named after what the column was once called
UNION ALL
SELECT 'trigger', tgrelid::regclass || '.' || tgname, concat_ws(' ', pg_get_triggerdef(t.oid), tgenabled), NULL, NULL
FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid WHERE c.relnamespace = 'cq'::regnamespace AND NOT tgisinternal
UNION ALL
SELECT 'event trigger', evtname, concat_ws(' ', evtevent, evtfoid::regproc, evtenabled, evttags), NULL, NULL FROM pg_event_trigger
UNION ALL
SELECT 'member', pg_describe_object(classid, objid, objsubid), NULL, NULL, NULL FROM pg_depend
WHERE deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cachequeue')
UNION ALL
SELECT 'configuration', c.config::regclass::text, c.condition, NULL, NULL
FROM pg_extension, LATERAL unnest(extconfig, extcondition) AS c (config, condition) WHERE extname = 'cachequeue'
ORDER BY 1, 2, 3};

$node->safe_psql('postgres', 'CREATE DATABASE updated; CREATE DATABASE new');
$node->safe_psql('updated', "CREATE EXTENSION cachequeue VERSION '1.0'; ALTER EXTENSION cachequeue UPDATE");
$node->safe_psql('new', 'CREATE EXTENSION cachequeue');
my ($updated, $new) = map { my $d = $_; [ sort split /\x02/, $node->safe_psql($d, "\\pset fieldsep '|'\n\\pset recordsep '\\002'\n$catalog") ] } 'updated', 'new';
my %of_new = map { $_ => 1 } @$new;
my %of_updated = map { $_ => 1 } @$updated;
is(join("\n", grep { !$of_updated{$_} } @$new), '', 'a new database has nothing that an updated one lacks');
is(join("\n", grep { !$of_new{$_} } @$updated), '', 'nor the other way round');
cmp_ok(scalar @$new, '>', 300, 'and they have something');

$node->stop;
done_testing();
