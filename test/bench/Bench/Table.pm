# What is printed at the end: floors, targets, other tables, notes.

package Bench::Table;

use strict;
use warnings;

use Bench::Load qw(per_unit per_second);
use Bench::Server qw(results_folder);
use Exporter qw(import);
use List::Util qw(max);

our @EXPORT_OK = qw(row ratio_row rate_row floor_row table note print_tables median ratios us
  sessions);

my (@floors, @targets, @tables, @notes);
my $report;

# A target: its number, what, the bound, ratio, the floor's and our figure,
# whether it was met (undef: it has no bound).
sub row
{
	my ($target, $what, $limit, $ratio, $floor, $ours, $met) = @_;

	push @targets,
	  [ $target, $what, $limit, defined $ratio ? sprintf('%.3f', $ratio) : '',
		$floor, $ours, !defined $met ? '' : $met ? 'met' : 'NOT MET' ];
}

# What one case needs by what another needs, at most $limit (undef: just to know).
sub ratio_row
{
	my ($target, $what, $run, $ours, $floor, $limit) = @_;
	my @ours = per_unit($run, $ours);
	my @floor = per_unit($run, $floor);
	my $ratio = median(ratios(\@ours, \@floor));

	row($target, $what, defined $limit ? "≤ $limit" : '', $ratio, us(median(@floor)),
		us(median(@ours)), defined $limit ? $ratio <= $limit : undef);
}

# How many a second, one case by another, at least $limit (undef: just to know).
sub rate_row
{
	my ($target, $what, $run, $ours, $floor, $limit) = @_;
	my @ours = per_second($run, $ours);
	my @floor = per_second($run, $floor);
	my $ratio = median(ratios(\@ours, \@floor));

	row($target, $what, defined $limit ? "≥ $limit" : '', $ratio,
		map({ sprintf('%.0f', median(@$_)) } \@floor, \@ours),
		defined $limit ? $ratio >= $limit : undef);
}

# What stock PostgreSQL needs.
sub floor_row
{
	my ($floor, $what, $run, $case) = @_;

	push @floors,
	  [ $floor, $what, us(median(per_unit($run, $case))),
		sprintf('%.0f', median(per_second($run, $case))) ];
}

# A table of its own: columns, then rows; the first column to the left.
sub table
{
	my ($title, @rows) = @_;

	push @tables, [ $title, @rows ];
}

sub note
{
	push @notes, @_;
}

# Print everything, here and into table.txt.
sub print_tables
{
	my (@lines) = @_;
	my @bounded = grep { $_->[-1] ne '' } @targets;
	my $met = grep { $_->[-1] eq 'met' } @bounded;

	open($report, '>', results_folder() . '/table.txt') or die "table.txt: $!\n";
	print_rows(2, [ 'floor', '', 'µs', 'a second' ], @floors) if @floors;
	print_rows(2, [ 'target', '', 'wanted', 'ratio', 'floor', 'ours', '' ], @targets);
	for (@tables)
	{
		my ($title, @rows) = @$_;

		say_line("$title:\n");
		print_rows(1, @rows);
	}
	say_line("$met of " . @bounded . ' met. Processor time of the server in µs per operation '
		  . 'where no unit stands; medians.');
	say_line($_) for @lines, map { "$_." } @notes;
	close $report or die "table.txt: $!\n";
}

# The first columns to the left, the rest to the right.
sub print_rows
{
	my ($nleft, @rows) = @_;
	my @width;

	for my $row (@rows)
	{
		for my $i (0 .. $#$row)
		{
			$width[$i] = max($width[$i] // 0, length_of($row->[$i]));
		}
	}
	for my $n (0 .. $#rows)
	{
		my @cells = map {
			my $space = ' ' x ($width[$_] - length_of($rows[$n][$_]));
			$_ < $nleft ? $rows[$n][$_] . $space : $space . $rows[$n][$_];
		} 0 .. $#width;

		say_line('| ' . join(' | ', @cells) . ' |');
		next if $n > 0;
		my @rule =
		  map { $_ < $nleft ? '-' x ($width[$_] + 2) : '-' x ($width[$_] + 1) . ':' } 0 .. $#width;
		say_line('|' . join('|', @rule) . '|');
	}
	say_line('');
}

# Characters, not bytes.
sub length_of
{
	my ($text) = @_;

	utf8::decode($text);
	return length $text;
}

sub say_line
{
	print "$_[0]\n";
	print $report "$_[0]\n";
}

sub us
{
	my ($us) = @_;

	return sprintf($us < 1 ? '%.3f' : $us < 10 ? '%.2f' : '%.1f', $us);
}

sub sessions
{
	my ($n) = @_;

	return $n == 1 ? '1 session' : "$n sessions";
}

sub median
{
	my @sorted = sort { $a <=> $b } @_;

	die "nothing was measured\n" unless @sorted;
	return ($sorted[ (@sorted - 1) / 2 ] + $sorted[ @sorted / 2 ]) / 2;
}

# Figures of one case by those of another, round by round.
sub ratios
{
	my ($ours, $floor) = @_;

	return map { $ours->[$_] / $floor->[$_] } 0 .. $#$ours;
}

1;
