# What a claim costs with much waiting, and with many groups: P15.
#
# The backlog is held at its size: for each batch received and acknowledged a
# session that isn't measured sends another.  A slice is a number of operations,
# not a time, that is several times what the memory holds, so the refills from
# the table have their part in each.

package Bench::Backlog;

use strict;
use warnings;

use Bench::Load qw(load quick);
use Bench::Plan qw(array_of_bodies fill);
use Bench::Server qw(sql);
use Bench::Table qw(ratio_row);

use constant {
	RECEIVE => 50,
	MESSAGES => 200_000,
	GROUPED => 50,
};

our @groups = ([ backlog => \&backlog_group ], [ groups => \&groups_group ]);

# A queue with so many thousands waiting, and a case that receives n at a time.
sub case_of
{
	my ($queue, $n, $arguments) = @_;

	return <<~PLAN;
		case $queue $n
		worker
		operations @{[MESSAGES / $n]}
		rows
		step SELECT * FROM cq.queue_receive('$queue', $n)
		step SELECT cq.queue_ack('$queue', VARIADIC \$1)
		arg array 2
		feed $n SELECT count(*) FROM cq.queue_send_many('$queue', @{[array_of_bodies($n)]}@{[$arguments // '']})
		PLAN
}

sub backlog_group
{
	my $plan = 'rounds ' . (quick() ? 3 : 7) . "\n";

	for ([ short => 1 ], [ long => 1000 ])
	{
		my ($queue, $thousands) = @$_;

		sql("SELECT cq.queue_create('$queue')");
		sql(fill($queue, $thousands));
		$plan .= case_of($queue, RECEIVE);
	}
	my $run = load(1, $plan);

	ratio_row('P15', 'receive 50 + ack 50, a message, 1,000,000 waiting by 1,000', $run,
		'long ' . RECEIVE, 'short ' . RECEIVE, 1.2);
	sql("SELECT cq.queue_drop('$_')") for qw(short long);
}

# A further argument, for n messages: groups by chance.
sub group_keys
{
	my ($groups, $n) = @_;

	return ', group_keys => ARRAY(SELECT (random() * '
	  . ($groups - 1)
	  . ")::int::text FROM generate_series(1, $n))";
}

sub groups_group
{
	my %groups = (ungrouped => 0, hundred => 100, many => 10_000);
	my $plan = 'rounds ' . (quick() ? 3 : 7) . "\n";

	for my $queue (sort keys %groups)
	{
		my $keys = sub { $groups{$queue} ? group_keys($groups{$queue}, $_[0]) : '' };

		sql("SELECT cq.queue_create('$queue')");
		sql(fill($queue, GROUPED, $keys->('1000 + 0 * s')));
		for my $n ($queue eq 'many' ? (RECEIVE, 10 * RECEIVE) : (RECEIVE))
		{
			$plan .= case_of($queue, $n, $keys->($n));
		}
	}
	my $run = load(1, $plan);
	my $ours = 'many ' . RECEIVE;

	ratio_row('P15', 'receive 50 + ack 50, a message, 10,000 groups by 100', $run, $ours,
		'hundred ' . RECEIVE, 1.2);
	ratio_row('P15', 'a message, 10,000 groups: 500 at a time by 50', $run,
		'many ' . 10 * RECEIVE, $ours, 1.2);
	ratio_row('P15', 'receive 50 + ack 50, a message, 10,000 groups by none', $run, $ours,
		'ungrouped ' . RECEIVE);
	sql("SELECT cq.queue_drop('$_')") for keys %groups;
}

1;
