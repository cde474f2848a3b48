# The workers of docs/examples, each run against a server: messages are done, one
# that fails is tried again and then a dead letter, a long one keeps its lease, a
# restart of the server is survived, SIGTERM loses nothing and leaves nothing in
# flight.
#
# What a worker does with a message is the same in all languages: it writes the
# body to a file, with "begin" before and "end" after, and in between fails or
# sleeps if the body says so.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

use constant {
	LEASE => 5,			# of the queues, in seconds
	LONG => 6,			# what a long message takes
	SLOW => 1.5,		# a slow one
};

my $examples = 'docs/examples';
my $dir = PostgreSQL::Test::Utils::tempdir;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "statement_timeout = '15min'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION cachequeue');
$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
$ENV{PGUSER} = $node->safe_psql('postgres', 'SELECT current_user');
$ENV{PGDATABASE} = 'postgres';

sub write_file
{
	my ($name, $text) = @_;

	open(my $fh, '>', "$dir/$name") or die "$dir/$name: $!\n";
	print $fh $text;
	close $fh;
	return "$dir/$name";
}

# ---- the same work in three languages

my $sh_work = write_file('work.sh', <<'SH');
body=$(cat)
echo "begin $ATTEMPT $body" >> "$DONE"
case $body in
	*fail*) echo "cannot do that" >&2; exit 3 ;;
	*long*) sleep "$LONG" ;;
	*slow*) sleep "$SLOW" ;;
esac
echo "end $ATTEMPT $body" >> "$DONE"
SH

write_file('jobs.py', <<'PY');
import json, os, time

def write(line):
    with open(os.environ["DONE"], "a") as file:
        print(line, file=file)

def work(message):
    body = json.dumps(message.body)
    write(f"begin {message.attempt} {body}")
    if "fail" in body:
        raise ValueError("cannot do that")
    if "long" in body:
        time.sleep(float(os.environ["LONG"]))
    if "slow" in body:
        time.sleep(float(os.environ["SLOW"]))
    write(f"end {message.attempt} {body}")

def insert(conn, message):
    conn.execute("INSERT INTO done VALUES (%s, %s)", (json.dumps(message.body), message.attempt))
    work(message)
PY

my $node_work = write_file('jobs.mjs', <<'JS');
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const write = (line) => appendFileSync(process.env.DONE, line + '\n')

export default async function work(message) {
  const body = JSON.stringify(message.body)
  write(`begin ${message.attempt} ${body}`)
  if (body.includes('fail')) throw new Error('cannot do that')
  if (body.includes('long')) await sleep(1000 * process.env.LONG)
  if (body.includes('slow')) await sleep(1000 * process.env.SLOW)
  write(`end ${message.attempt} ${body}`)
}
JS

# node finds packages beside the program, in Debian's folder or npm's
mkdir "$dir/node_modules";
my ($pg) = grep { -d } '/usr/share/nodejs/pg', '/usr/local/lib/node_modules/pg';
symlink $pg, "$dir/node_modules/pg" if $pg;
$ENV{NODE_PATH} = '/usr/share/nodejs';
$ENV{PYTHONPATH} = $dir;
$ENV{PYTHONDONTWRITEBYTECODE} = 1;
$ENV{LONG} = LONG;
$ENV{SLOW} = SLOW;

my %workers = (
	sh => [ 'bash', "$dir/worker.sh", 'QUEUE', 'bash', $sh_work ],
	python => [ '/usr/bin/python3', "$dir/worker.py", 'QUEUE', 'jobs:work' ],
	take => [ '/usr/bin/python3', "$dir/worker_take.py", 'QUEUE', 'jobs:insert' ],
	node => [ 'node', "$dir/worker.mjs", 'QUEUE', $node_work ]);

