# Publishing to topics and polling them: P19, P20.

package Bench::Topic;

use strict;
use warnings;

use Bench::Load qw(load per_unit quick);
use Bench::Plan qw(BATCH BODY bodies steps_of_f4 steps_of_f5);
use Bench::Server qw(sql);
use Bench::Table qw(floor_row median ratio_row row us);

use constant POLL => 500;

# What PgQ needs for an event in batches, on a machine like those we compare on.
use constant PGQ_US => 1.4;

our @groups = ([ publish => \&publish_group ], [ poll => \&poll_group ]);

sub publish_group
{
	sql("SELECT cq.topic_create('publish', retain => NULL)");
	my $one = load(1, "case insert\n" . steps_of_f4() . <<~PLAN);
		case topic_publish
		worker
		step SELECT * FROM cq.topic_publish('publish', \$1)
		arg text @{[BODY]}
		PLAN
	my $many = load(1, "case insert many\n" . steps_of_f5() . <<~PLAN);
		case topic_publish_many
		worker
		count @{[BATCH]}
		step SELECT count(*) FROM cq.topic_publish_many('publish', \$1)
		arg text @{[bodies(BATCH)]}
		PLAN

	floor_row('F4', 'INSERT of one row', $one, 'insert');
	floor_row('F5', 'INSERT of 100 rows, a row', $many, 'insert many');
	ratio_row('P19', 'topic_publish by F4', $one, 'topic_publish', 'insert', 1.35);
	ratio_row('P19', 'topic_publish_many of 100 by F5', $many, 'topic_publish_many',
		'insert many', 1.3);
	sql("SELECT cq.topic_drop('publish')");
}

# The records are used in the server, where the offset is committed with what
# becomes of them; and sent to a client as they are.  A plain query of as many
# rows of such a table tells what the latter costs anyway.
sub poll_group
{
	my $thousands = quick() ? 100 : 400;
	my $poll = "cq.topic_poll('poll', 'g', 'm', @{[POLL]}, auto_commit => true)";
	my $fill = "SELECT cq.topic_seek('poll', 'g', 'earliest')";

	sql("SELECT cq.topic_create('poll', retain => NULL)");
	sql("SELECT count(*) FROM generate_series(1, $thousands) s, cq.topic_publish_many('poll', "
		  . "array_fill('@{[BODY]}'::jsonb, ARRAY[1000 + 0 * s]))");
	sql("SELECT cq.group_create('poll', 'g', session_timeout => '1 hour')");
	sql("SELECT cq.group_join('poll', 'g', 'm')");
	sql("CREATE TABLE plain_log AS SELECT * FROM cq.topic_read('poll', 0, max => 100000); "
		  . 'CREATE INDEX ON plain_log (record_offset)');
	my $operations = $thousands * 1000 / POLL;
	my $run = load(1, <<~PLAN);
		case poll in the server
		worker
		operations $operations
		count @{[POLL]}
		before $fill
		step SELECT count(body) FROM $poll
		case poll
		worker
		operations $operations
		before $fill
		rows
		step SELECT * FROM $poll
		case poll and commit
		worker
		operations $operations
		before $fill
		count @{[POLL]}
		step SELECT max(record_offset) FROM cq.topic_poll('poll', 'g', 'm', @{[POLL]})
		step SELECT cq.topic_commit('poll', 'g', 'm', 0, \$1)
		arg cell 0
		case select
		operations $operations
		rows
		step SELECT * FROM plain_log WHERE record_offset >= \$1::bigint ORDER BY record_offset LIMIT @{[POLL]}
		arg key %d 90000
		PLAN

	for (
		[ 'poll in the server', 'topic_poll of 500 with auto_commit' ],
		[ 'poll and commit', 'topic_poll of 500, topic_commit, two transactions' ])
	{
		my ($case, $what) = @$_;
		my $us = median(per_unit($run, $case));

		row('P20', "$what, a record, by PgQ's", '≤ 1.5 µs', $us / PGQ_US, PGQ_US,
			us($us) . ' µs', $us <= 1.5);
	}
	ratio_row('P20', 'the first, sent to a client, by SELECT from a plain table', $run, 'poll',
		'select');
	sql("SELECT cq.topic_drop('poll'); DROP TABLE plain_log;");
}

1;
