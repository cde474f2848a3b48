# Random load on a queue, with sessions and the server killed, and every message
# accounted for: test/soak/queue_checker.pl, for as long as CQ_CHECKER_SECONDS
# says.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<'EOC');
max_prepared_transactions = 100
restart_after_crash = on
log_min_messages = panic
log_statement = none
cachequeue.queue_memory = 1MB
cachequeue.segment_rows = 300
EOC
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION cachequeue');

my $seconds = $ENV{CQ_CHECKER_SECONDS} || 10;
my $output = qx($^X test/soak/queue_checker.pl --sessions 8 --seconds $seconds --data "@{[$node->data_dir]}" --server-kills 2 "@{[$node->connstr('postgres')]}" 2>&1);
my $status = $?;
note($output);
is($status, 0, 'the checker is content') or diag($output);
like($output, qr/^all messages are accounted for$/m, 'every message is accounted for');

# the checker has started it anew
$node->_update_pid(1);
$node->stop;
done_testing();
