# pg_upgrade takes along all that a database holds, and everything works afterwards: from
# this version of PostgreSQL to itself, and from the version before, where the chroot has
# it (PG_OLDER, see scripts/chroot).

use strict;
use warnings;

use Cwd qw(getcwd);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $tree = getcwd();

use constant GRANTS => <<'SQL';
GRANT USAGE ON SCHEMA cq TO app, worker;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA cq TO app, worker;
SQL

# What must be the same before and after.
my @state = (
	q{SELECT queue, owner, carrier FROM cq.queues ORDER BY 1},
	q{SELECT to_jsonb(q) - 'carrier' FROM cq.queue AS q ORDER BY queue_id},
	q{SELECT topic, owner, carrier, partitions FROM cq.topics ORDER BY 1},
	q{SELECT topic, group_name, owner, carrier, queue FROM cq.groups ORDER BY 1, 2},
	q{SELECT exchange, owner, carrier, kind, alternate FROM cq.exchanges ORDER BY 1},
	q{SELECT * FROM cq.exchange_bindings ORDER BY exchange, target_kind, target},
	q{SELECT * FROM cq.namespaces ORDER BY 1},
	q{SELECT * FROM cq.privileges ORDER BY 1, 2, 3, 4},
	q{SELECT q.queue, m.msg_id, m.attempt, m.priority, m.group_key, m.enqueued_at, m.headers, m.body
		FROM cq.queues AS q, cq.queue_peek(q.queue, 1000) AS m ORDER BY 1, 2},
	q{SELECT queue, ready, in_flight, delayed, blocked, dead, bytes FROM cq.stat_queues ORDER BY 1},
	q{SELECT p, r.* FROM generate_series(0, 2) AS p, cq.topic_read('t', p, 0, 1000) AS r ORDER BY p, record_offset},
	q{SELECT topic, group_name, partition, committed, lag FROM cq.stat_groups ORDER BY 1, 2, 3},
	q{SELECT * FROM cq.cache_watches},
	q{SELECT namespace, key, operation FROM cq.cache_pending ORDER BY 1, 2},
	q{SELECT dead_id, namespace, key, operation, value, sqlstate FROM cq.cache_dead_letters ORDER BY 1},
	# (a worker makes segments at any time)
	q{SELECT c.relname, c.relkind, c.relpersistence, c.relowner::regrole, a.grantee::regrole, a.privilege_type, a.is_grantable
		FROM pg_class AS c, aclexplode(COALESCE(c.relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) AS a
		WHERE c.relnamespace = 'cq'::regnamespace AND c.relname !~ '^[qt]\d+_[sek]\d' AND a.privilege_type <> 'MAINTAIN'
		ORDER BY 1, 5, 6},
	q{SELECT p.oid::regprocedure::text, p.proowner::regrole, a.grantee::regrole, a.privilege_type
		FROM pg_proc AS p, aclexplode(COALESCE(p.proacl, acldefault('f', p.proowner))) AS a
		WHERE p.pronamespace = 'cq'::regnamespace ORDER BY 1, 3},
	q{SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'cq' ORDER BY 1},
	q{SELECT tgrelid::regclass::text, tgname, tgenabled, tgfoid::regprocedure FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2});

# What the extension consists of.
my @members = (
	q{SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend
		WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cachequeue') ORDER BY 1},
	q{SELECT extversion, extnamespace::regnamespace, extrelocatable, c::regclass::text, w
		FROM pg_extension, unnest(extconfig, extcondition) AS e (c, w) WHERE extname = 'cachequeue' ORDER BY 4});

upgrade('same', undef);
upgrade("from $ENV{PG_OLDER}", build_older()) if $ENV{PG_OLDER};
done_testing();

# The library built for the older server, beside a copy of that server: the folder of
# its version, which has bin and lib.
sub build_older
{
	my $dir = "$ENV{CQ_WORK}/older";

	mkdir $dir or die "$dir: $!";
	mkdir "$dir/tree" or die $!;
	system(q{tar --exclude='*.o' --exclude='*.d' --exclude='*.so' --exclude=./.build-flags -cf - . } . "| tar -C '$dir/tree' -xf -") == 0
	  or die 'the tree cannot be copied';
	my $bin = qx{cd '$dir/tree' && PG_CONFIG=/usr/lib/postgresql/$ENV{PG_OLDER}/bin/pg_config scripts/private-server-tree '$dir/server' '$ENV{CQ_BUILD}'};
	is($?, 0, "the build for PostgreSQL $ENV{PG_OLDER}");
	return $bin =~ s{/bin\n}{}r;
}

# Fill a cluster, of the server that is installed in $path or of this one, upgrade it, and
# compare.
sub upgrade
{
	my ($name, $path) = @_;
	# checksums are on by default since 18; both clusters must agree
	my @init = $path ? (extra => ['-k']) : ();
	my $old = PostgreSQL::Test::Cluster->new('old' . ($path ? '_older' : ''), $path ? (install_path => $path) : ());
	$old->init(@init);
	$old->append_conf('postgresql.conf', "cachequeue.segment_rows = 30\n");
	$old->start;
	my $new = PostgreSQL::Test::Cluster->new('new' . ($path ? '_than_older' : ''));
	$new->init(@init);

	my $filled = fill($old);
	# (since 17, types of rows are members of an extension)
	my @compared = (@state, $path ? () : @members);
	my @before = map { $old->safe_psql('app', $_) } @compared;
	is(scalar(grep { $_ eq '' } @before), 0, "$name: there is something of everything")
	  or diag(map { "$_\n" } grep { $old->safe_psql('app', $_) eq '' } @compared);
	# with times, and losses, of its own
	$old->safe_psql('other', q{CREATE EXTENSION cachequeue; SELECT cq.queue_create('q');
		SELECT cq.queue_send('q', '"soon"', delay => '1 s'), cq.queue_send('q', '"leased"');
		SELECT count(*) FROM cq.queue_receive('q', 1, '1 h')});
	forget_versions_of_columns($old, $new) if $path;
	$old->stop;

	run_pg_upgrade($name, $old, $new, $path ? "$path/bin" : $ENV{CQ_BINDIR});

	$new->append_conf('postgresql.conf', "cachequeue.segment_rows = 30\n");
	$new->start;
	my $i = 0;
	for my $query (@compared)
	{
		same_lines($new->safe_psql('app', $query), $before[ $i++ ], "$name: as before: $query");
	}
	compare_with_fresh($name, $new);
	works($name, $new, $filled);
	ok($new->poll_query_until('other', q{SELECT ready = 2 FROM cq.stat_queues WHERE queue = 'q'}), "$name: a lease that is not durable ends with the server, a delay ends in time");
	is($new->safe_psql('other', q{SELECT body FROM cq.queue_take('q', 10) ORDER BY msg_id}), qq{"soon"\n"leased"}, "$name: both can be taken");
	ends($name, $new);
	$new->stop;
}

# Compare results, and show the lines that only one of them has.
sub same_lines
{
	my ($got, $expected, $name) = @_;
	my (%got, %expected);

	return if ok($got eq $expected, $name);
	$got{$_} = 1 for split /\n/, $got;
	$expected{$_} = 1 for split /\n/, $expected;
	diag(map { "+ $_\n" } grep { !$expected{$_} } sort keys %got);
	diag(map { "- $_\n" } grep { !$got{$_} } sort keys %expected);
}

# Data in everything; what the later steps want to know of them.
sub fill
{
	my ($node) = @_;
	my $sql = sub { $node->safe_psql('app', shift) };
	my %filled;

	$node->safe_psql('postgres', 'CREATE DATABASE app; CREATE DATABASE other; CREATE ROLE app; CREATE ROLE worker; CREATE EXTENSION cachequeue');
	$sql->('CREATE EXTENSION cachequeue; GRANT CREATE ON SCHEMA public TO app;' . GRANTS . q{
		SET ROLE app;
		SELECT cq.queue_create('q', durable_leases => true, max_attempts => 2, dedup_window => '1 day', retain => '1 day');
		SELECT cq.queue_grant('q', 'worker', 'consume'), cq.queue_grant('q', 'public', 'send');
		SELECT cq.topic_create('t', 3), cq.topic_grant('t', 'worker', 'consume');
		SELECT cq.group_create('t', 'g'), cq.group_create('t', 's', kind => 'shared');
		SELECT cq.exchange_create('x', 'topic'), cq.exchange_create('alt', 'fanout');
		SELECT cq.exchange_alter('x', 'alt'), cq.exchange_bind('x', 'queue', 'q', 'a.#'), cq.exchange_bind('alt', 'topic', 't');
		SELECT cq.namespace_create('n', '1 h', 8388608), cq.namespace_grant('n', 'worker', 'read');
		RESET ROLE;
		SELECT cq.namespace_grant('default', 'worker', 'read,write'), cq.namespace_grant('default', 'app', 'all');
		CREATE TABLE watched (id int PRIMARY KEY, v text); SELECT cq.cache_watch('watched', ARRAY['w:{id}'], '{"key": "row {id}"}');
		INSERT INTO watched VALUES (1, 'one'), (2, 'two')});
	# messages in all states
	$sql->(q{SELECT count(cq.queue_send('q', to_jsonb(i), '{"h": 1}', priority => CASE WHEN i % 5 > 3 THEN 1 ELSE 0 END, group_key => CASE WHEN i % 5 = 0 THEN 'g' || i END)) FROM generate_series(1, 70) AS i;
		SELECT cq.queue_send('q', '"late"', delay => '1 day'), cq.queue_send('q', '"short"', ttl => '2 days');
		SELECT count(cq.queue_ack('q', receipt)) FROM cq.queue_receive('q', 20);
		SELECT count(cq.queue_nack('q', receipt, delay => '1 day')) FROM cq.queue_receive('q', 2);
		SELECT count(cq.queue_reject('q', receipt, 'bad')) FROM cq.queue_receive('q', 3)});
	$filled{once} = $sql->(q{SELECT cq.queue_send('q', '"dedup"', dedup_key => 'once')});
	($filled{receipt}, $filled{leased}) = split /\|/, $sql->(q{SELECT receipt, msg_id FROM cq.queue_receive('q', 1, '1 h')});
	$sql->("SELECT cq.queue_once('c', 'q', $filled{leased})");
	# records; a group in their midst
	$sql->(q{SELECT count(cq.topic_publish('t', to_jsonb(i), 'k' || i, '{"h": 1}')) FROM generate_series(1, 90) AS i});
	$filled{polled} = $sql->(q{SET client_min_messages = error; CREATE TEMP TABLE m AS SELECT cq.group_join('t', 'g', 'm');
		SELECT string_agg(body::text, ' ') FROM cq.topic_poll('t', 'g', 'm', 25, auto_commit => true)});
	$node->poll_query_until('app', q{SELECT sum(lag) = 0 FROM cq.stat_groups WHERE group_name = 's'}) or die 'it does not happen';
	# write-behind: one that the table refuses, and, as the table cannot be written at the
	# moment, one that waits
	$sql->(q{SET ROLE app; CREATE TABLE target (k text PRIMARY KEY, v text CHECK (v <> 'bad'));
		SELECT cq.cache_write_behind('n', 'target', 'logged', 'k', 'v', delay => '1 h');
		SELECT cq.cache_set('refused', 'bad', namespace => 'n'), cq.cache_set('written', 'v', namespace => 'n');
		SELECT cq.cache_flush('n');
		ALTER TABLE target RENAME v TO w;
		SELECT cq.cache_set('waiting', 'v', namespace => 'n')});
	# a payload that is kept beside its notification
	$filled{payload} = $sql->(q{SELECT cq.channel_publish('c', repeat('x', 9000));
		SELECT max(id) FROM (TABLE cq.channel_payload_0 UNION ALL TABLE cq.channel_payload_1) AS p}) =~ s/\s//gr;
	return \%filled;
}

# Since November 2026 minor releases give each column an option pg_attver, which pg_upgrade
# sets again, and the server refuses when its own minor release is older than that.  Where
# Debian has such a pair, upgrade what an older minor release would have left.
sub forget_versions_of_columns
{
	my ($old, $new) = @_;

	$new->start;
	my (undef, undef, $error) = $new->psql('postgres', 'CREATE TABLE t (a int); ALTER TABLE t ALTER a SET (pg_attver = 1)');
	$new->safe_psql('postgres', 'DROP TABLE t');
	$new->stop;
	return unless $error =~ /unrecognized parameter/;
	for my $database (split /\n/, $old->safe_psql('postgres', 'SELECT datname FROM pg_database WHERE datallowconn'))
	{
		$old->safe_psql($database, q{SET allow_system_table_mods = on;
			UPDATE pg_attribute SET attoptions = NULL WHERE attoptions::text ~ '^{pg_attver=\d+}$'});
	}
}

sub run_pg_upgrade
{
	my ($name, $old, $new, $old_bin) = @_;
	my $dir = $new->basedir;
	my @upgrade = ('pg_upgrade', '-N', '-b', $old_bin, '-B', $ENV{CQ_BINDIR}, '-d', $old->data_dir, '-D', $new->data_dir, '-s', $new->host, '-p', $old->port, '-P', $new->port);

	mkdir "$dir/run" or die $!;
	# where it leaves files
	chdir "$dir/run" or die $!;
	command_ok([ @upgrade, '--check' ], "$name: pg_upgrade --check");
	my $upgraded = command_ok(\@upgrade, "$name: pg_upgrade");
	chdir $tree or die $!;
	return if $upgraded;
	for my $file (glob("$dir/run/*.log"), glob($new->data_dir . '/pg_upgrade_output.d/*/log/*'))
	{
		diag("$file\n", slurp_file($file));
	}
}

# The extension is what CREATE EXTENSION makes on the newer server.
sub compare_with_fresh
{
	my ($name, $node) = @_;

	$node->safe_psql('postgres', 'CREATE DATABASE fresh');
	$node->safe_psql('fresh', 'CREATE EXTENSION cachequeue;' . GRANTS);
	for my $query (@members)
	{
		same_lines($node->safe_psql('app', $query), $node->safe_psql('fresh', $query), "$name: as if created here: $query");
	}
}

# All families of functions, on what was there and on what is new.
sub works
{
	my ($name, $node, $filled) = @_;
	my $sql = sub { $node->safe_psql('app', shift) };
	my $last_id = $sql->(q{SELECT max(m.msg_id) FROM cq.queue_peek('q', 1000) AS m});
	my $end = $sql->(q{SELECT string_agg(cq.topic_offset('t', p, 'latest')::text, ' ' ORDER BY p) FROM generate_series(0, 2) AS p});

	# queues
	is($sql->("SELECT cq.queue_once('c', 'q', $filled->{leased}); SELECT cq.queue_once('d', 'q', $filled->{leased})"), "f\nt", "$name: what was done once");
	is($sql->(qq{SELECT cq.queue_ack('q', '$filled->{receipt}')}), '1', "$name: receipts of durable leases");
	is($sql->(qq{SELECT count(*) FROM cq.queue_peek('q', 1000) WHERE msg_id = $filled->{leased}}), '0', "$name: it is settled");
	is($sql->(q{SELECT cq.queue_send('q', 'null', dedup_key => 'once')}), $filled->{once}, "$name: keys");
	cmp_ok($sql->(q{SELECT cq.queue_send('q', '"new"', dedup_key => 'twice')}), '>', $last_id, "$name: numbers of messages go on");
	is($sql->(q{SELECT count(*), bool_and(cq.queue_nack('q', receipt, '0')) FROM cq.queue_receive('q', 3)}), '3|t', "$name: receive, nack");
	is($sql->(q{SELECT cq.queue_redrive('q.dead') IS NOT NULL}), 't', "$name: redrive");
	ok($node->poll_query_until('app', q{SELECT dead = 0 AND ready + blocked > 40 FROM cq.stat_queues WHERE queue = 'q'}), "$name: dead letters return");
	# exchanges
	is($sql->(q{SELECT cq.exchange_publish('x', 'a.b', '1'), cq.exchange_publish('x', 'z', '"of x"')}), '1|1', "$name: exchanges");
	# topics
	my $polled = $sql->(q{SET client_min_messages = error; CREATE TEMP TABLE m AS SELECT cq.group_join('t', 'g', 'm');
		SELECT string_agg(body::text, ' ') FROM cq.topic_poll('t', 'g', 'm', 1000, auto_commit => true)});
	is(join(' ', sort { $a <=> $b } grep { /^\d+$/ } split ' ', "$filled->{polled} $polled"), join(' ', 1 .. 90),
		"$name: a group goes on at its offsets: every record once");
	like($polled, qr/"of x"/, "$name: and has what is new");
	is($sql->(q{SET client_min_messages = error; SELECT cq.topic_seek('t', 'g', 'earliest'); CREATE TEMP TABLE m AS SELECT cq.group_join('t', 'g', 'm');
		SELECT count(*) FROM cq.topic_poll('t', 'g', 'm', 1000)}) =~ s/\s//gr, '91', "$name: seek");
	is($sql->(qq{SELECT count(*) FROM unnest(string_to_array('$end', ' ')) WITH ORDINALITY AS e (o, p), cq.topic_read('t', p::int - 1, o::bigint, 10)}), '1',
		"$name: offsets go on");
	is($sql->(q{SELECT count(*) FROM cq.queue_take('t.s', 1000)}) > 80, 1, "$name: a shared group");
	# the cache
	is($sql->(q{SELECT cq.cache_set(key, 'v', tags => ARRAY[tag], lease => g.lease) FROM (VALUES ('tagged', 'w:1'), ('other', 'w:2')) AS k (key, tag), cq.cache_get_or_lease(key) AS g;
		SELECT cq.cache_get('tagged'), cq.cache_get('other');
		UPDATE watched SET v = 'eins' WHERE id = 1;
		SELECT cq.cache_get('tagged'), cq.cache_get('other'), cq.cache_get_jsonb('row 1')}),
		"t\nt\nv|v\n|v|{\"v\": \"eins\", \"id\": 1}", "$name: watches invalidate and write through");
	is($sql->(q{SELECT cq.cache_fetch('f', 'SELECT v FROM watched WHERE id = 2'); UPDATE watched SET v = 'zwei' WHERE id = 2;
		SELECT cq.cache_fetch('f', 'SELECT v FROM watched WHERE id = 2')}), qq{"two"\n"zwei"}, "$name: cached queries");
	is($sql->(q{SELECT cq.cache_incr('i'), cq.cache_incr('i', 5); SELECT cq.cache_delete('i'); SELECT count(*) > 0 FROM cq.cache_entries; SELECT hits > 0 FROM cq.stat_cache}),
		"1|6\nt\nt\nt", "$name: counters, statistics");
	is($sql->(q{SELECT namespace, key, error IS NOT NULL FROM cq.cache_dead_letters}), 'n|refused|t', "$name: dead letters of write-behind");
	is($sql->(q{ALTER TABLE target RENAME w TO v; SELECT cq.cache_flush('n'); SELECT k, v FROM target ORDER BY k}) =~ s/^\d*\n//r,
		"waiting|v\nwritten|v", "$name: write-behind goes on");
	is($sql->(q{SELECT cq.cache_set('new', 'w', namespace => 'n'); SELECT cq.cache_flush('n'); SELECT v FROM target WHERE k = 'new'}) =~ s/.*\n//sr, 'w', "$name: and has new ones");
	# channels
	is($sql->(qq{SELECT length(cq.channel_fetch('cq_ref:$filled->{payload}'))}), '9000', "$name: payloads");
	cmp_ok($sql->(q{SELECT cq.channel_publish('c', repeat('y', 9000));
		SELECT max(id) FROM (TABLE cq.channel_payload_0 UNION ALL TABLE cq.channel_payload_1) AS p}), '>', $filled->{payload}, "$name: and their numbers go on");
	# privileges
	is($sql->(q{SET ROLE worker; SELECT cq.queue_send('q', '1') > 0; SELECT count(*) FROM cq.queue_take('q', 2); SELECT cq.cache_set('k', 'v'); SELECT cq.cache_get('k', 'n')}),
		"t\n2\nt\n", "$name: privileges");
	for my $denied (q{cq.queue_purge('q')}, q{cq.topic_publish('t', '1')}, q{cq.cache_set('k', 'v', namespace => 'n')}, q{cq.exchange_publish('x', 'a', '1')})
	{
		my (undef, undef, $error) = $node->psql('app', "\\set VERBOSITY sqlstate\nSET ROLE worker; SELECT $denied");
		like($error, qr/42501/, "$name: others are refused: $denied");
	}
	is($sql->(q{SET ROLE app; SELECT cq.queue_revoke('q', 'worker', 'consume'), cq.queue_grant('q', 'worker', 'peek');
		SELECT privileges FROM cq.privileges WHERE object = 'q' AND role = 'worker'}) =~ s/.*\n//sr, 'peek', "$name: the owner grants");
	# segments, and objects, that are new
	$sql->(q{SELECT count(cq.queue_send('q', to_jsonb(i))) FROM generate_series(1, 200) AS i});
	is($sql->(q{SELECT count(*) FROM cq.queue_take('q', 100)}), '100', "$name: new segments");
	$sql->(q{SELECT cq.topic_publish('t', '1') FROM generate_series(1, 100); CALL cq.topic_maintain(); CALL cq.queue_maintain()});
	$sql->(q{SET ROLE app; SELECT cq.queue_create('more'), cq.topic_create('more'), cq.exchange_create('more', 'direct'), cq.namespace_create('more')});
}

# Nothing stays behind.
sub ends
{
	my ($name, $node) = @_;

	$node->safe_psql('app', 'DROP OWNED BY app CASCADE');
	is($node->safe_psql('app', q{SELECT (SELECT count(*) FROM cq.queue), (SELECT count(*) FROM cq.topic), (SELECT count(*) FROM pg_class WHERE relnamespace = 'cq'::regnamespace AND relname ~ '^[qt]\d+_')}),
		'0|0|0', "$name: DROP OWNED takes all along");
	$node->safe_psql('app', 'DROP EXTENSION cachequeue CASCADE');
	is($node->safe_psql('app', q{SELECT count(*) FROM pg_namespace WHERE nspname = 'cq'}), '0', "$name: and DROP EXTENSION the rest");
}
