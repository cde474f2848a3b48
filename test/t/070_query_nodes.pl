# A node that the search of a query's tree does not know is refused, whichever it is: with
# the switch forget-node:NAME it does not know that one.  So each query of the list in
# test/sql/include/fetch_nodes.sql also shows that it has the node it is listed for, and the
# list has each node that is known.

use strict;
use warnings;

use CqFault;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = CqFault::start('', sub { });
my $list = slurp_file('test/sql/include/fetch_nodes.sql') =~ s/^\\set.*$//mgr;

$node->safe_psql('postgres', 'CREATE EXTENSION cachequeue');
$node->safe_psql('postgres', $list);
my %listed = map { $_ => 1 } split /\n/,
  $node->safe_psql('postgres', q{SELECT DISTINCT node FROM fetch_test.cases WHERE node !~ '^-'});
my %known = map { $_ => 1 } slurp_file('src/query/walk.c') =~ /\bNODE\((\w+), (?:true|false)/g;
my $version = $node->safe_psql('postgres', 'SHOW server_version_num') / 10000;
my @later = $version < 16 ? qw(JsonConstructorExpr JsonIsPredicate JsonValueExpr) : ();
push @later, qw(JsonBehavior JsonExpr) if $version < 17;
delete @known{@later};
is(join(' ', sort keys %listed), join(' ', sort keys %known), 'each known node has a query');

for my $name (sort keys %listed)
{
	is($node->safe_psql('postgres', <<"SQL"), '', "without: $name");
SET search_path = fetch_test;
SET cachequeue.fault = 'forget-node:$name';
SELECT query, outcome_or_error(query, args) FROM cases
WHERE node = '$name' AND outcome_or_error(query, args) NOT LIKE 'with a node %';
SQL
}
$node->stop;

done_testing();
