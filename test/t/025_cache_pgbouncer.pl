
# The cache through a pooler in transaction mode (PgBouncer): what one client
# misses, reads and sets in several transactions may run on several server
# connections, and each of these serves many clients.

use strict;
use warnings;

use CqSession;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

plan skip_all => 'no pgbouncer' unless grep { -x "$_/pgbouncer" } split(/:/, $ENV{PATH}), '/usr/sbin';
$ENV{PATH} .= ':/usr/sbin';

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION cachequeue;
CREATE TABLE account (id int PRIMARY KEY, balance int);
INSERT INTO account SELECT n, 100 FROM generate_series(1, 20) AS n;
SELECT cq.cache_watch('account', ARRAY['account:{id}']);
CREATE FUNCTION look(int) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(cq.cache_get('account:' || $1), 'miss') || ' / '
		|| (SELECT balance FROM account WHERE id = $1) $$;
CREATE FUNCTION put(int, text, bigint = NULL) RETURNS boolean LANGUAGE sql AS $$
	SELECT cq.cache_set('account:' || $1, $2, tags => ARRAY['account:' || $1], lease => $3) $$;
SQL

# ---- the pooler: three pools, told apart by their database's name

my $dir = PostgreSQL::Test::Utils::tempdir_short();
my $port = 6432;
my $target = 'host=' . $node->host . ' port=' . $node->port . ' dbname=postgres';
append_to_file("$dir/pgbouncer.ini", <<INI);
[databases]
one = $target pool_size=1
two = $target pool_size=2
session = $target pool_size=1 connect_query='SET cachequeue.remember_misses = session'
[pgbouncer]
listen_addr =
listen_port = $port
unix_socket_dir = $dir
auth_type = trust
auth_file = $dir/users
pool_mode = transaction
ignore_startup_parameters = options
pidfile = $dir/pid
logfile = $dir/log
INI
append_to_file("$dir/users", '"' . $node->safe_psql('postgres', 'SELECT current_user') . "\" \"\"\n");
system_or_bail('pgbouncer', '-q', '-d', "$dir/pgbouncer.ini");

# it listens a moment after the command has come back
for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
{
	last if system_log('psql', '-XAtq', '-d', "host=$dir port=$port dbname=one", '-c', 'SELECT 1') == 0;
	usleep(100_000);
}

END
{
	my $status = $?;
	kill 'TERM', slurp_file("$dir/pid") if defined $dir && -s "$dir/pid";
	$? = $status;
}

sub client { return CqSession->new(undef, "host=$dir port=$port dbname=$_[0]"); }

my ($found, $lease);

sub miss
{
	my ($client, $id) = @_;
	($found, my $number) = split /\|/, $client->query("SELECT found, lease FROM cq.cache_get_or_lease('account:$id')");
	return $number;
}

# ---- one server connection, two clients

my ($x, $y) = map { client('one') } 1, 2;
is($x->query('SELECT pg_backend_pid()'), $y->query('SELECT pg_backend_pid()'), 'the clients share a server connection');

$lease = miss($x, 1);
is($found, 'f', 'a miss');
my $value = $x->query('SELECT balance FROM account WHERE id = 1');
is($x->query("SELECT put(1, '$value', $lease)"), 't', 'a set by lease, three transactions later');
is($y->query('SELECT look(1)'), '100 / 100', 'is served to the other client');

# The miss of another client, with a newer snapshot, must not bless a value that
# was read before: in a transaction of its own the set has nothing to go by.
sub race
{
	my ($id, $x, $y, $lease) = @_;
	my $value = $x->query("SELECT balance FROM account WHERE id = $id");
	$node->safe_psql('postgres', "UPDATE account SET balance = 150 WHERE id = $id");
	is($y->query("SELECT look($id)"), 'miss / 150', 'the other client misses, later');
	return $x->query("SELECT put($id, '$value'" . (defined $lease ? ", $lease" : '') . ')');
}
is(race(2, $x, $y, miss($x, 2)), 'f', 'a late set by lease is refused');
is($y->query('SELECT look(2)'), 'miss / 150', 'and nothing stale is served');
miss($x, 3);
my $error = race(3, $x, $y);
like($error, qr/ERROR: +cannot tell when the value was read/, 'without the lease it is an error');
is($x->query("SELECT :'LAST_ERROR_SQLSTATE'"), '55000', 'with its SQLSTATE');
is($y->query('SELECT look(3)'), 'miss / 150', 'and nothing stale is served');

