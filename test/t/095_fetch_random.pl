# Random queries under random DDL, privileges, settings and changes, each answer of the
# cache compared with the query: test/soak/fetch_checker.pl, for as long as
# CQ_CHECKER_SECONDS says, or for 20,000 checks.
# also in extras: for longer

use strict;
use warnings;

use CqTest;

my $checks = $ENV{CQ_CHECKER_SECONDS} ? 0 : 20000;

run_checker('fetch_checker', 20, 0, 'every answer of the cache is that of the query', '',
	"--sessions 2 --checks $checks");