# They look in vain every ten seconds.  Here they wait for longer than the test
# does: one that is not woken, or does not end before it has been, fails.
for my $file (qw(worker.sh worker.py worker_take.py worker.mjs))
{
	write_file($file, slurp_file("$examples/$file") =~ s/\b10 s\b/10 min/r);
}
like(slurp_file("$dir/worker$_"), qr/10 min/, "worker$_ waits for long") for qw(.sh .py .mjs);
my %missing;
$missing{python} = $missing{take} = 'python3-psycopg'
  if system('/usr/bin/python3 -c "import psycopg" 2> /dev/null');
$missing{node} = 'node-pg' unless $pg;

# ---- a worker as a process

sub start_worker
{
	my ($name) = @_;
	my $log = "$dir/$name.log";
	my @command = map { $_ eq 'QUEUE' ? $name : $_ } @{ $workers{$name} };
	my $pid = fork() // die $!;

	if ($pid == 0)
	{
		$ENV{DONE} = "$dir/$name.done";
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>>', $log);
		open(STDERR, '>>', $log);
		exec @command or die "$command[0]: $!\n";
	}
	return $pid;
}

# Wait until something is so, for as long as the server's tests wait.
sub wait_until
{
	my ($what, $is_so) = @_;

	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return 1 if $is_so->();
		sleep 0.1;
	}
	diag("timed out: $what");
	return 0;
}

# SIGTERM; returns the exit code.
sub stop_worker
{
	my ($pid) = @_;

	kill 'TERM', $pid;
	wait_until('the worker ends', sub { waitpid($pid, 1) == $pid })
	  or kill('KILL', $pid);
	return $?;
}

sub lines
{
	my ($name, $like) = @_;
	my $file = "$dir/$name.done";

	return -e $file ? grep { $_ =~ $like } split /\n/, slurp_file($file) : ();
}

sub log_of
{
	return slurp_file("$dir/$_[0].log");
}

sub send_messages
{
	my ($queue, @bodies) = @_;
	my $bodies = join ', ', map { "'\"$_\"'" } @bodies;

	return $node->safe_psql('postgres',
		"SELECT count(*) FROM cq.queue_send_many('$queue', ARRAY[$bodies]::jsonb[])");
}

sub state_of
{
	return $node->safe_psql('postgres',
		"SELECT ready, delayed, in_flight FROM cq.stat_queues WHERE queue = '$_[0]'");
}

# those of workers, not that of the test
my $sessions = "SELECT count(*) FROM pg_stat_activity WHERE query ~ 'queue_' AND pid <> pg_backend_pid()";

sub waits
{
	my ($name) = @_;
	return $node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE query ~ '^CALL cq.queue_wait' AND wait_event = 'Extension'");
}

$node->safe_psql('postgres', 'CREATE TABLE done (body text, attempt int)');
for my $name (sort keys %workers)
{
  SKIP:
	{
		skip "$name: no $missing{$name}", 1 if $missing{$name};
		test_worker($name);
	}
}
$node->stop;
done_testing();

