
# Random histories, every hit compared with the table under the same snapshot:
# test/soak/cache_checker.pl, for as long as CQ_CHECKER_SECONDS says.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "max_prepared_transactions = 100\nlog_min_messages = panic");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION cachequeue');

my $seconds = $ENV{CQ_CHECKER_SECONDS} || 10;
my $output = qx($^X test/soak/cache_checker.pl --sessions 8 --seconds $seconds "@{[$node->connstr('postgres')]}" 2>&1);
my $status = $?;
note($output);
is($status, 0, 'the checker is content') or diag($output);
like($output, qr/^no hit contradicts the table$/m, 'no hit contradicts the table');

$node->stop;
done_testing();
