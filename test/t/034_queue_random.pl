# Random load on a queue, with sessions and the server killed, and every message
# accounted for: test/soak/queue_checker.pl, for as long as CQ_CHECKER_SECONDS
# says.
# also in extras: for longer

use strict;
use warnings;

use CqTest;

run_checker('queue_checker', 10, 2, 'all messages are accounted for', <<'EOC');
restart_after_crash = on
log_statement = none
cachequeue.queue_memory = 1MB
cachequeue.segment_rows = 300
EOC
