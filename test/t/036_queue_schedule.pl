# Schedules through pg_cron.
#
# The scheduler's shortest period is a minute before its version 1.5.  What it
# would run is taken from its table and run by hand, but for one schedule that is
# due when the server starts.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'cachequeue'");
$node->start;

sub sql
{
	return $node->safe_psql('postgres', $_[0]);
}

# The SQLSTATE that a statement fails with, and the whole of what it says.
sub raises
{
	my ($sql, %option) = @_;
	my ($out, $err);

	$sql = "SET ROLE $option{role}; $sql" if $option{role};
	$node->psql($option{database} // 'postgres', "\\set VERBOSITY verbose\n$sql",
		stdout => \$out, stderr => \$err, on_error_stop => 0);
	return $err =~ /ERROR:\s+(\w{5}):/ ? "$1 " . $err =~ s/.*?ERROR:\s+\w{5}:\s+//sr : "none: $out$err";
}

# Run as the scheduler would what it has for a name; returns what it prints.
sub run_job
{
	my ($name, $role) = @_;
	my $command = sql("SELECT command FROM cron.job WHERE jobname = \$n\$cachequeue:$name\$n\$");

	return sql(($role ? "SET ROLE $role; " : '') . $command);
}

sql("CREATE EXTENSION cachequeue; SELECT cq.queue_create('q')");

# ---- without pg_cron

my $schedule = "SELECT cq.queue_schedule('nightly', '0 3 * * *', 'q', '1')";
like(raises($schedule), qr/^55000 .*not preloaded.*HINT:.*shared_preload_libraries.*'postgres'/s,
	'without pg_cron: an error that says what to do');
like(raises("SELECT cq.queue_unschedule('nightly')"), qr/^55000/, 'so does unschedule');

my $library = $node->config_data('--pkglibdir') . '/pg_cron.so';
if (!-e $library)
{
	note "no $library: nothing else can be tested";
	$node->stop;
	done_testing();
	exit;
}

# ---- with it, but in another database

$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'cachequeue,pg_cron'
cron.database_name = 'postgres'
cron.use_background_workers = on
CONF
$node->restart;
like(raises($schedule), qr/^55000 .*not installed.*HINT:.*CREATE EXTENSION pg_cron/s, 'the extension is missing');
sql('CREATE DATABASE other');
$node->safe_psql('other', "CREATE EXTENSION cachequeue; SELECT cq.queue_create('q')");
like(raises($schedule, database => 'other'),
	qr/^55000 .*database "postgres".*HINT:.*cron\.schedule_in_database.*'other'/s, 'it is in another database');

sql(<<'SQL');
CREATE EXTENSION pg_cron;
CREATE ROLE sender;
CREATE ROLE stranger;
GRANT USAGE ON SCHEMA cq TO sender, stranger;
SELECT cq.queue_grant('q', 'sender', 'send');
SQL
my $other = qr/^55000 .*not installed.*HINT:.*cron\.schedule_in_database.*'other'/s;
$node->safe_psql('other', 'GRANT USAGE ON SCHEMA cq TO sender');
like(raises($schedule, database => 'other', role => 'sender'), $other, 'for one who may not see where it is, too');

# ---- schedule, replace, end

my $id = sql($schedule);
like($id, qr/^\d+$/, 'schedule returns the number of the job');
is(sql("SELECT jobid, schedule, database, username = current_user, active FROM cron.job"),
	"$id|0 3 * * *|postgres|t|t", 'which is as it should be');
run_job('nightly') for 1 .. 2;
is(sql("SELECT body, headers FROM cq.queue_take('q', 10)"), "1|\n1|", 'each run sends the message');

sql("SELECT cq.queue_schedule('nightly', '\@daily', 'q', '{\"n\": 2}', headers => '{\"h\": true}')");
is(sql("SELECT count(*), min(schedule) FROM cron.job"), '1|@daily', 'the same name replaces it');
run_job('nightly');
is(sql("SELECT body, headers FROM cq.queue_take('q', 10)"), '{"n": 2}|{"h": true}', 'with another message');

sql("BEGIN; SELECT cq.queue_schedule('nightly', '\@hourly', 'q', '3'); ROLLBACK");
sql("BEGIN; SELECT cq.queue_unschedule('nightly'); ROLLBACK");
is(sql("SELECT schedule FROM cron.job"), '@daily', 'what is rolled back has not happened');
is(sql("SELECT cq.queue_unschedule('nightly'), cq.queue_unschedule('nightly')"), 't|f', 'unschedule, and again');
is(sql("SELECT count(*) FROM cron.job"), '0', 'it is gone');

# ---- any name, any text

