# Producers with and without LISTENers: P17.
#
# NOTIFY takes a lock on the whole server when its transaction commits.  So it
# is compared with what a NOTIFY in each transaction does to an INSERT.  The
# commits are durable here, since the lock is held while the log is written.

package Bench::Notify;

use strict;
use warnings;

use Bench::Load qw(load notified quick);
use Bench::Plan qw(BODY steps_of_f4);
use Bench::Server qw(sql);
use Bench::Table qw(note rate_row ratio_row row);

use constant {
	PRODUCERS => 16,
	LISTENERS => 4,
	CHANNEL => 'bench_ready',
};

our @groups = ([ notify => \&notify_group ]);

sub notify_group
{
	my $plan =
	  'rounds ' . (quick() ? 5 : 15) . "\nslice 1000\nlisten @{[LISTENERS]} @{[CHANNEL]}\n";

	sql("SELECT cq.queue_create('silent'); "
		  . "SELECT cq.queue_create('telling', notify => '@{[CHANNEL]}');");
	my $ours = load(PRODUCERS, $plan . case_of('silent') . case_of('telling'),
		synchronous_commit => 'on');
	my $notifications = notified() or die "nobody was notified\n";
	my $insert = load(PRODUCERS, "$plan\ncase insert\n" . steps_of_f4() . <<~PLAN, synchronous_commit => 'on');
		case insert and notify
		step WITH i AS (INSERT INTO f4 (body) VALUES (\$1)) SELECT pg_notify('@{[CHANNEL]}', '')
		arg text @{[BODY]}
		after TRUNCATE f4
		PLAN

	rate_row('P17', PRODUCERS . ' producers, sends a second: with LISTENers by without', $ours,
		'telling', 'silent', 0.95);
	ratio_row('P17', 'the same, cost of a send', $ours, 'telling', 'silent');
	rate_row('P17', 'INSERTs a second: with a NOTIFY in each by without', $insert,
		'insert and notify', 'insert');
	note("P17: @{[LISTENERS]} sessions LISTENed, and got $notifications notifications "
		  . 'from the queue; synchronous_commit = on');
	sql("SELECT cq.queue_drop('$_')") for qw(silent telling);
}

sub case_of
{
	my ($queue) = @_;

	return <<~PLAN;
		case $queue
		worker
		step SELECT cq.queue_send('$queue', \$1)
		arg text @{[BODY]}
		after SELECT cq.queue_purge('$queue')
		PLAN
}

1;
