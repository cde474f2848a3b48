# Each rule of the topics matters, and a test would notice if it were gone: the
# same history is played with the rule and without it (setting cachequeue.fault
# of a debug build).
#
#	rule left out          promise of docs/topics.md that breaks
#	topic-no-limit         no record is skipped: a reader stops below what is open
#	topic-no-register      the same: who publishes says so
#	topic-no-fence         who has lost a partition commits no offsets
#	topic-keep-position    a rollback gives back what was polled
#	topic-start-early      a new owner waits for what may still be committed

use strict;
use warnings;

use CqSession;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<'EOC');
autovacuum = off
max_prepared_transactions = 2
statement_timeout = '30s'
EOC
$node->start;

if ($node->safe_psql('postgres', "SELECT count(*) FROM pg_settings WHERE name = 'cachequeue.fault'") == 0)
{
	$node->stop;
	plan skip_all => 'not a debug build';
}
$node->safe_psql('postgres', 'CREATE EXTENSION cachequeue');

my $n = 0;
my $topic;
my $fault;

sub session { return CqSession->new($node, 'postgres'); }

sub faulty { return CqSession->new($node, 'postgres', "SET cachequeue.fault = '$fault'"); }

sub publish { return "SELECT cq.topic_publish('$topic', '\"$_[0]\"')"; }

sub poll
{
	my ($member, $more) = @_;
	$more //= '';
	return "SELECT coalesce(string_agg(body #>> '{}', ' ' ORDER BY record_offset), 'nothing') FROM cq.topic_poll('$topic', 'g', '$member'$more)";
}

sub play
{
	my ($history) = @_;

	$topic = 't' . ++$n;
	$node->safe_psql('postgres', "SELECT cq.topic_create('$topic'), cq.group_create('$topic', 'g')");
	my $result = $history->();
	$node->safe_psql('postgres', "SELECT cq.topic_drop('$topic')");
	return $result;
}

# Play a history with the rule and without it.
sub proves
{
	my ($name, $right, $wrong, $history) = @_;

	$fault = '';
	is(play($history), $right, "with the rule: $name");
	$fault = $name;
	is(play($history), $wrong, "without: $name");
}

for my $rule ('topic-no-limit', 'topic-no-register')
{
	proves($rule, 'first, then early late', 'first late, then nothing', sub {
		my ($early, $late, $reader) = (faulty(), faulty(), faulty());
		$reader->query("SELECT cq.group_join('$topic', 'g', 'm')");
		$late->query(publish('first'));
		$early->query('BEGIN');
		$early->query(publish('early'));
		$late->query(publish('late'));
		my $first = $reader->query(poll('m'));
		$early->query('COMMIT');
		my $second = $reader->query(poll('m'));
		$_->quit for $early, $late, $reader;
		return "$first, then $second";
	});
}

# the same member joins elsewhere in the midst of a transaction
proves('topic-no-fence', 'refused, committed 0', 'done, committed 2', sub {
	my ($late, $other) = (faulty(), session());
	$late->query("SELECT cq.group_join('$topic', 'g', 'm')");
	$other->query(publish($_)) for 'a', 'b';
	$late->query('BEGIN');
	$late->query(poll('m', ', auto_commit => true'));
	$other->query("SELECT cq.group_join('$topic', 'g', 'm')");
	my $done = $late->query('COMMIT') =~ /ERROR/ ? 'refused' : 'done';
	my $committed = $other->query("SELECT committed FROM cq.stat_groups WHERE topic = '$topic'");
	$_->quit for $late, $other;
	return "$done, committed $committed";
});

proves('topic-keep-position', 'a b', 'nothing', sub {
	my $s = faulty();
	$s->query("SELECT cq.group_join('$topic', 'g', 'm')");
	$s->query(publish($_)) for 'a', 'b';
	$s->query('BEGIN');
	$s->query(poll('m'));
	$s->query('ROLLBACK');
	my $rows = $s->query(poll('m'));
	$s->quit;
	return $rows;
});

# what is prepared may still commit: who starts before gets it once more
proves('topic-start-early', 'nothing, then b', 'a b, then nothing', sub {
	my ($first, $next) = (session(), faulty());
	$first->query("SELECT cq.group_join('$topic', 'g', 'm')");
	$first->query(publish($_)) for 'a';
	$first->query('BEGIN');
	$first->query(poll('m', ', auto_commit => true'));
	$first->query("PREPARE TRANSACTION 'p'");
	$first->query(publish('b'));
	$first->query("SELECT cq.group_join('$topic', 'g', 'm')");
	my $early = $next->query(poll('m'));
	$first->query("COMMIT PREPARED 'p'");
	my $late = $next->query(poll('m'));
	$_->quit for $first, $next;
	return "$early, then $late";
});

$node->stop;
done_testing();
