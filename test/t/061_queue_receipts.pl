# Receipts: nobody can make one, and none is good for another queue.

use strict;
use warnings;

use CqSession;
use MIME::Base64 qw(decode_base64url encode_base64url);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nmax_prepared_transactions = 2");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION cachequeue; CREATE ROLE consumer');

sub sql { return $node->safe_psql('postgres', shift) }

sub receive { return sql("SELECT receipt FROM cq.queue_receive('$_[0]')") }

# ---- a later queue of the same number
my %create = (memory => '', durable => ', durable_leases => true');
for my $kind ('memory', 'durable')
{
	my $setup = qq{SELECT cq.queue_create('q', lease => '1 h' $create{$kind});
		SELECT cq.queue_send('q', '1')};
	my $again = 'DROP EXTENSION cachequeue CASCADE; CREATE EXTENSION cachequeue';

	sql($again);
	sql($setup);
	my $old = receive('q');
	sql($again);
	sql($setup);
	my $new = receive('q');
	isnt($old, $new, "$kind: another receipt");
	is(sql("SELECT cq.queue_ack('q', '$old')"), '0', "$kind: one from before CREATE EXTENSION is void");
	is(sql("SELECT cq.queue_nack('q', '$old')"), 'f', "$kind: for queue_nack too");
	is(sql("SELECT cq.queue_reject('q', '$old')"), 'f', "$kind: for queue_reject too");
	is(sql("SELECT cq.queue_extend('q', '$old')"), 'f', "$kind: for queue_extend too");
	# no worker has looked at the tables before
	$node->adjust_conf('postgresql.conf', 'max_worker_processes', '0');
	$node->restart;
	is(sql("SELECT cq.queue_ack('q', '$new')"), $kind eq 'durable' ? '1' : '0', "$kind: after a restart");
	$node->adjust_conf('postgresql.conf', 'max_worker_processes', '32');
	$node->restart;
}

# one backend that sees both queues
my ($status, $out) = $node->psql('postgres', <<'SQL');
SELECT cq.queue_create('r', durable_leases => true);
SELECT cq.queue_send('r', '1');
SELECT receipt AS old FROM cq.queue_receive('r') \gset
SELECT secret AS old_secret FROM cq.queue_secret ORDER BY queue_id DESC LIMIT 1 \gset
SET client_min_messages = warning;
DROP EXTENSION cachequeue CASCADE;
CREATE EXTENSION cachequeue;
SELECT cq.queue_create('q'), cq.queue_create('q2');
SELECT cq.queue_create('r', durable_leases => true);
SELECT cq.queue_send('r', '1');
SELECT receipt AS new FROM cq.queue_receive('r') \gset
SELECT 'same secret' FROM cq.queue_secret WHERE secret = :old_secret;
SELECT 'new', cq.queue_ack('r', :'new');
SQL
like($out, qr/^new\|1$/m, 'one session, two queues of the same name');
unlike($out, qr/same secret/, 'with two secrets');

# ---- made of others
sql(q{SELECT cq.queue_create('m', lease => '1 h');
	SELECT cq.queue_create('d', lease => '1 h', durable_leases => true);
	SELECT cq.queue_send(q, to_jsonb(i)) FROM unnest('{m,d}'::text[]) q, generate_series(1, 2) i});
for my $queue ('m', 'd')
{
	my @receipts = (receive($queue), receive($queue));
	my @bytes = map { decode_base64url($_) } @receipts;

	is(length($receipts[0]), 44, "$queue: length");
	is(unpack('C', $bytes[0]), $queue eq 'd' ? 1 : 0, "$queue: kind");
	for my $forged (
		substr($bytes[0], 0, 25) . substr($bytes[1], 25),    # the tag of another
		substr($bytes[0], 0, 25) . ("\0" x 8),
		pack('C', 1 - unpack('C', $bytes[0])) . substr($bytes[0], 1))
	{
		is(sql("SELECT cq.queue_ack('$queue', '" . encode_base64url($forged) . "')"),
			'0', "$queue: a receipt made of others is none");
	}
	my ($stdout, $stderr);
	$node->psql('postgres', "\\set VERBOSITY verbose\nSELECT cq.queue_ack('$queue', '" .
		  encode_base64url(substr($bytes[0], 0, 1) . "\1" . substr($bytes[0], 2)) . "')",
		stderr => \$stderr);
	like($stderr, qr/22023: the receipt belongs to another shard/, "$queue: of another shard");
	is(sql("SELECT cq.queue_ack('$queue', '$receipts[0]', '$receipts[1]')"), '2', "$queue: the real ones are good");
}

# ---- the secret
is(sql(q{SELECT has_table_privilege('consumer', 'cq.queue_secret', 'SELECT, INSERT, UPDATE, DELETE')}),
	'f', 'the secrets are not for consumers');
is(sql(q{SELECT count(*) FROM pg_class, aclexplode(relacl)
	WHERE oid = 'cq.queue_secret'::regclass AND grantee <> relowner}), '0', 'nobody was granted anything');
my $has = q{SELECT count(*) FROM cq.queue_secret JOIN cq.queue USING (queue_id) WHERE name = '%s'};
is(sql(sprintf($has, 'm')), '0', 'a queue without durable leases needs none');
sql(q{SELECT cq.queue_drop('d')});
is(sql('SELECT count(*) FROM cq.queue_secret s WHERE queue_id NOT IN (SELECT queue_id FROM cq.queue)'),
	'0', 'it goes with its queue');

# on first need, by two at once, the first of which rolls back
sql(q{SELECT cq.queue_alter('m', durable_leases => true);
	SELECT cq.queue_grant('m', 'consumer', 'consume');
	GRANT USAGE ON SCHEMA cq TO consumer;
	SELECT cq.queue_send('m', to_jsonb(i)) FROM generate_series(1, 3) i});
my $first = CqSession->new($node, 'postgres');
$first->query('BEGIN');
is($first->query(q{SELECT count(*) FROM cq.queue_receive('m')}), '1', 'the first makes a secret');
my $second = CqSession->new($node, 'postgres');
$second->query('BEGIN ISOLATION LEVEL REPEATABLE READ');
$second->query('SET ROLE consumer');
$second->query('SELECT 1');
$second->send(q{SELECT receipt FROM cq.queue_receive('m')});
ok($node->poll_query_until('postgres',
	q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'object' AND NOT granted}), 'the second waits');
$first->query('ROLLBACK');
my $received = $second->wait;
$second->query('COMMIT');
is($second->query("SELECT cq.queue_ack('m', '$received')"), '1', 'and makes one itself');
is($first->query(q{SELECT cq.queue_ack('m', receipt) FROM cq.queue_receive('m')}), '1', 'which the first uses then');
is(sql(sprintf($has, 'm')), '1', 'one secret');
$first->quit;
$second->quit;

# ---- dump and restore
my $held = receive('m');
my $file = $node->basedir . '/dump';
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'pg_dump', '-f', $file, $node->connstr('postgres') ], 'pg_dump');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('copy'), '-f', $file ], 'restore');
is($node->safe_psql('copy', 'SELECT count(*) FROM cq.queue_secret'), '0', 'secrets are not dumped');
$node->safe_psql('copy', q{SELECT count(*) FROM cq.queue_receive('m')});
is($node->safe_psql('copy', qq{SELECT cq.queue_ack('m', '$held')}), '0', 'a receipt is not good for a copy');
is(sql("SELECT cq.queue_ack('m', '$held')"), '1', 'but for the original');

$node->stop;
done_testing();
