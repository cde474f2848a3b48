/*-------------------------------------------------------------------------
 *
 * test_dispatch_model.c
 *	  Random histories of a queue, compared with a naive one.
 *
 *	test_dispatch_model				histories of all kinds, of fixed seeds
 *	test_dispatch_model KIND SEED	one of them again: the number of a kind in
 *									play_kinds, and what a failure has printed
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "dispatch_play.h"
#include "random.h"

#define SEEDS 40
#define STEPS 1500

static uint32
choose(void *arg, uint32 below)
{
	return (next_random(arg) >> 32) % below;
}

/* of all histories of a kind */
static int	delivered;

static bool
play_seed(int kind, uint64 seed)
{
	uint64		random = seed * 2 + 1;
	Play		play = {.kind = &play_kinds[kind],.choose = choose,.arg = &random};

	play_start(&play);
	while (play.step < STEPS && !play.failed)
		play_on(&play);
	delivered += play.oracle->delivered;
	if (play_end_history(&play))
		return true;
	printf("# repeat this with: test_dispatch_model %d %llu\n", kind,
		   (unsigned long long) seed);
	return false;
}

static int	kind_at_hand;

static void
test_kind(void)
{
	int			failed = 0;

	delivered = 0;
	for (uint64 seed = 1; seed <= SEEDS && failed < 3; seed++)
		failed += !play_seed(kind_at_hand, seed);
	CHECK(failed == 0);
	CHECK(delivered > SEEDS * STEPS / 50);
}

int
main(int argc, char **argv)
{
	char		name[200];

	if (argc == 3)
		return !play_seed(atoi(argv[1]), strtoull(argv[2], NULL, 10));
	for (kind_at_hand = 0; kind_at_hand < lengthof(play_kinds); kind_at_hand++)
	{
		snprintf(name, sizeof(name), "random histories against a naive queue: %s",
				 play_kinds[kind_at_hand].name);
		run_test(name, test_kind);
	}
	return failed_tests > 0;
}
