
# What the random checkers of test/soak share: their options, a psql session in each of
# many processes, statements that may fail, sessions and servers that die, and adding it
# all up.
#
#	my $connection = CqChecker::options('more=i' => \$more);	# $sessions, $seconds, ...
#	CqChecker::start(name => 'x_checker', connection => '...', fault => '',
#		counted => [qw(gets hits ...)]);
#	my @rows = query('SELECT ...');			# or a scalar, the first row
#	run_sessions($n, $seed, sub { ... }, sub { ... });
#	exit(CqChecker::finish('all is well'));
#
# query() dies with "failed\n" when a statement failed and "session ended\n" when
# the session did; attempt() runs a piece of work and makes good for both.

package CqChecker;

use strict;
use warnings;

use Exporter qw(import);
use Getopt::Long qw(GetOptions);
use IPC::Open3 qw(open3);
use Time::HiRes qw(sleep time);

our @EXPORT = qw(%count $me $sessions $seconds $seed $fault $data $server_kills query reconnect
  attempt violation chance pause some_job kill_one kill_somebody kill_server end_prepared
  run_sessions QUIET_SECONDS);

use constant {
	QUIET_SECONDS => 120,	# for a server to come back, and for what ends a run
	VIOLATIONS_SHOWN => 20,
};

our %count;
our $me = 0;		# number of the session; 0 is the one that starts the others
our ($sessions, $seconds, $seed, $fault, $data, $server_kills) = (8, 20, int(time ^ $$), '', '', 0);

my %about;
my ($to, $from, $pid);
my $marker = 0;

# Expected of a random load: deadlock, lock timeout, serialization, cancelled, no
# such prepared transaction or somebody else is at it, in a failed transaction.
my $expected = qr/^(?:40P01|55P03|40001|57014|42704|55000|25P02)$/;

# Read the options that all have, and the checker's own; returns the connection string.
sub options
{
	my (%own) = @_;

	GetOptions(
		'sessions=i' => \$sessions,
		'seconds=i' => \$seconds,
		'seed=i' => \$seed,
		'fault=s' => \$fault,
		%own) or exit 2;
	die "--server-kills needs --data\n" if $server_kills && !$data;
	return shift(@ARGV) // '';
}

# Those of a checker that kills the server.
sub options_with_kills
{
	return options('data=s' => \$data, 'server-kills=i' => \$server_kills);
}

sub start
{
	%about = @_;
	%count = map { $_ => 0 } @{ $about{counted} }, qw(kills errors reconnects violations);
	$SIG{PIPE} = 'IGNORE';
	connect_session();
	query("DROP SCHEMA IF EXISTS $about{name} CASCADE; CREATE SCHEMA $about{name}");
}

