# Who may call what: each function and procedure of schema cq stands in
# test/security/functions.txt with the roles that may execute it.  A new function fails
# this test until somebody has thought about that and written a line.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION cachequeue');

# Roles beside the extension's owner, "public" among them; "definer" marks a function
# that runs with its owner's rights.
my %there = map { split /\t/, $_, 2 } split /\n/, $node->safe_psql('postgres', <<'EOS');
SET search_path = pg_catalog;
SELECT p.oid::regprocedure || E'\t' || concat_ws(' ', coalesce(
	(SELECT string_agg(CASE WHEN a.grantee = 0 THEN 'public' ELSE a.grantee::regrole::text END, ' '
			ORDER BY a.grantee <> 0, a.grantee::regrole::text)
	 FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
	 WHERE a.grantee <> p.proowner AND a.privilege_type = 'EXECUTE'), 'owner'),
	CASE WHEN p.prosecdef THEN 'definer' END)
FROM pg_proc AS p WHERE p.pronamespace = 'cq'::regnamespace
EOS

my %expected;
for my $line (split /\n/, slurp_file('test/security/functions.txt'))
{
	next if $line =~ /^\s*(?:#|$)/;
	my ($function, $who) = $line =~ /^(.*\))\s+(\S.*)$/ or die "malformed line: $line\n";
	die "twice: $function\n" if exists $expected{$function};
	$expected{$function} = $who;
}

cmp_ok(scalar keys %there, '>', 100, 'functions are found');
for my $function (sort keys %there)
{
	is($there{$function}, $expected{$function} // 'no line in test/security/functions.txt', $function);
}
is(join("\n", grep { !exists $there{$_} } sort keys %expected), '', 'each line is about a function that exists');

is($node->safe_psql('postgres', <<'EOS'), '', 'who runs with the rights of the owner has a search_path of its own');
SELECT oid::regprocedure FROM pg_proc
WHERE pronamespace = 'cq'::regnamespace AND prosecdef
  AND NOT EXISTS (SELECT FROM unnest(proconfig) AS c WHERE c LIKE 'search\_path=%')
EOS
is($node->safe_psql('postgres', <<'EOS'), '0', 'the schema is closed to PUBLIC');
SELECT count(*) FROM pg_namespace, aclexplode(nspacl) AS a WHERE nspname = 'cq' AND a.grantee = 0
EOS

$node->stop;
done_testing();
