
# Time to live to the millisecond, and removal of what has expired.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION cachequeue');

sub query { return $node->safe_psql('postgres', $_[0]); }

# For each of many times: served at a time that is surely before the expiry,
# and never at one that is a millisecond after it.  Clocks are read around the
# calls, so that a slow machine proves less, and nothing wrong.
my $result = query(<<'SQL');
CREATE FUNCTION watch_expiry(ttl_ms int, how text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	set_before timestamptz;
	set_after timestamptz;
	got_before timestamptz;
	got_after timestamptz;
	value text;
	served int := 0;
	late int := 0;
	early int := 0;
	key text := 'ttl ' || how || ttl_ms;
BEGIN
	IF how = 'touch' THEN
		PERFORM cq.cache_set(key, 'v', '1 h', condition => 'absent');
	END IF;
	set_before := clock_timestamp();
	IF how = 'touch' THEN
		PERFORM cq.cache_touch(key, ttl_ms * interval '1 ms');
	ELSIF how = 'incr' THEN
		PERFORM cq.cache_incr(key, ttl => ttl_ms * interval '1 ms');
	ELSIF how = 'pending' THEN
		PERFORM cq.cache_set(key, 'v', ttl_ms * interval '1 ms');
	ELSE
		PERFORM cq.cache_set(key, 'v', ttl_ms * interval '1 ms', condition => 'absent');
	END IF;
	set_after := clock_timestamp();
	LOOP
		got_before := clock_timestamp();
		value := cq.cache_get(key);
		got_after := clock_timestamp();
		IF value IS NOT NULL THEN
			served := served + 1;
			IF got_before > set_after + (ttl_ms + 2) * interval '1 ms' THEN
				late := late + 1;
			END IF;
		ELSIF got_after < set_before + (ttl_ms - 1) * interval '1 ms' THEN
			early := early + 1;
		END IF;
		EXIT WHEN got_before > set_after + (ttl_ms + 10) * interval '1 ms';
	END LOOP;
	RETURN format('%s late, %s early, %s', late, early, CASE WHEN served > 0 THEN 'served' ELSE 'never served' END);
END $$;
SELECT DISTINCT watch_expiry(ttl, how)
FROM unnest(ARRAY[5, 20, 50, 101]) AS ttl, unnest(ARRAY['now', 'touch', 'incr', 'pending']) AS how;
SQL
is($result, '0 late, 0 early, served', 'served until the expiry, and not after it');

# The worker removes what has expired, without anybody asking.
query("SELECT cq.cache_set('short ' || n, repeat('x', 1000), '1 s') FROM generate_series(1, 1000) AS n");
query("SELECT cq.cache_set('long', 'v', '1 h')");
ok($node->poll_query_until('postgres', 'SELECT entries = 1 FROM cq.stat_cache'), 'expired entries are removed');
is(query('SELECT expirations >= 1000 FROM cq.stat_cache'), 't', 'and counted');
is(query("SELECT cq.cache_get('long')"), 'v', 'others stay');
is(query("SELECT used_bytes < 10000 FROM cq.stat_cache"), 't', 'their memory is free');

$node->stop;
done_testing();
