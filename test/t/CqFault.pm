# Tests that a rule matters: the same history is played with the rule and without it
# (setting cachequeue.fault of a debug build).
#
#	my $node = CqFault::start("setting = ...\n", sub { my (...) = @_; ... });
#	proves('rule', 'result with it', 'result without', ...);
#
# proves() calls the function that start() was given with the further arguments, first
# with $fault empty and then with the rule in it.  In a build without the setting, start()
# skips the test.

package CqFault;

use strict;
use warnings;

use CqSession;
use CqTest;
use Exporter qw(import);
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(time usleep);

# A session is in CQ_PAUSE(...), where it waits for this lock.
use constant {
	PAUSE_LOCK => 4711,
	SOMEBODY_WAITS => "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted",
	SECONDS_MAX => 60,
};

our @EXPORT = qw($fault SOMEBODY_WAITS session faulty pausing meanwhile proves until_true);
our $fault = '';

my ($node, $play);

sub start
{
	my ($conf, $how) = @_;

	$play = $how;
	$node = PostgreSQL::Test::Cluster->new('main');
	$node->init;
	$node->append_conf('postgresql.conf', "autovacuum = off\n$conf");
	$node->start;
	if (!has_faults($node))
	{
		$node->stop;
		plan skip_all => 'not a debug build';
	}
	return $node;
}

# A session without the fault, unless the whole server has it; with it; and one that
# pauses at a place in the sources.
sub session { return CqSession->new($node, 'postgres'); }

sub faulty { return CqSession->new($node, 'postgres', "SET cachequeue.fault = '$fault'"); }

sub pausing { return CqSession->new($node, 'postgres', "SET cachequeue.pause = '$_[0]'"); }

sub proves
{
	my ($name, $right, $wrong, @history) = @_;

	$fault = '';
	is($play->(@history), $right, "with the rule: $name");
	$fault = $name;
	is($play->(@history), $wrong, "without: $name");
}

# Do something while that statement of a pausing session waits; returns its result.
sub meanwhile
{
	my ($paused, $sql, $do) = @_;
	my $lock = session();

	$lock->query("SELECT pg_advisory_lock(@{[PAUSE_LOCK]})");
	$paused->send($sql);
	ok($node->poll_query_until('postgres', SOMEBODY_WAITS), 'it waits');
	$do->();
	$lock->query("SELECT pg_advisory_unlock(@{[PAUSE_LOCK]})");
	my $rows = $paused->wait;
	$lock->quit;
	return $rows;
}

# Poll until a query of the session's says true.
sub until_true
{
	my ($session, $query) = @_;

	my $end = time + SECONDS_MAX;
	while (time < $end)
	{
		return if $session->query($query) eq 't';
		usleep(1000);
	}
	die "never true: $query\n";
}

1;
