
# The contract of the public interface: runs test/pgtap/*.sql, each in a
# database of its own that has the extensions pgtap and cachequeue, and passes
# on every assertion.

use strict;
use warnings;

use File::Basename qw(basename);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TAP::Parser;
use Test::More;

my @patterns = map { s/\*/.*/gr } split ' ', $ENV{TESTS} || '*';
my @files = grep {
	my $name = basename($_, '.sql');
	grep { $name =~ /^$_$/ } @patterns
} sort glob 'test/pgtap/*.sql';

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;

for my $file (@files)
{
	my $name = basename($file, '.sql');

	$node->safe_psql('postgres', qq(CREATE DATABASE "$name"));
	$node->safe_psql($name, 'CREATE EXTENSION pgtap; CREATE EXTENSION cachequeue');
	my ($stdout, $stderr);
	my $status = $node->psql(
		$name, undef,
		stdout => \$stdout,
		stderr => \$stderr,
		extra_params => [ '--quiet', '--file', $file ]);
	my $parser = TAP::Parser->new({ tap => "$stdout\n" });

	while (my $line = $parser->next)
	{
		if ($line->is_test)
		{
			ok($line->is_ok, "$name: " . ($line->description =~ s/^- //r));
		}
		elsif ($line->is_comment || $line->is_unknown)
		{
			note($line->as_string);
			diag($line->as_string) if $line->as_string =~ /\S/ && $parser->failed;
		}
	}
	is($status, 0, "$name: psql ended well") or diag($stderr);
	ok(!$parser->parse_errors && $parser->tests_run > 0, "$name: ran what it planned")
	  or diag($parser->parse_errors, $stderr);
}

$node->stop;
done_testing();
