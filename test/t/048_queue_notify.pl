# LISTEN and wake-ups: due messages, ended leases, prepared transactions.

use strict;
use warnings;

use CqSession;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<'EOC');
autovacuum = off
max_prepared_transactions = 2
EOC
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION cachequeue');

sub sql { return $node->safe_psql('postgres', shift) }

# Notifications that a listener has got after doing something, as "channel payload".
my $listener = CqSession->new($node, 'postgres');
sub heard
{
	my ($n) = @_;
	my @heard;
	my $end = time + 30;

	do
	{
		my $rows = $listener->query('SELECT pg_sleep(0.02)');
		push @heard, "$1 $2"
		  while $rows =~ /Asynchronous notification "(.*)" with payload "(.*)" received/g;
	} while (time < $end && @heard < $n);
	return join ', ', @heard;
}

sql(q{SELECT cq.queue_create('mail "x"', notify => 'Mail channel');
	SELECT cq.queue_create('quiet')});
$listener->query('LISTEN "Mail channel"');

sql(q{SELECT cq.queue_send('mail "x"', '1')});
is(heard(1), 'Mail channel mail "x"', 'a commit is heard of');
sql(q{BEGIN; SELECT cq.queue_send('mail "x"', '2'); PREPARE TRANSACTION 'p'});
sql(q{COMMIT PREPARED 'p'});
is(heard(1), 'Mail channel mail "x"', 'a prepared one too: the sender does not notify');
sql(q{SELECT cq.queue_send('mail "x"', '3', delay => '200 ms')});
is(heard(1), 'Mail channel mail "x"', 'and a message that becomes due');
sql(q{SELECT count(*) FROM cq.queue_receive('mail "x"', 10, lease => '200 ms')});
is(heard(1), 'Mail channel mail "x"', 'and a lease that ends');
sql(q{SELECT cq.queue_alter('mail "x"', reset => '{notify}')});
sql(q{SELECT cq.queue_send('mail "x"', '4')});
sql(q{SELECT cq.queue_alter('mail "x"', notify => 'Mail channel')});
sql(q{SELECT cq.queue_purge('mail "x"')});

# What is committed while the worker is stopped is one notification afterwards,
# however fast it is.  It rests when it is stopped, so it has no lock.
my $worker = sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'cachequeue maintenance' AND datname = 'postgres'");
for (1 .. 100)
{
	my $before = slurp_file("/proc/$worker/status");
	last if heard(0) eq '' && slurp_file("/proc/$worker/status") eq $before;
}
kill 'STOP', $worker;
sql(q{DO $$ BEGIN FOR i IN 1 .. 500 LOOP
	PERFORM cq.queue_send('mail "x"', '5'); COMMIT; END LOOP; END $$});
is(heard(0), '', 'nobody but the worker notifies');
kill 'CONT', $worker;
my @together = split /, /, heard(1);
is($together[0], 'Mail channel mail "x"', 'many commits are heard of');

# it is done with them when one that comes later has been heard of; a queue with ready
# messages would have its LISTENers notified when it is altered
sql(q{SELECT cq.queue_purge('mail "x"')});
sql(q{SELECT cq.queue_alter('mail "x"', notify => 'Other channel')});
$listener->query('LISTEN "Other channel"');
sql(q{SELECT cq.queue_send('mail "x"', '6')});
for (my $end = time + 60; time < $end && !grep { /^Other/ } @together;)
{
	push @together, split /, /, heard(1);
}
is(join(', ', @together), 'Mail channel mail "x", Other channel mail "x"', 'together');

$listener->quit;
$node->stop;
done_testing();