sub connect_session
{
	close $to if $to;
	waitpid $pid, 0 if $pid;
	$pid = open3($to, $from, undef, 'psql', '-XAtq', '-d', $about{connection},
		'-v', 'VERBOSITY=sqlstate');
	select((select($to), $| = 1)[0]);
	query("SET client_min_messages = error; SET lock_timeout = '" . ($about{lock_timeout} // '2s') . "'; SET search_path = $about{name}");
	query("SET cachequeue.fault = '$about{fault}'") if $about{fault};
	query("SET application_name = '$about{name}'") if $me;
}

# Until there is a server again.
sub reconnect
{
	my $end = time + QUIET_SECONDS;

	$count{reconnects}++;
	while (time < $end)
	{
		return if eval { connect_session(); 1 };
		sleep 0.05;
	}
	die "no server\n";
}

# All that the server said about the last error.
sub error_text
{
	my @text;

	$marker++;
	print $to "\\errverbose\n\\echo marker $marker\n";
	while (defined(my $line = readline $from))
	{
		last if $line eq "marker $marker\n";
		push @text, $line;
	}
	return join '', @text;
}

sub query
{
	my ($sql) = @_;
	my @rows;
	my $failed = 0;
	my $unexpected;

	$marker++;
	print $to "$sql;\n\\echo marker $marker\n";
	while (defined(my $line = readline $from))
	{
		chomp $line;
		if ($line eq "marker $marker")
		{
			violation("error $unexpected in: $sql\n" . error_text()) if $unexpected;
			die "failed\n" if $failed;
			return wantarray ? @rows : $rows[0];
		}
		if ($line =~ /^(?:psql:.*)?ERROR:\s*(\S*)/)
		{
			$count{errors}++;
			$failed = 1;
			$unexpected = $1 if $1 !~ $expected;
		}
		elsif ($line !~ /^(?:psql:.*)?(?:WARNING|FATAL|connection to server|server closed|\t)/)
		{
			push @rows, $line;
		}
	}
	die "session ended\n";
}

# True if it worked; otherwise the session is there again, in no transaction, and
# $@ tells what happened.
sub attempt
{
	my ($work, $when_failed) = @_;

	return 1 if eval { $work->(); 1 };
	my $error = $@;

	$when_failed->() if $when_failed;
	die $error unless $error =~ /^(?:failed|session ended)$/;
	reconnect() unless $error eq "failed\n" && eval { query('ROLLBACK'); 1 };
	return 0;
}

sub violation
{
	$count{violations}++;
	print "VIOLATION in session $me: $_[0]\n" if $count{violations} <= VIOLATIONS_SHOWN;
}

sub chance { return rand() < $_[0]; }

sub pause { sleep(rand(0.005)) if chance(0.3); }

# Terminate a session, or whatever else the condition on pg_stat_activity names.
sub kill_one
{
	my ($whom) = @_;

	$whom //= "application_name = '$about{name}'";
	$count{kills} += query('SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity'
		  . " WHERE $whom AND datname = current_database()"
		  . ' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1) AS p');
}

# A session or, rarely, the worker.
sub kill_somebody
{
	kill_one(chance(0.02) ? "backend_type = 'cachequeue maintenance'" : undef);
}

# kill -9 of the server whose data folder is $data, and start it again.
sub kill_server
{
	open(my $fh, '<', "$data/postmaster.pid") or die "no server\n";
	chomp(my $postmaster = readline $fh);
	my $end = time + QUIET_SECONDS;

	kill 'KILL', $postmaster;
	while (time < $end)
	{
		# its processes notice and go
		last if system("pg_ctl -D '$data' -l '$data/../$about{name}.log' -w start > /dev/null 2>&1") == 0;
		sleep 0.1;
	}
	reconnect();
}

# One of [share, function]..., as often as its share says; the first takes what is left.
sub some_job
{
	my $dice = rand;

	for my $job (@_)
	{
		return $job->[1] if ($dice -= $job->[0]) < 0;
	}
	return $_[0][1];
}

sub end_prepared
{
	my ($pattern) = @_;

	for my $name (query("SELECT gid FROM pg_prepared_xacts WHERE gid LIKE '$pattern'"))
	{
		query("ROLLBACK PREPARED '$name'");
	}
}

# Each session in a process of its own does the work; meanwhile, and before their
# counts are added up, the caller's.
sub run_sessions
{
	my ($n, $seed, $work, $meanwhile) = @_;
	my @children;

	for my $session (1 .. $n)
	{
		pipe(my $reader, my $writer) or die $!;
		my $child = fork // die $!;
		if ($child == 0)
		{
			close $reader;
			open(STDIN, '<', '/dev/null') or die $!;
			undef $to;
			undef $pid;
			$me = $session;
			%count = map { $_ => 0 } keys %count;
			srand($seed + $session);
			$| = 1;
			reconnect();
			$work->();
			print $writer join(' ', %count), "\n";
			close $writer;
			exit 0;
		}
		close $writer;
		push @children, { pid => $child, from => $reader };
	}
	$meanwhile->() if $meanwhile;

	my $broken = 0;
	for my $child (@children)
	{
		my $line = readline $child->{from};
		waitpid $child->{pid}, 0;
		$broken++, next if $? || !defined $line;
		my %of_child = split ' ', $line;
		$count{$_} += $of_child{$_} for keys %of_child;
	}
	violation("$broken sessions ended badly") if $broken;
}

# Print the counts; the exit status.
sub finish
{
	my ($praise) = @_;

	print join(', ', map { "$count{$_} $_" } @{ $about{counted} }, qw(kills errors reconnects violations)), "\n";
	print $count{violations} ? "FAILED\n" : "$praise\n";
	return $count{violations} ? 1 : 0;
}

1;
