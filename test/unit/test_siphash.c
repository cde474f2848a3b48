/*-------------------------------------------------------------------------
 *
 * test_siphash.c
 *	  The hash is SipHash-2-4.
 *
 * The vectors are those of the reference implementation: the key has the bytes
 * 0 to 15, and message n the bytes 0 to n - 1.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/siphash.c"
#include "harness.h"

#define KEY0 UINT64CONST(0x0706050403020100)
#define KEY1 UINT64CONST(0x0f0e0d0c0b0a0908)

static const struct
{
	int			bytes;
	uint64		hash;
}			vectors[] = {
	{0, UINT64CONST(0x726fdb47dd0e0e31)},
	{1, UINT64CONST(0x74f839c593dc67fd)},
	{7, UINT64CONST(0xab0200f58b01d137)},
	{8, UINT64CONST(0x93f5f5799a932462)},
	{15, UINT64CONST(0xa129ca6149be45e5)},
};

static void
test_vectors(void)
{
	uint8		message[16];

	for (int i = 0; i < 16; i++)
		message[i] = i;
	for (int i = 0; i < (int) lengthof(vectors); i++)
		CHECK(cq_siphash(KEY0, KEY1, message, vectors[i].bytes) == vectors[i].hash);
}

static void
test_key(void)
{
	const uint8 message[25] = {0};

	CHECK(cq_siphash(KEY0, KEY1, message, 25) != cq_siphash(KEY0 + 1, KEY1, message, 25));
	CHECK(cq_siphash(KEY0, KEY1, message, 25) != cq_siphash(KEY0, KEY1 + 1, message, 25));
	CHECK(cq_siphash(KEY0, KEY1, message, 25) != cq_siphash(KEY0, KEY1, message, 24));
}

int
main(void)
{
	run_test("the hash is SipHash-2-4", test_vectors);
	run_test("it depends on the key and the length", test_key);
	return failed_tests != 0;
}
