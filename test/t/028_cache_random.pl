# Random histories, every hit compared with the table under the same snapshot:
# test/soak/cache_checker.pl, for as long as CQ_CHECKER_SECONDS says.
# also in extras: for longer

use strict;
use warnings;

use CqTest;

run_checker('cache_checker', 10, 0, 'no hit contradicts the table', '');
