# A queue whose drop is not yet committed does not stop the maintenance of the
# others.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CqSession;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('drop');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION cachequeue');
$node->safe_psql('postgres', "SELECT cq.queue_create('going'), cq.queue_create('staying')");
$node->safe_psql('postgres',
	"SELECT cq.queue_send('going', '1'), cq.queue_send('staying', '1')");

# both have a lease that ends while the drop is open
my $dropper = CqSession->new($node, 'postgres');
$node->safe_psql('postgres',
	"SELECT FROM cq.queue_receive('going', lease => '1 s'); SELECT FROM cq.queue_receive('staying', lease => '1 s')");
$dropper->query("BEGIN; SELECT cq.queue_drop('going')");
is($node->safe_psql('postgres', "CALL cq.queue_wait('staying', '1 min')"),
	't', 'a lease of another queue ends while the drop is open');
$dropper->query('ROLLBACK');
is($node->safe_psql('postgres', "CALL cq.queue_wait('going', '1 min')"),
	't', 'and its own when the drop is rolled back');
$dropper->quit;

$node->stop;
done_testing();
