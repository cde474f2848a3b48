/*-------------------------------------------------------------------------
 *
 * fuzz_dispatch.c
 *	  Bytes as a history of a queue, compared with a naive one.
 *
 * The first byte chooses the kind of history, the others its steps, as the random
 * numbers of test_dispatch_model.c do; so a fuzzer can look for rare ones.
 *
 *	fuzz_dispatch			runs inputs made of fixed seeds; prints TAP
 *	fuzz_dispatch FILE...	runs these, aborts at a failure (AFL, or to repeat
 *							what a fuzzer found)
 *	test/unit/run fuzz dispatch		builds with -DCQ_LIBFUZZER, which leaves main
 *							to clang's libFuzzer
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "dispatch_play.h"
#include "random.h"

#define FUZZ_SEEDS 150
#define INPUT_BYTES 6000
#define STEPS_MAX 3000

typedef struct Input
{
	const uint8 *at;
	const uint8 *end;
} Input;

/* The next byte or two as a number; zeroes after the end. */
static uint32
choose(void *arg, uint32 below)
{
	Input	   *input = arg;
	uint32		number = 0;

	for (uint32 reach = 1; reach < below; reach *= 256)
		number = number << 8 | (input->at < input->end ? *input->at++ : 0);
	return number % below;
}

int			LLVMFuzzerTestOneInput(const uint8 *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	Input		input = {data, data + size};
	Play		play = {.choose = choose,.arg = &input};

	play.kind = &play_kinds[choose(&input, lengthof(play_kinds))];
	play_start(&play);
	while (input.at < input.end && play.step < STEPS_MAX && !play.failed)
		play_on(&play);
	CHECK(play_end_history(&play));
#ifdef CQ_LIBFUZZER
	if (failed_checks > 0)
		abort();
#endif
	return 0;
}

#ifndef CQ_LIBFUZZER

static void
test_seeds(void)
{
	for (uint64 seed = 1; seed <= FUZZ_SEEDS && failed_checks == 0; seed++)
	{
		static uint8 input[INPUT_BYTES];
		uint64		random = seed;

		for (int i = 0; i < INPUT_BYTES; i++)
			input[i] = next_random(&random) >> 32;
		LLVMFuzzerTestOneInput(input, next_random(&random) % INPUT_BYTES);
		if (failed_checks > 0)
			printf("# seed %d\n", (int) seed);
	}
}

static int
run_file(const char *path)
{
	static uint8 input[1024 * 1024];
	FILE	   *file = fopen(path, "rb");
	size_t		size;

	if (file == NULL)
	{
		perror(path);
		return 2;
	}
	size = fread(input, 1, sizeof(input), file);
	fclose(file);
	LLVMFuzzerTestOneInput(input, size);
	if (failed_checks > 0)
		abort();
	return 0;
}

int
main(int argc, char **argv)
{
	int			status = 0;

	for (int i = 1; i < argc && status == 0; i++)
		status = run_file(argv[i]);
	if (argc > 1)
		return status;
	run_test("bytes as a history, against a naive queue", test_seeds);
	return failed_tests > 0;
}

#endif							/* CQ_LIBFUZZER */
