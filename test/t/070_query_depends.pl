# What a cached result depends on.  Each rule on it matters: the same history is played with
# the rule and without it (setting cachequeue.fault of a debug build).  With the rule the
# query is refused or the change noticed; without it a stale result is served.
#
#	rule left out        what it stands for
#	no-aggregate-check   an aggregate is what its functions are
#	no-constraints       a value that becomes one of a domain is checked
#	no-defaults          arguments that a call leaves out are evaluated
#	no-families          so are functions of operator classes
#	no-children          a query reads the children of its tables
#	no-objects           a result depends on the functions and types that it uses
#	no-output-check      the text of a value may change while the value does not
#	no-system-columns    a row is moved and locked unnoticed
#	no-temporary-check   changes of temporary objects are not noticed
#	text-key             (added:) an argument is in the key as text
#
# A node that the search of a query's tree does not know is refused, whichever it is: with
# the switch forget-node:NAME it does not know that one.  So each query of the list in
# test/sql/include/fetch_nodes.sql also shows that it has the node it is listed for, and the
# list has each node that is known.

use strict;
use warnings;

use CqFault;
use PostgreSQL::Test::Utils;
use Test::More;

my $before = q{CREATE FUNCTION pg_temp.f() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1'};

# Cached, changed, and read again by the same session or by another one: is it right?
sub play
{
	my ($query, $change, $args, $by_other) = @_;
	my ($one, $two) = (faulty(), faulty());
	my $look = sprintf(q{SELECT look('%s', '%s')}, $query =~ s/'/''/gr, $args // '{}');

	$_->query('SET search_path = depends') for ($one, $two);
	$one->query($before) if $query =~ /pg_temp/;
	my $result = $by_other ? 'right' : $one->query($look);
	if ($result eq 'right')
	{
		$one->query($_) for @$change;
		$one->query($look) if $by_other;
		$result = ($by_other ? $two : $one)->query($look);
	}
	$_->quit for ($one, $two);
	return $result;
}

my $node = CqFault::start('', \&play);
my $setup = <<'SQL';
CREATE EXTENSION cachequeue;
CREATE SCHEMA depends;
SET search_path = depends;
CREATE TABLE item (id int PRIMARY KEY, rel regclass);
INSERT INTO item VALUES (1, NULL), (2, NULL);
CREATE TABLE named ();
CREATE TABLE factor (f int);
INSERT INTO factor VALUES (1);
SELECT cq.cache_watch('item'), cq.cache_watch('factor');
CREATE FUNCTION look(query text, args text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	cached jsonb;
	truth jsonb;
BEGIN
	BEGIN
		cached := cq.cache_fetch('k', query, args);
	EXCEPTION WHEN feature_not_supported THEN
		RETURN 'refused';
	WHEN check_violation THEN
		RETURN 'right';
	END;
	EXECUTE format('SELECT to_jsonb(q) FROM (%s) AS q (q)', replace(query, '$1', quote_nullable(args[1]))) INTO truth;
	RETURN CASE WHEN cached IS NOT DISTINCT FROM truth THEN 'right' ELSE 'wrong' END;
EXCEPTION WHEN check_violation THEN
	RETURN 'wrong';
END $$;
CREATE FUNCTION factor() RETURNS int STABLE LANGUAGE sql AS 'SELECT f FROM depends.factor';
CREATE FUNCTION add(int, int) RETURNS int STABLE LANGUAGE sql AS 'SELECT $1 + $2 * depends.factor()';
CREATE AGGREGATE total(int) (SFUNC = add, STYPE = int, INITCOND = '0');
CREATE FUNCTION times(int, int DEFAULT factor()) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 * $2';
CREATE FUNCTION is_small(int) RETURNS bool STABLE LANGUAGE sql AS 'SELECT $1 < 10 * depends.factor()';
CREATE DOMAIN small AS int CHECK (is_small(VALUE));
CREATE TYPE word AS (w int);
CREATE FUNCTION word_cmp(word, word) RETURNS int STABLE LANGUAGE sql AS 'SELECT depends.factor() * btint4cmp(($1).w, ($2).w)';
CREATE FUNCTION word_lt(word, word) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT ($1).w < ($2).w';
CREATE OPERATOR <<< (LEFTARG = word, RIGHTARG = word, FUNCTION = word_lt);
CREATE OPERATOR CLASS word_ops DEFAULT FOR TYPE word USING btree AS OPERATOR 1 <<<, FUNCTION 1 word_cmp(word, word);
CREATE FUNCTION answer() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 42';
SQL

# Restores what the histories change.
my $again = <<'SQL';
SET search_path = depends;
UPDATE factor SET f = 1;
DROP TABLE IF EXISTS named, named2;
CREATE TABLE named ();
UPDATE item SET rel = 'named';
CREATE OR REPLACE FUNCTION answer() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 42';
SQL

sub depends
{
	my ($rule, $right, @history) = @_;

	for my $left_out ('', $rule)
	{
		$node->safe_psql('postgres', $again);
		$fault = $left_out;
		is(play(@history), $left_out ? 'wrong' : $right,
			$left_out ? "without: $rule" : "with the rule: $rule");
	}
}

$node->safe_psql('postgres', $setup);
my $factor = [ 'UPDATE factor SET f = -1' ];
depends('no-aggregate-check', 'refused', 'SELECT total(id) FROM item', $factor);
depends('no-defaults', 'refused', 'SELECT times(id) FROM item WHERE id = 2', $factor);
depends('no-constraints', 'refused', 'SELECT id::small FROM item WHERE id = 1', $factor);
depends('no-families', 'refused', 'SELECT greatest(ROW(1)::word, ROW(2)::word)', $factor);
depends('no-output-check', 'refused', 'SELECT rel::text FROM item WHERE id = 1',
	['ALTER TABLE named RENAME TO named2']);
depends('no-system-columns', 'refused', 'SELECT ctid FROM item WHERE id = 2', ['VACUUM FULL item']);
depends('no-children', 'right', 'SELECT count(*) FROM item',
	[ 'CREATE TEMP TABLE mine () INHERITS (item)', 'INSERT INTO mine VALUES (3)' ],
	'{}', 'by another');
depends('no-objects', 'right', 'SELECT answer() FROM item WHERE id = 1',
	[ q{CREATE OR REPLACE FUNCTION answer() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 43'} ]);
depends('no-temporary-check', 'refused', 'SELECT pg_temp.f()',
	[ q{CREATE OR REPLACE FUNCTION pg_temp.f() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 2'} ]);
depends('text-key', 'right', 'SELECT count(*) FROM item WHERE rel = $1::regclass',
	[ 'DROP TABLE named', 'CREATE TABLE named ()' ], '{named}');

# nodes
$fault = '';
my $list = slurp_file('test/sql/include/fetch_nodes.sql') =~ s/^\\set.*$//mgr;
$node->safe_psql('postgres', $list);
my %listed = map { $_ => 1 } split /\n/,
  $node->safe_psql('postgres', q{SELECT DISTINCT node FROM fetch_test.cases WHERE node !~ '^-'});
my %known = map { $_ => 1 } slurp_file('src/query/walk.c') =~ /\bNODE\((\w+), (?:true|false)/g;
my $version = $node->safe_psql('postgres', 'SHOW server_version_num') / 10000;
my @later = $version < 16 ? qw(JsonConstructorExpr JsonIsPredicate JsonValueExpr) : ();
push @later, qw(JsonBehavior JsonExpr) if $version < 17;
delete @known{@later};
is(join(' ', sort keys %listed), join(' ', sort keys %known), 'each known node has a query');

for my $name (sort keys %listed)
{
	is($node->safe_psql('postgres', <<"SQL"), '', "without: $name");
SET search_path = fetch_test;
SET cachequeue.fault = 'forget-node:$name';
SELECT query, outcome_or_error(query, args) FROM cases
WHERE node = '$name' AND outcome_or_error(query, args) NOT LIKE 'with a node %';
SQL
}
$node->stop;

done_testing();