sub test_worker
{
	my ($name) = @_;

	# a failed attempt is repeated after a second or so
	$node->safe_psql('postgres',
		"SELECT cq.queue_create('$name', lease => '@{[LEASE]} s', max_attempts => 2)");

	# ---- what is there, and what comes
	send_messages($name, map { "early $_" } 1 .. 12);
	my $pid = start_worker($name);
	ok(wait_until('early messages', sub { lines($name, qr/end/) == 12 }), "$name: does what is there");
	waits($name);
	send_messages($name, 'it\'\'s \\" \\\\ \\n \\t é $HOME `x` %s');
	ok(wait_until('a late message', sub { lines($name, qr/end.*HOME/) }), "$name: and what comes");
	like((lines($name, qr/HOME/))[0], qr/^begin 1 "it's \\" \\\\ \\n \\t (?:é|\xc3\xa9|\\u00e9) \$HOME `x` %s"$/,
		"$name: as it was sent");

	# ---- a failure
	send_messages($name, 'fail');
	ok($node->poll_query_until('postgres', "SELECT dead = 1 FROM cq.stat_queues WHERE queue = '$name'"),
		"$name: what fails becomes a dead letter");
	is(join(', ', lines($name, qr/fail/)), 'begin 1 "fail", begin 2 "fail"', "$name: after two attempts");
	my $error = $node->safe_psql('postgres',
		"SELECT headers #>> '{dead_letter,error}' FROM cq.queue_take('$name.dead')");
	like($error, qr/cannot do that/, "$name: with the reason") if $name ne 'take';
	like(log_of($name), qr/cannot do that/, "$name: which is logged");

	# ---- longer than a lease
	send_messages($name, 'long 1');
	ok(wait_until('a long message', sub { lines($name, qr/end . "long 1"/) }), "$name: does what takes long");
	ok($node->poll_query_until('postgres', "SELECT ready + in_flight = 0 FROM cq.stat_queues WHERE queue = '$name'"),
		"$name: settles it");
	is(join(', ', lines($name, qr/long 1/)), 'begin 1 "long 1", end 1 "long 1"', "$name: and keeps its lease meanwhile");

	# ---- a restart of the server, while it waits and while it works
	waits($name);
	$node->stop;
	ok(wait_until('the worker notices', sub { log_of($name) =~ /no connection, trying again/ }),
		"$name: notices that the server is gone");
	$node->start;
	send_messages($name, 'after the restart');
	ok(wait_until('a message after the restart', sub { lines($name, qr/end 1 "after the restart"/) }),
		"$name: finds it again");
	send_messages($name, 'slow 1');
	wait_until('the slow message begins', sub { lines($name, qr/begin . "slow 1"/) });
	$node->restart;
	ok($node->poll_query_until('postgres',
		"SELECT ready + delayed + in_flight = 0 FROM cq.stat_queues WHERE queue = '$name'"),
		"$name: does again what it had not settled");
	cmp_ok(scalar(lines($name, qr/end . "slow 1"/)), '>=', 1, "$name: and does not lose it");

	# ---- SIGTERM while it works
	waits($name);
	send_messages($name, 'slow 2');
	wait_until('the slow message begins', sub { lines($name, qr/begin . "slow 2"/) });
	send_messages($name, map { "next $_" } 1 .. 3);
	is(stop_worker($pid), 0, "$name: SIGTERM ends it, exit code 0");
	is(join(', ', lines($name, qr/slow 2/)), 'begin 1 "slow 2", end 1 "slow 2"', "$name: after the message in hand");
	is(scalar(lines($name, qr/next/)), 0, "$name: and before the next");
	is(state_of($name), '3|0|0', "$name: which is ready, nothing is in flight");
	ok($node->poll_query_until('postgres', $sessions, '0'), "$name: no session stays");

	# ---- SIGTERM while it waits
	$pid = start_worker($name);
	ok(wait_until('the rest', sub { lines($name, qr/end . "next/) == 3 }), "$name: the next worker does the rest");
	waits($name);
	is(stop_worker($pid), 0, "$name: SIGTERM ends it while it waits, at once, exit code 0");
	ok($node->poll_query_until('postgres', $sessions, '0'), "$name: nor does the server wait");
	is(state_of($name), '0|0|0', "$name: nothing is left");

	# each message was done once, but for what the restart interrupted
	my %times;
	$times{ s/^end \d //r }++ for lines($name, qr/end/);
	is(join(', ', grep { $times{$_} > 1 && !/slow 1/ } sort keys %times), '', "$name: nothing was done twice");
	is(scalar(keys %times), 12 + 1 + 1 + 2 + 1 + 3, "$name: nothing was lost");
	if ($name eq 'take')
	{
		is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT body) FROM done'),
			'20|20', "$name: the table has each once");
		is($node->safe_psql('postgres', "SELECT count(*) FROM done WHERE body ~ 'fail'"),
			'0', "$name: and nothing of what failed");
	}

	# ---- SIGTERM while there is no server
	$node->stop;
	unlink "$dir/$name.log";
	$pid = start_worker($name);
	wait_until('the worker notices', sub { -e "$dir/$name.log" && log_of($name) =~ /trying again/ });
	my $status = stop_worker($pid);
	is($status, 0, "$name: SIGTERM ends it without a server, exit code 0");
	$node->start;
}
