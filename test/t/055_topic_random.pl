# Random load on a topic with groups, with sessions and the server killed, and
# every record accounted for: test/soak/topic_checker.pl, for as long as
# CQ_CHECKER_SECONDS says.
# also in extras: for longer

use strict;
use warnings;

use CqTest;

run_checker('topic_checker', 8, 1, 'all records are accounted for', <<'EOC');
restart_after_crash = on
log_statement = none
cachequeue.segment_rows = 300
EOC
