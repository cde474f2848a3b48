# The private server that is measured, and what is asked of it besides.
#
# scripts/private gives the work folder and the server's programs.  Everything
# here dies when something fails.

package Bench::Server;

use strict;
use warnings;

use Exporter qw(import);
use File::Path qw(make_path);
use IO::Handle;

our @EXPORT_OK = qw(start_server restart_server stop_server create_database sql
  hold_snapshot release_snapshot start_churn stop_churn tool conninfo data_folder results_folder command slurp
  write_file);

my $work = $ENV{CQ_WORK} or die "bench: use scripts/private\n";
my $bindir = $ENV{CQ_BINDIR};
my $results = "$work/results";
my $build = "$work/bench";
my $data = "$work/bench-data";
my $socket = "$work/s";

my $running;

make_path($results, $build, $socket);
END { local $?; stop_server() if $running }

# Path of a program in $build, or of one of the server's.
sub tool
{
	my ($name) = @_;

	return -x "$build/$name" ? "$build/$name" : "$bindir/$name";
}

sub conninfo { return "host=$socket port=5432 user=bench dbname=bench" }
sub data_folder { return $data }
sub results_folder { return $results }

sub build_tools
{
	my $cc = $ENV{CC} || 'cc';
	my %config;

	for my $what (qw(cflags cppflags includedir includedir-server libdir))
	{
		chomp($config{$what} = qx(@{[$ENV{PG_CONFIG} || 'pg_config']} --$what));
	}
	for ([ load => 'test/bench/load/*.c' ], [ wake => 'test/bench/wake.c' ])
	{
		my ($program, $sources) = @$_;

		command("$cc -O2 -Wall -I$config{includedir} -o '$build/$program' "
			  . "$sources -L$config{libdir} -lpq");
	}
	command("$cc $config{cflags} $config{cppflags} -fPIC -shared -I$config{'includedir-server'} "
		  . "-o '$build/cq_bench.so' test/bench/cq_bench.c");
}

# With one database, "bench".
sub start_server
{
	build_tools();
	command("'$bindir/initdb' -D '$data' -U bench -A trust --no-locale -E UTF8");
	open(my $conf, '>>', "$data/postgresql.conf") or die "postgresql.conf: $!\n";
	print $conf <<~CONF;
		shared_preload_libraries = 'cachequeue'
		listen_addresses = ''
		unix_socket_directories = '$socket'
		port = 5432
		shared_buffers = 256MB
		max_wal_size = 4GB
		checkpoint_timeout = 1h
		autovacuum = off
		max_connections = 150
		jit = off
		CONF
	close $conf;
	command("'$bindir/pg_ctl' -D '$data' -w -l '$results/server.log' start");
	$running = 1;
	create_database('bench');
}

# With another configuration, or with what it was started with.
sub restart_server
{
	my (@settings) = @_;

	write_file("$data/postgresql.auto.conf", map { "$_\n" } @settings);
	command("'$bindir/pg_ctl' -D '$data' -w -l '$results/server.log' -m fast restart");
}

sub stop_server
{
	$running = 0;
	system("'$bindir/pg_ctl' -D '$data' -m immediate -s stop > /dev/null 2>&1");
}

# A database with the extension and the functions of cq_bench.c.
sub create_database
{
	my ($name) = @_;

	command("'$bindir/createdb' -h '$socket' -U bench $name");
	sql(<<~SQL, $name);
		CREATE EXTENSION cachequeue;
		CREATE SCHEMA cq_bench;
		CREATE FUNCTION cq_bench.identity(text) RETURNS text
		LANGUAGE c VOLATILE AS '$build/cq_bench', 'cq_bench_identity';
		CREATE FUNCTION cq_bench.cpu_us() RETURNS bigint
		LANGUAGE c VOLATILE AS '$build/cq_bench', 'cq_bench_cpu_us';
		SQL
}

# Run SQL; returns what the last query gave, unaligned.
sub sql
{
	my ($sql, $database) = @_;

	write_file("$build/sql", $sql);
	$database //= 'bench';
	my $output =
	  qx('$bindir/psql' -h '$socket' -U bench -d $database -XqAt -v ON_ERROR_STOP=1 -f '$build/sql' 2>&1);
	die $output if $? != 0;
	chomp $output;
	return $output;
}

# Begin a transaction that keeps its snapshot until release_snapshot.
sub hold_snapshot
{
	my ($database) = @_;

	open(my $holder, '|-', "'$bindir/psql' -h '$socket' -U bench -d $database -Xq > /dev/null")
	  or die "psql: $!\n";
	$holder->autoflush(1);
	print $holder "SET application_name = 'holder';\n"
	  . "BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT 1;\n";
	for (1 .. 100)
	{
		return $holder if sql(<<~SQL) eq 't';
			SELECT count(*) = 1 FROM pg_stat_activity
			WHERE application_name = 'holder' AND backend_xmin IS NOT NULL
				AND state = 'idle in transaction'
			SQL
		select(undef, undef, undef, 0.1);
	}
	die "no snapshot is held\n";
}

sub release_snapshot
{
	my ($holder) = @_;

	print $holder "COMMIT;\n";
	close $holder;
}

# Run SQL that does not end, in a session of its own, until stop_churn.
sub start_churn
{
	my ($sql) = @_;
	open(my $session, '|-', "exec '$bindir/psql' -h '$socket' -U bench -d bench -Xq > /dev/null 2>&1")
	  or die "psql: $!\n";

	$session->autoflush(1);
	print $session "SET application_name = 'churn';\n$sql";
	return $session;
}

sub stop_churn
{
	my ($session) = @_;

	sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'churn'");
	local $?;
	close $session;
}

sub command
{
	my ($command) = @_;
	my $output = qx($command 2>&1 < /dev/null);

	die "$command\n$output" if $? != 0;
	return $output;
}

sub write_file
{
	my ($file, @lines) = @_;

	open(my $fh, '>', $file) or die "$file: $!\n";
	print $fh @lines;
	close $fh or die "$file: $!\n";
}

sub slurp
{
	my ($file) = @_;

	open(my $fh, '<', $file) or return;
	local $/;
	return <$fh>;
}

1;
