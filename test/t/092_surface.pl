# Every function of schema cq called with values that nobody means well with, by
# superusers and by an ordinary role: nothing may crash, leak, or let that role touch or
# see what is another's.  test/fuzz/surface.py, for as long as CQ_CHECKER_SECONDS says.
# also in extras: for longer

use strict;
use warnings;

use CqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'no python3-psycopg'
  if system('/usr/bin/python3 -c "import psycopg" 2> /dev/null');

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<'EOC');
max_prepared_transactions = 100
restart_after_crash = on
log_min_messages = log
log_min_error_statement = panic
log_statement = none
EOC
$node->start;
if (!has_faults($node))
{
	$node->stop;
	plan skip_all => 'not a debug build';
}

my $seconds = $ENV{CQ_CHECKER_SECONDS} || 10;
my $output = qx(/usr/bin/python3 -B test/fuzz/surface.py --seconds $seconds "@{[$node->connstr('postgres')]}" 2>&1);
my $status = $?;
note($output);
is($status, 0, 'surface.py is content') or diag($output);
like($output, qr/^nothing has crashed, leaked or let the wrong one in$/m, 'and says so');

$node->stop;
done_testing();
