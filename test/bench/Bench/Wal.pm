# Bytes of the write-ahead log a message: P18.
#
# After a checkpoint each page that was there before is logged whole when it is
# changed for the first time.  So one comes first, and the messages are many; how
# much of the log such images are is taken from pg_waldump.  The same then with
# checkpoints between the messages, to see what they do.

package Bench::Wal;

use strict;
use warnings;

use Bench::Load qw(load quick);
use Bench::Plan qw(bodies steps_of_plain);
use Bench::Server qw(command data_folder restart_server sql tool);
use Bench::Table qw(median note row);

use constant {
	RECEIVE => 50,
	MESSAGES => 100_000,
	CHECKPOINT_EACH => 10_000,
};

our @groups = ([ wal => \&wal_group ]);

sub wal_group
{
	my %steps = (ours => <<~PLAN, plain => <<~PLAN . steps_of_plain(RECEIVE));
		step SELECT count(*) FROM cq.queue_send_many('wal', \$1)
		arg text @{[bodies(RECEIVE)]}
		step SELECT * FROM cq.queue_receive('wal', @{[RECEIVE]})
		step SELECT cq.queue_ack('wal', VARIADIC \$1)
		arg array 2
		PLAN
		step INSERT INTO plain (body) SELECT unnest(\$1::jsonb[])
		arg text @{[bodies(RECEIVE)]}
		PLAN
	my %feed = (once => '', often => "feed @{[CHECKPOINT_EACH]} CHECKPOINT\n");
	my %logs;

	restart_server('wal_keep_size = 8GB');	# checkpoints must not remove what was measured
	sql("SELECT cq.queue_create('wal'); TRUNCATE plain;");
	for my $round (1 .. (quick() ? 3 : 5))
	{
		for my $whose (qw(ours plain))
		{
			push @{ $logs{"$whose $_"} }, log_of($steps{$whose} . $feed{$_}) for qw(once often);
		}
	}
	my $figure = sub {
		my ($case, $what) = @_;

		return median(map { $_->{$what} } @{ $logs{$case} });
	};
	my $bytes = $figure->('ours once', 'bytes');

	row('P18', 'log of a message sent, received, acked by 50; by a plain table', '≤ 500 B',
		$bytes / $figure->('plain once', 'bytes'),
		map({ sprintf('%.0f B', $figure->("$_ once", 'bytes')) } qw(plain ours)), $bytes <= 500);
	for (
		[ 'of it images of whole pages', 'once', 'images', '%.1f B' ],
		[ 'records, a message', 'once', 'records', '%.2f' ],
		[ 'log of a message, a checkpoint every ' . CHECKPOINT_EACH, 'often', 'bytes', '%.0f B' ],
		[ 'of it images of whole pages', 'often', 'images', '%.1f B' ])
	{
		my ($what, $when, $column, $format) = @$_;

		row('P18', $what, '', undef,
			map { sprintf($format, $figure->("$_ $when", $column)) } qw(plain ours));
	}
	note("P18: log of a message by kind: $logs{'ours once'}[-1]{kinds}");
	sql("SELECT cq.queue_drop('wal')");
	restart_server();
}

# What messages wrote into the log, by message.
sub log_of
{
	my ($steps) = @_;

	sql('CHECKPOINT');
	my $start = sql('SELECT pg_current_wal_insert_lsn()');
	my $run = load(1, <<~PLAN . $steps);
		rounds 1
		case log
		operations @{[MESSAGES / RECEIVE]}
		count @{[RECEIVE]}
		PLAN
	my $end = sql('SELECT pg_current_wal_insert_lsn()');
	my $messages = $run->{log}[0][1];
	my %log = (bytes => sql("SELECT '$end'::pg_lsn - '$start'::pg_lsn") / $messages);
	my @kinds;

	sql('SELECT pg_switch_wal()');	# writes out what came before
	for (split /\n/,
		command("'@{[tool('pg_waldump')]}' -z -p '@{[data_folder()]}/pg_wal' -s $start -e $end"))
	{
		my ($kind, $records, $record_bytes, $image_bytes) =
		  /^(\S+)\s+(\d+)(?:\s*\([^)]*\))?\s+(\d+)\s*[(\[][^)\]]*[)\]]\s+(\d+)\b/
		  or next;

		if ($kind eq 'Total')
		{
			@log{qw(records images)} = map { $_ / $messages } $records, $image_bytes;
		}
		elsif ($record_bytes + $image_bytes >= $messages)
		{
			push @kinds, sprintf('%s %.0f B', $kind, ($record_bytes + $image_bytes) / $messages);
		}
	}
	$log{kinds} = join(', ', @kinds);
	return \%log;
}

1;
