# Exchanges: P21.

package Bench::Route;

use strict;
use warnings;

use Bench::Load qw(load per_unit);
use Bench::Plan qw(BODY);
use Bench::Server qw(sql);
use Bench::Table qw(median ratio_row row us);

# patterns of one exchange, and what a message may need to get through them
use constant {
	PATTERNS => 1000,
	ROUTE_US => 20,
};

our @groups = ([ route => \&route_group ]);

# A key matches four patterns, of four sorts, and goes to one queue.  Some begin
# with a wildcard, so that all ways have to be gone together.
sub route_group
{
	sql(<<~SQL);
		SELECT cq.queue_create('route'), cq.queue_create('straight');
		SELECT cq.exchange_create('route', 'topic'), cq.exchange_create('direct', 'direct');
		SELECT count(cq.exchange_bind('route', 'queue', 'route', CASE
			WHEN i <= 600 THEN format('tenant%s.*.*.created', i)
			WHEN i <= 900 THEN format('tenant%s.#', i - 600)
			WHEN i <= 990 THEN format('*.region%s.#', i - 900)
			ELSE format('#.kind%s.#.created', i - 990) END))
		FROM generate_series(1, @{[PATTERNS]}) AS i;
		SELECT count(cq.exchange_bind('direct', 'queue', 'route', format('tenant%s.region7.kind3.created', i)))
		FROM generate_series(1, @{[PATTERNS]}) AS i;
		SQL
	my $found = sql("SELECT cq.exchange_publish('route', 'tenant7.region7.kind3.created', '1')");
	die "$found targets instead of one\n" if $found ne '1';
	my $run = load(1, <<~PLAN);
		case nothing
		step SELECT count(*) FROM cq_bench.identity(\$1)
		arg key tenant%d.region7.kind3.created 300
		case route
		step SELECT count(*) FROM cq.exchange_route('route', \$1)
		arg key tenant%d.region7.kind3.created 300
		case queue_send
		worker
		step SELECT cq.queue_send('straight', \$1, '{"cq_exchange": "route", "cq_routing_key": "tenant7.region7.kind3.created"}')
		arg text @{[BODY]}
		after SELECT cq.queue_purge('straight')
		case publish
		worker
		step SELECT cq.exchange_publish('route', \$1, \$2)
		arg key tenant%d.region7.kind3.created 300
		arg text @{[BODY]}
		after SELECT cq.queue_purge('route')
		case publish direct
		worker
		step SELECT cq.exchange_publish('direct', \$1, \$2)
		arg key tenant%d.region7.kind3.created 300
		arg text @{[BODY]}
		after SELECT cq.queue_purge('route')
		PLAN
	my $patterns = PATTERNS =~ s/(?=000$)/,/r . ' patterns';

	more($run, "exchange_route, $patterns, beyond an empty function", 'route', 'nothing');
	more($run, "exchange_publish to a queue, $patterns, beyond queue_send", 'publish', 'queue_send');
	ratio_row('P21', 'the same, by queue_send', $run, 'publish', 'queue_send');
	ratio_row('P21', 'the same with kind direct', $run, 'publish direct', 'queue_send');
	sql("SELECT cq.exchange_drop('route'), cq.exchange_drop('direct'); SELECT cq.queue_drop('route'), cq.queue_drop('straight');");
}

# What one case needs more than another, in the same round.
sub more
{
	my ($run, $what, $ours, $floor) = @_;
	my @ours = per_unit($run, $ours);
	my @floor = per_unit($run, $floor);
	my $more = median(map { $ours[$_] - $floor[$_] } 0 .. $#ours);

	row('P21', $what, '≤ ' . ROUTE_US . ' µs', undef, us(median(@floor)), us($more) . ' µs',
		$more <= ROUTE_US);
}

1;
