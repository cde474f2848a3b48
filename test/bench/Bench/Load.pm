# Running plans (see load/plan.h).

package Bench::Load;

use strict;
use warnings;

use Bench::Server qw(conninfo results_folder tool write_file);
use Exporter qw(import);
use List::Util qw(max);

our @EXPORT_OK = qw(be_quick quick slice_ms load notified sample per_unit per_second);

# slices of time, and how many of each
my $quick = 0;
my $slice_ms = 500;
my $rounds = 15;

my $samples;
my $notified;

# For a first look.
sub be_quick
{
	$quick = 1;
	$slice_ms = 200;
	$rounds = 5;
}

sub quick { return $quick }
sub slice_ms { return $slice_ms }

# Run a plan; returns { case => [ [operations, count, us, cpu_us], ... ] } in the
# order of the rounds.
sub load
{
	my ($connections, $plan, %settings) = @_;
	my $commit = $settings{synchronous_commit} // 'off';
	my %run;

	write_file(results_folder() . '/plan',
		"connections $connections\nslice $slice_ms\nrounds $rounds\n",
		$connections == 1 ? "one_core\n" : '',
		"set SET synchronous_commit = $commit\n", $plan);
	open(my $out, '-|', "'@{[tool('load')]}' '@{[conninfo()]}' < '@{[results_folder()]}/plan'")
	  or die "load: $!\n";
	while (my $line = <$out>)
	{
		sample("$connections\t$line");
		my ($what, @fields) = split /\t/, $line =~ s/\n//r;
		if ($what eq 'notified')
		{
			$notified = $fields[0];
			next;
		}
		my ($case, $round, @figures) = @fields;
		$run{$case}[$round] = \@figures;
	}
	close($out) or die "load failed\n";
	return \%run;
}

# Notifications that the sessions of the last plan's "listen" got.
sub notified { return $notified }

# Keep a line for samples.txt.
sub sample
{
	my ($line) = @_;

	if (!$samples)
	{
		open($samples, '>', results_folder() . '/samples.txt') or die "samples.txt: $!\n";
	}
	print $samples $line;
}

# Processor time by operation (or message), for each round, and the rate.
sub per_unit
{
	my ($run, $case) = @_;

	return map { $_->[3] / max($_->[1], 1) } @{ $run->{$case} };
}

sub per_second
{
	my ($run, $case) = @_;

	return map { $_->[1] * 1_000_000 / $_->[2] } @{ $run->{$case} };
}

1;
