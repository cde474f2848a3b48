# What the documentation shows is true: runs the SQL of the user pages.
#
# From README.md and the pages of docs/ below, every block that is fenced as
# ```sql is taken, in order, and run as one psql session in a fresh database
# which has the extension (unless a block creates it); so is one with the name of a
# file in docs/examples behind that.  Other fences (```text, ```sh, or none) are not
# run.
#
# In a block:
#	--> text		 after a statement: a line of its output, as psql prints it
#					 unaligned, without headings, with NULL for a null and | as
#					 the separator.  One comment per line; as many as there are
#					 must be the last lines of the statement's output.
#	-- error: 22023	 before a statement: it must fail with this SQLSTATE.  Any
#					 other error, or one that does not come, is a failure.
#
# Roles that a page creates are dropped with its database.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my @pages = qw(README.md docs/cache.md docs/read-through.md docs/not-cached.md docs/write-behind.md docs/monitoring.md docs/queue.md docs/exchanges.md docs/queue-recipes.md docs/topics.md
  docs/migrating-from-pgmq.md docs/security.md docs/functions.md);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;

for my $page (@pages)
{
	if (!-e $page)
	{
		fail("$page exists");
		next;
	}
	run_page($page, sql_blocks($page));
}
$node->stop;
done_testing();

# The blocks of a page: [line of the fence, text].
sub sql_blocks
{
	my ($page) = @_;
	my (@blocks, $block);
	my $n = 0;

	for my $line (split /\n/, slurp_file($page))
	{
		$n++;
		if (!$block && $line =~ /^```(\S*)(?:\s+\S+)?\s*$/)
		{
			$block = [ $n, '', $1 ];
		}
		elsif ($block && $line =~ /^```\s*$/)
		{
			push @blocks, $block if $block->[2] eq 'sql';
			$block = undef;
		}
		elsif ($block)
		{
			$block->[1] .= "$line\n";
		}
	}
	die "$page: a fence is not closed\n" if $block;
	return @blocks;
}

# Run the blocks in a database of their own; one test for each.
sub run_page
{
	my ($page, @blocks) = @_;
	my $database = $page =~ s{.*/|\.md$}{}gr;
	my $script = "\\set ON_ERROR_STOP off\n\\set VERBOSITY sqlstate\n";
	my $mark = '=' x 8;

	ok(@blocks > 0, "$page: has SQL");
	$node->safe_psql('postgres', qq(CREATE DATABASE "$database"));
	$node->safe_psql($database, 'CREATE EXTENSION cachequeue')
	  unless grep { $_->[1] =~ /^CREATE EXTENSION cachequeue/m } @blocks;

	# In the script both streams tell where they are: after each group of
	# expected lines (@LINE), and before each expected error and at a block's
	# end (!LINE), LINE being that of the page.
	for my $block (@blocks)
	{
		my $n = $block->[0];
		my $in_output = 0;

		for my $line (split /\n/, $block->[1])
		{
			my $is_output = $line =~ /^\s*-->/;
			my $has_output = $line =~ /;\s*-->/;

			$script .= "\\echo $mark\@$n\n" if $in_output && !$is_output;
			$n++;
			$script .= "\\warn $mark!$n\n" if $line =~ /^\s*-- error:/;
			$script .= "$line\n";
			$in_output = $is_output || $has_output;
		}
		$script .= "\\echo $mark\@$n\n";
		$script .= "\\warn $mark!" . ($n + 1) . "\n";
	}

	my ($stdout, $stderr);
	$node->psql(
		$database, undef,
		stdout => \$stdout,
		stderr => \$stderr,
		on_error_stop => 0,
		extra_params => [
			'--file', script_file($database, $script),
			'--pset', 'null=NULL', '--set', 'ON_ERROR_ROLLBACK=off'
		]);

	# what was printed up to each mark; psql() cuts off the last newline
	$_ .= "\n" for $stdout, $stderr;
	my (%output, %errors);
	$output{$2} = $1 while $stdout =~ /\G(.*?)^$mark\@(\d+)\n/gms;
	$errors{$2} = $1 while $stderr =~ /\G(.*?)^$mark!(\d+)\n/gms;

	check_block($page, $_, \%output, \%errors) for @blocks;

	$node->safe_psql('postgres', qq(DROP DATABASE "$database"));
	for my $role (split /\n/, $node->safe_psql('postgres',
			'SELECT quote_ident(rolname) FROM pg_roles WHERE oid >= 16384'))
	{
		$node->safe_psql('postgres', "DROP ROLE $role");
	}
}

sub script_file
{
	my ($name, $script) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir() . "/$name.sql";

	open(my $fh, '>', $file) or die "$file: $!\n";
	print $fh $script;
	close $fh;
	return $file;
}

# Compare what a block was to print, and to raise, with what it did.
sub check_block
{
	my ($page, $block, $output, $errors) = @_;
	my $n = $block->[0];
	my (@bad, @expected, $error);

	for my $line (split(/\n/, $block->[1]), '')
	{
		my ($text) = $line =~ /(?:^\s*|;\s*)-->\s?(.*?)\s*$/;

		if (@expected && $line !~ /^\s*-->/)
		{
			push @bad, compare($n, $output->{$n}, @expected);
			@expected = ();
		}
		$n++;
		push @expected, $text if defined $text;
		if ($line =~ /^\s*-- error:\s*(\w+)/)
		{
			push @bad, compare_errors($errors->{$n}, $error);
			$error = $1;
		}
	}
	push @bad, compare_errors($errors->{$n}, $error);
	ok(!@bad, "$page:$block->[0]") or diag(map { "$page: $_\n" } @bad);
}

# Problems with the output that ends before line n + 1.
sub compare
{
	my ($n, $output, @expected) = @_;
	my @lines = split /\n/, $output // '', -1;

	pop @lines if @lines && $lines[-1] eq '';
	splice @lines, 0, @lines - @expected if @lines > @expected;
	s/\s+$// for @lines;
	return () if join("\n", @lines) eq join("\n", @expected);
	return "line $n: expected\n"
	  . join('', map { "  $_\n" } @expected)
	  . "but got\n"
	  . join('', map { "  $_\n" } @lines);
}

# Problems with the errors of a stretch that is to raise this one, or none.
sub compare_errors
{
	my ($stderr, $expected) = @_;
	my @raised = ($stderr // 'the session ended') =~ /^psql:.*?((?:ERROR|FATAL).*)$/mg;

	return "the session ended" if !defined $stderr;
	return () if !defined $expected && !@raised;
	return () if defined $expected && @raised == 1 && $raised[0] =~ /^ERROR:\s+$expected\b/;
	return 'expected ' . ($expected ? "error $expected" : 'no error') . ', but got '
	  . (@raised ? join('; ', @raised) : 'none');
}
