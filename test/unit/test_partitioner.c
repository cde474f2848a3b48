/*-------------------------------------------------------------------------
 *
 * test_partitioner.c
 *	  Keys go to the partitions where a Kafka client would put them.
 *
 * The vectors of the hash are those of Kafka's own test
 * (clients/.../common/utils/UtilsTest.java).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "harness.h"
#include "topic/partitioner.c"

static const struct
{
	const char *key;
	int32		hash;
}			vectors[] = {
	{"21", -973932308},
	{"foobar", -790332482},
	{"a-little-bit-long-string", -985981536},
	{"a-little-bit-longer-string", -1486304829},
	{"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
	{"abc", 479470107},
};

static int32
hash_of(const char *key, int n)
{
	return (int32) cq_murmur2((const unsigned char *) key, n);
}

static void
test_vectors(void)
{
	for (int i = 0; i < (int) lengthof(vectors); i++)
	{
		const char *key = vectors[i].key;
		int			n = strlen(key);

		CHECK(hash_of(key, n) == vectors[i].hash);
		for (int partitions = 1; partitions <= 1024; partitions++)
			CHECK(cq_partition_of(key, n, partitions) ==
				  (vectors[i].hash & 0x7fffffff) % partitions);
	}
}

/* Every length of the tail, at every alignment, and bytes above 127. */
static void
test_bytes(void)
{
	char		buffer[64];
	int32		seen[41];

	for (int n = 0; n <= 40; n++)
	{
		for (int shift = 0; shift < 8; shift++)
		{
			int32		hash;

			memset(buffer, 0, sizeof(buffer));
			for (int i = 0; i < n; i++)
				buffer[shift + i] = (char) (200 + i);
			hash = hash_of(buffer + shift, n);
			if (shift == 0)
				seen[n] = hash;
			CHECK(hash == seen[n]);
		}
		for (int i = 0; i < n; i++)
			CHECK(seen[i] != seen[n]);
	}
}

/* The empty key is one; a zero byte counts. */
static void
test_empty(void)
{
	CHECK(cq_partition_of("", 0, 1) == 0);
	CHECK(cq_partition_of("", 0, 7) >= 0 && cq_partition_of("", 0, 7) < 7);
	CHECK(hash_of("", 0) != hash_of("\0", 1));
	CHECK(hash_of("\0", 1) != hash_of("\0\0", 2));
}

/* Keys are spread: no partition has twice its part of 20,000. */
static void
test_spread(void)
{
	int			count[16] = {0};
	char		key[16];

	for (int i = 0; i < 20000; i++)
	{
		snprintf(key, sizeof(key), "key%d", i);
		count[cq_partition_of(key, strlen(key), 16)]++;
	}
	for (int i = 0; i < 16; i++)
		CHECK(count[i] > 625 && count[i] < 2500);
}

int
main(void)
{
	run_test("the hash and the partition are Kafka's", test_vectors);
	run_test("the hash is of bytes, of any number", test_bytes);
	run_test("an empty key is a key", test_empty);
	run_test("keys are spread", test_spread);
	return failed_tests != 0;
}