for my $name ("it's", 'say "no"', "two\nlines", 'back\\slash', "\$1; DROP", "caf\x{c3}\x{a9}", 'x' x 52)
{
	my $queue = "queue of $name";
	my $body = '"' . $name =~ s/(["\\])/\\$1/gr =~ s/\n/\\n/gr . '"';

	sql("SELECT cq.queue_create(\$q\$$queue\$q\$)");
	sql("SELECT cq.queue_schedule(\$q\$$name\$q\$, '* * * * *', \$q\$$queue\$q\$, \$q\$$body\$q\$, \$q\${\"n\": $body}\$q\$)");
	run_job($name);
	is(sql("SELECT body #>> '{}', headers ->> 'n' = body #>> '{}' FROM cq.queue_take(\$q\$$queue\$q\$)"), "$name|t",
		'a name and a message with ' . $name =~ s/\n/\\n/r);
	is(sql("SELECT cq.queue_unschedule(\$q\$$name\$q\$)"), 't', 'and its end');
}

# a job that is not ours is not ours to remove
sql("SELECT cron.schedule('vacuum', '\@daily', 'VACUUM')");
is(sql("SELECT cq.queue_unschedule('vacuum')"), 'f', 'a job of another kind is none of ours');
sql("SELECT cron.unschedule('vacuum')");

# ---- bad arguments

for (
	[ q{NULL, '@daily', 'q', '1'}, qr/^22004 name/ ],
	[ q{'n', NULL, 'q', '1'}, qr/^22004 cron/ ],
	[ q{'n', '@daily', NULL, '1'}, qr/^22004 queue/ ],
	[ q{'n', '@daily', 'q', NULL}, qr/^22004 body/ ],
	[ q{'', '@daily', 'q', '1'}, qr/^22023 / ],
	[ q{repeat('x', 53), '@daily', 'q', '1'}, qr/^22023 .*52 bytes/ ],
	[ q{'n', '@daily', 'q', '1', '[]'}, qr/^22023 headers/ ],
	[ q{'n', '', 'q', '1'}, qr/^22023 / ],
	[ q{'n', '61 * * * *', 'q', '1'}, qr/^22023 / ],
	[ q{'n', 'now and then', 'q', '1'}, qr/^22023 / ],
	[ q{'n', '@daily', 'nothing', '1'}, qr/^42704 / ])
{
	like(raises("SELECT cq.queue_schedule($_->[0])"), $_->[1], "queue_schedule($_->[0])");
}
like(raises('SELECT cq.queue_unschedule(NULL)'), qr/^22004 /, 'queue_unschedule(NULL)');
is(sql('SELECT count(*) FROM cron.job'), '0', 'none of these left a job');
is(sql('SELECT count(*) FROM cq.queue_receive($$q$$)'), '0', 'nor sent anything');

# ---- roles

like(raises($schedule, role => 'sender'), qr/^42501 .*schema cron.*HINT:.*GRANT USAGE.*sender/s,
	'without USAGE on pg_cron\'s schema');
sql('GRANT USAGE ON SCHEMA cron TO sender, stranger');
like(raises($schedule, role => 'stranger'), qr/^42501 .*"q"/, 'without the privilege to send');
like(sql("SET ROLE sender; $schedule"), qr/^\d+$/, 'with both');
sql($schedule);
is(sql("SELECT count(*) FROM cron.job WHERE jobname = 'cachequeue:nightly'"), '2', 'names are told apart by role');
is(sql("SET ROLE stranger; SELECT cq.queue_unschedule('nightly')"), 'f', 'nobody ends that of another');
is(sql("SELECT cq.queue_unschedule('nightly')"), 't', 'a superuser ends his own');
is(sql("SELECT username FROM cron.job"), 'sender', 'and not that of others');
like(run_job('nightly', 'sender'), qr/^\d+$/, 'a run is with the rights of who scheduled');
sql("SELECT cq.queue_revoke('q', 'sender', 'send')");
like(raises(sql('SELECT command FROM cron.job'), role => 'sender'), qr/^42501 /, 'as he has them then');
is(sql("SET ROLE sender; SELECT cq.queue_unschedule('nightly')"), 't', 'and ends his own');
sql("SELECT cq.queue_purge('q')");

# ---- the scheduler itself

sql("SELECT cq.queue_schedule('at start', '\@reboot', 'q', '\"started\"')");
$node->restart;
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM cq.queue_take('q')"), 'the scheduler sends');
ok($node->poll_query_until('postgres', "SELECT status FROM cron.job_run_details WHERE command ~ 'cq.queue_send'", 'succeeded'),
	'and keeps a record');

# changed settings: this database is not that of the scheduler any more
$node->append_conf('postgresql.conf', "cron.database_name = 'other'");
$node->restart;
like(raises($schedule), qr/^55000 .*database "other"/, 'the scheduler has moved');
sql("SELECT cq.queue_grant('q', 'sender', 'send')");
like(raises($schedule, role => 'sender'), qr/^55000 .*another database/, 'which others find out as well');

$node->stop;
done_testing();
