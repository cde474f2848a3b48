# Pieces of plans that several groups need: payload, the floors F4 and F5, and a
# queue in an ordinary table.

package Bench::Plan;

use strict;
use warnings;

use Bench::Server qw(sql);
use Exporter qw(import);

our @EXPORT_OK = qw(TEXT BODY BATCH create_tables bodies array_of_bodies fill fill_plain
  steps_of_f4 steps_of_f5 steps_of_plain);

# 100 bytes as text; as JSON with the same size
use constant {
	TEXT => substr('value' x 20, 0, 100),
	BODY => '{"n": 1, "text": "' . 'x' x 80 . '"}',
	BATCH => 100,
};

# The tables of F4 and F5, and a queue in a table as many have built it: a state,
# a partial index on what is ready, SKIP LOCKED.
sub create_tables
{
	my ($database) = @_;

	sql(<<~SQL, $database);
		CREATE TABLE f4 (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body jsonb NOT NULL);
		CREATE TABLE f5 (LIKE f4 INCLUDING ALL);
		CREATE TABLE plain (
			id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
			status text NOT NULL DEFAULT 'ready',
			visible_at timestamptz NOT NULL DEFAULT now(),
			attempts int NOT NULL DEFAULT 0,
			body jsonb NOT NULL);
		CREATE INDEX plain_ready ON plain (id) WHERE status = 'ready';
		SQL
}

# That many bodies: as an argument, and as SQL.
sub bodies
{
	my ($n) = @_;

	return '{' . join(',', ('"' . BODY =~ s/"/\\"/gr . '"') x $n) . '}';
}

sub array_of_bodies
{
	my ($n) = @_;

	return "array_fill('@{[BODY]}'::jsonb, ARRAY[$n])";
}

# SQL that sends that many thousands of messages; with further arguments for each
# thousand, ", name => ...".
sub fill
{
	my ($queue, $thousands, $arguments) = @_;

	# depends on s, or it would be called once
	return "SELECT count(*) FROM generate_series(1, $thousands) s, cq.queue_send_many('$queue', "
	  . array_of_bodies('1000 + 0 * s')
	  . ($arguments // '') . ')';
}

# The same for the plain queue, which is empty then.
sub fill_plain
{
	my ($thousands) = @_;

	return "TRUNCATE plain; INSERT INTO plain (body) SELECT '@{[BODY]}' "
	  . "FROM generate_series(1, 1000 * $thousands)";
}

sub steps_of_f4
{
	return <<~PLAN;
		step INSERT INTO f4 (body) VALUES (\$1)
		arg text @{[BODY]}
		after TRUNCATE f4
		PLAN
}

sub steps_of_f5
{
	return <<~PLAN;
		count @{[BATCH]}
		step INSERT INTO f5 (body) SELECT unnest(\$1::jsonb[])
		arg text @{[bodies(BATCH)]}
		after TRUNCATE f5
		PLAN
}

# Receiving n messages from the plain queue, and deleting them.
sub steps_of_plain
{
	my ($n) = @_;
	my ($which, $argument) =
	  $n == 1 ? ('= $1', 'cell') : ('= ANY ($1::bigint[])', 'array');

	return <<~PLAN;
		step UPDATE plain SET status = 'leased', visible_at = now() + interval '30 s', attempts = attempts + 1 WHERE id IN (SELECT id FROM plain WHERE status = 'ready' ORDER BY id FOR UPDATE SKIP LOCKED LIMIT $n) RETURNING id, attempts, body
		step DELETE FROM plain WHERE id $which
		arg $argument 0
		PLAN
}

1;
