# Sending, receiving and waiting: P10 to P13, P16.

package Bench::Queue;

use strict;
use warnings;

use Bench::Load qw(load per_second per_unit quick sample slice_ms);
use Bench::Plan qw(BATCH BODY bodies fill fill_plain steps_of_f4 steps_of_f5 steps_of_plain);
use Bench::Server qw(conninfo sql tool);
use Bench::Table qw(floor_row median rate_row ratio_row ratios row sessions us);

# What pgmq, a queue in a table with SKIP LOCKED, needs to read 50 messages and
# delete them; on a machine with two cores like those we compare on.
use constant {
	PGMQ_US => 23,
	PGMQ_RATE => 34_000,
};

use constant RECEIVE => 50;

our @groups = (
	[ send => \&send_group ],
	[ receive => \&receive_group ],
	[ batch => \&batch_group ],
	[ wake => \&wake_group ]);

sub send_group
{
	sql("SELECT cq.queue_create('send'); SELECT cq.queue_create('many');");
	my $one = load(1, "case insert\n" . steps_of_f4() . <<~PLAN);
		case queue_send
		worker
		step SELECT cq.queue_send('send', \$1)
		arg text @{[BODY]}
		after SELECT cq.queue_purge('send')
		PLAN
	my $many = load(1, "case insert many\n" . steps_of_f5() . <<~PLAN);
		case queue_send_many
		worker
		count @{[BATCH]}
		step SELECT count(*) FROM cq.queue_send_many('many', \$1)
		arg text @{[bodies(BATCH)]}
		after SELECT cq.queue_purge('many')
		PLAN

	floor_row('F4', 'INSERT of one row', $one, 'insert');
	floor_row('F5', 'INSERT of 100 rows, a row', $many, 'insert many');
	ratio_row('P10', 'queue_send by F4', $one, 'queue_send', 'insert', 1.35);
	ratio_row('P11', 'queue_send_many of 100 by F5', $many, 'queue_send_many', 'insert many', 1.3);
	sql("SELECT cq.queue_drop('send'); SELECT cq.queue_drop('many');");
}

sub receive_group
{
	my $thousands = int(slice_ms() / 50);

	sql("SELECT cq.queue_create('receive')");
	my $run = load(1, "case insert\n" . steps_of_f4() . <<~PLAN . steps_of_plain(1));
		case receive and ack
		worker
		before @{[fill('receive', $thousands)]}
		rows
		step SELECT * FROM cq.queue_receive('receive', 1)
		step SELECT cq.queue_ack('receive', \$1)
		arg cell 2
		after SELECT cq.queue_purge('receive')
		case plain
		before @{[fill_plain($thousands)]}
		rows
		PLAN

	ratio_row('P12', 'receive 1 + ack 1 by F4', $run, 'receive and ack', 'insert', 1.5);
	ratio_row('P12', 'the same, by a plain table with SKIP LOCKED', $run, 'receive and ack',
		'plain');
	sql("SELECT cq.queue_drop('receive')");
}

# A slice is a number of messages, not a time, for some are read in from the table
# now and then, all those that the memory holds at once.
sub batch_group
{
	my ($ours, $plain) = quick() ? (50, 10) : (200, 40);	# thousands
	my (%cpu, %rate);

	sql("SELECT cq.queue_create('batch')");
	for my $round (1 .. (quick() ? 3 : 7))
	{
		for my $sessions (1, 8, 64)
		{
			my $run = load($sessions, <<~PLAN . steps_of_plain(RECEIVE));
				rounds 1
				case batch
				worker
				operations @{[1000 * $ours / RECEIVE]}
				before @{[fill('batch', $ours)]}
				rows
				step SELECT * FROM cq.queue_receive('batch', @{[RECEIVE]})
				step SELECT cq.queue_ack('batch', VARIADIC \$1)
				arg array 2
				after SELECT cq.queue_purge('batch')
				case plain
				operations @{[1000 * $plain / RECEIVE]}
				before @{[fill_plain($plain)]}
				rows
				PLAN

			for my $case (qw(batch plain))
			{
				push @{ $cpu{$case}{$sessions} }, per_unit($run, $case);
				push @{ $rate{$case}{$sessions} }, per_second($run, $case);
			}
		}
	}
	my %median = map { $_ => median(@{ $rate{batch}{$_} }) } 1, 8, 64;
	my $what = 'receive 50 + ack 50, a message';

	for my $sessions (1, 8)
	{
		my $us = median(@{ $cpu{batch}{$sessions} });

		row('P13', "$what, " . sessions($sessions) . ", by pgmq's", '≤ 5 µs', $us / PGMQ_US,
			PGMQ_US, us($us) . ' µs', $us <= 5);
	}
	row('P13', "messages a second, 1 session, by pgmq's", '≥ 5', $median{1} / PGMQ_RATE,
		PGMQ_RATE, sprintf('%.0f', $median{1}), $median{1} >= 5 * PGMQ_RATE);
	for my $sessions (8, 64)
	{
		my $ratio = median(ratios($rate{batch}{$sessions}, $rate{batch}{1}));

		row('P13', "messages a second, $sessions sessions by 1", '≥ 0.95', $ratio,
			sprintf('%.0f', $median{1}), sprintf('%.0f', $median{$sessions}), $ratio >= 0.95);
	}
	for my $sessions (1, 8, 64)
	{
		my ($ours, $plain) = map { $cpu{$_}{$sessions} } qw(batch plain);

		row('P13', "$what, " . sessions($sessions) . ', by a plain table with SKIP LOCKED', '',
			median(ratios($ours, $plain)), map { us(median(@$_)) } $plain, $ours);
	}
	sql("SELECT cq.queue_drop('batch')");
}

sub wake_group
{
	my $messages = quick() ? 300 : 2000;
	my $seconds = quick() ? 2 : 5;
	my (@latency, @idle);

	sql("SELECT cq.queue_create('wake')");
	open(my $out, '-|', tool('wake'), conninfo(), 'wake', $messages, $seconds)
	  or die "wake: $!\n";
	while (my $line = <$out>)
	{
		sample("wake\t$line");
		my ($what, @fields) = split /\t/, $line =~ s/\n//r;
		push @latency, $fields[0] if $what eq 'latency';
		push @idle, \@fields if $what eq 'idle';
	}
	close($out) or die "wake failed\n";
	die "wake measured nothing\n" unless @latency && @idle;

	@latency = sort { $a <=> $b } @latency;
	my $p50 = $latency[ @latency / 2 ];
	my $p99 = $latency[ @latency * 0.99 ];

	row('P16', 'COMMIT of a send until queue_wait returned, p50', '< 0.5 ms', undef, '',
		sprintf('%.3f ms', $p50 / 1000), $p50 < 500);
	row('P16', 'the same, p99', '< 5 ms', undef, '',
		sprintf('%.3f ms', $p99 / 1000), $p99 < 5000);
	for (@idle)
	{
		my ($process, $us, $switches) = @$_;

		row('P16', "$process, $seconds s idle: wake-ups", '0', undef, '', $switches,
			$switches == 0 && $us == 0);
	}
	sql("SELECT cq.queue_drop('wake')");
}

1;