# In one transaction the miss is remembered, as without a pooler.
is($x->query("BEGIN; SELECT look(4); SELECT put(4, '100'); COMMIT"), "miss / 100\nt", 'miss and set in one transaction');
is($y->query('SELECT look(4)'), '100 / 100', 'are served to the other client');

is($x->query("SELECT cq.cache_fetch('f', 'SELECT balance FROM account WHERE id = 4')"), '100', 'read-through');
$node->safe_psql('postgres', 'UPDATE account SET balance = 160 WHERE id = 4');
is($y->query("SELECT cq.cache_fetch('f', 'SELECT balance FROM account WHERE id = 4')"), '160', 'is invalidated');

# Why remember_misses = session is not the default: the other client's miss
# stands for this one's, and what it blesses contradicts the table.
my ($sa, $sb) = map { client('session') } 1, 2;
is($sa->query('SHOW cachequeue.remember_misses'), 'session', 'a pool with misses remembered for the session');
miss($sa, 5);
is(race(5, $sa, $sb), 't', 'there the late set is accepted');
is($y->query('SELECT look(5)'), '100 / 150', 'and a stale value is served');
$lease = miss($sa, 6);
is(race(6, $sa, $sb, $lease), 'f', 'unless it comes with its lease');
$_->quit for $sa, $sb;

# ---- two server connections: leases don't depend on which one it is

my @clients = map { client('two') } 1 .. 3;
$clients[2]->query('BEGIN');
my $first = $clients[0]->query('SELECT pg_backend_pid()');
$lease = miss($clients[0], 7);
$clients[1]->query('BEGIN');
$clients[2]->query('COMMIT');
isnt($clients[0]->query('SELECT pg_backend_pid()'), $first, 'the client has got another server connection');
is($clients[0]->query("SELECT put(7, '100', $lease)"), 't', 'its lease is good there');
$clients[1]->query('COMMIT');
is($clients[1]->query('SELECT look(7)'), '100 / 100', 'and its value served');

# Many clients at random: misses, reads, late sets and writes, each a transaction
# of its own; each hit is compared with the table in one statement.
srand(25);
my %load = map { $_ => undef } 0 .. $#clients;
my ($hits, $wrong, $refused) = (0, 0, 0);
for (1 .. 1500)
{
	my $n = int rand @clients;
	my ($client, $load, $id) = ($clients[$n], $load{$n}, 8 + int rand 3);

	if (rand() < 0.08)
	{
		$client->query("UPDATE account SET balance = balance + 1 WHERE id = $id");
	}
	elsif (!$load)
	{
		my $look = $client->query("SELECT look($id)");
		my ($cached, $actual) = split qr{ / }, $look;
		if ($cached eq 'miss')
		{
			my $number = miss($client, $id);
			$load{$n} = { id => $id, lease => $number } if $found eq 'f';
			next;
		}
		$hits++;
		$wrong++ if $cached ne $actual;
	}
	elsif (!defined $load->{value})
	{
		$load->{value} = $client->query("SELECT balance FROM account WHERE id = $load->{id}");
	}
	else
	{
		$refused++ if $client->query("SELECT put($load->{id}, '$load->{value}', $load->{lease})") eq 'f';
		$load{$n} = undef;
	}
}
note("$hits hits, $refused sets refused");
is($wrong, 0, 'no hit contradicts the table');
cmp_ok($hits, '>', 100, 'there were hits');
cmp_ok($refused, '>', 0, 'and sets that came too late');

$_->quit for $x, $y, @clients;
$node->stop;
done_testing();
