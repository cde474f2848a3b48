/*-------------------------------------------------------------------------
 *
 * test_trie.c
 *	  The trie of an exchange against a matcher that tries everything.
 *
 * Patterns and keys are random, of few and short words, some of them empty, so
 * that they match often and in many ways.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "exchange/trie.h"
#include "harness.h"

#define CASES 100000
#define KEYS 20					/* for each trie */
#define PATTERNS_MAX 12
#define WORDS_MAX 7
#define TEXT_MAX 64

typedef struct Words
{
	int			n;
	const char *word[WORDS_MAX + 1];
	int			bytes[WORDS_MAX + 1];
} Words;

static uint64 seed = 42;
static bool found[PATTERNS_MAX];
static int	matches;

static uint32
choose(uint32 n)
{
	return (next_random(&seed) >> 33) % n;
}

static void
split(const char *text, Words *words)
{
	words->n = 0;
	while (*text !='\0' || words->n > 0)
	{
		int			bytes = strcspn(text, ".");

		words->word[words->n] = text;

		words->bytes[words->n++] = bytes;
		if (text[bytes] == '\0')
			break;
		text	  +=bytes + 1;
	}
}

static bool
is_word(const Words *words, int i, const char *word, int bytes)
{
	return words->bytes[i] == bytes && memcmp(words->word[i], word, bytes) == 0;
}

/* Does the pattern from word p on match the key from word k on? */
static bool
naive(const Words *pattern, int p, const Words *key, int k)
{
	if (p == pattern->n)
		return k == key->n;
	if (is_word(pattern, p, "#", 1))
		return naive(pattern, p + 1, key, k) || (k < key->n && naive(pattern, p, key, k + 1));
	return k < key->n &&
		(is_word(pattern, p, "*", 1) || is_word(pattern, p, key->word[k], key->bytes[k])) &&
		naive(pattern, p + 1, key, k + 1);
}

static void
random_text(char *text, const char *const *words, int nwords)
{
	int			n = choose(WORDS_MAX + 1);

	text[		0] = '\0';

	for (int i = 0; i < n; i++)
	{
		if (i > 0)
			strcat(text, ".");
		strcat(text, words[choose(nwords)]);
	}
}

static void
note(void *value, void *arg)
{
	found[*(int *) value] = true;
}

static void
test_random(void)
{
	static const char *const in_patterns[] = {"a", "b", "", "*", "*", "#", "#", "ab", "*a", "##"};
	static const char *const in_keys[] = {"a", "b", "", "ab", "*", "#", "*a"};
	static int	numbers[PATTERNS_MAX];
	char		pattern[PATTERNS_MAX][TEXT_MAX];
	char		key[TEXT_MAX];
	Words		pattern_words[PATTERNS_MAX];
	Words		key_words;

	for (int round = 0; round < CASES / KEYS; round++)
	{
		CqTrie	   *trie = cq_trie_create();
		int			n = 1 + choose(PATTERNS_MAX);

		for (int i = 0; i < n; i++)
		{
			random_text(pattern[i], in_patterns, lengthof(in_patterns));
			split(pattern[i], &pattern_words[i]);
			numbers[i] = i;
			cq_trie_add_pattern(trie, pattern[i], strlen(pattern[i]), &numbers[i]);
		}
		for (int j = 0; j < KEYS; j++)
		{
			random_text(key, in_keys, lengthof(in_keys));
			split(key, &key_words);
			memset(found, 0, sizeof(found));
			cq_trie_find_matching(trie, key, strlen(key), note, NULL);
			for (int i = 0; i < n; i++)
			{
				bool		expected = naive(&pattern_words[i], 0, &key_words, 0);

				matches += expected;
				if (found[i] != expected)
				{
					printf("# pattern '%s', key '%s'\n", pattern[i], key);
					CHECK(found[i] == expected);
				}
			}
		}
		cq_trie_free(trie);
	}
	CHECK(matches > CASES / 2);
}

/* Whole keys: dots, stars and hashes mean nothing. */
static void
test_keys(void)
{
	static const char *const keys[] = {"", "a", "a.b", "*", "#", "a.*", "."};
	static int	numbers[lengthof(keys)];
	CqTrie	   *trie = cq_trie_create();

	for (int i = 0; i < lengthof(keys); i++)
	{
		numbers[i] = i;
		cq_trie_add_key(trie, keys[i], strlen(keys[i]), &numbers[i]);
	}
	for (int i = 0; i < lengthof(keys); i++)
	{
		memset(found, 0, sizeof(found));
		cq_trie_find_key(trie, keys[i], strlen(keys[i]), note, NULL);
		for (int j = 0; j < lengthof(keys); j++)
			CHECK(found[j] == (i == j));
	}
	memset(found, 0, sizeof(found));
	cq_trie_find_key(trie, "b", 1, note, NULL);
	for (int j = 0; j < lengthof(keys); j++)
		CHECK(!found[j]);
	cq_trie_free(trie);
}

/* 200 times #.a and 500 words: exponential for a matcher that tries everything. */
static void
test_many_hashes(void)
{
	static int	number = 0;
	char	   *pattern = calloc(1, 1000);
	char	   *key = calloc(1, 2000);
	CqTrie	   *trie = cq_trie_create();

	for (int i = 0; i < 200; i++)
		strcat(pattern, "#.a.");
	strcat(pattern, "b");
	for (int i = 0; i < 500; i++)
		strcat(key, "a.");
	strcat(key, "c");
	cq_trie_add_pattern(trie, pattern, strlen(pattern), &number);
	memset(found, 0, sizeof(found));
	for (int i = 0; i < 20; i++)
		cq_trie_find_matching(trie, key, strlen(key), note, NULL);
	CHECK(!found[0]);
	key[strlen(key) - 1] = 'b';
	cq_trie_find_matching(trie, key, strlen(key), note, NULL);
	CHECK(found[0]);
	cq_trie_free(trie);
	free(pattern);
	free(key);
}

/* More than anything was made room for, each under its own words. */
static void
test_growth(void)
{
	static int	number = 0;
	CqTrie	   *trie = cq_trie_create();
	char text[	TEXT_MAX];

	for (int i = 0; i < 20000; i++)
	{
		snprintf(text, sizeof(text), "w%d.*.x%d", i / 7, i);
		cq_trie_add_pattern(trie, text, strlen(text), &number);
	}
	for (int i = 0; i < 20000; i++)
	{
		snprintf(text, sizeof(text), "w%d.any.x%d", i / 7, i);
		found[0] = false;
		cq_trie_find_matching(trie, text, strlen(text), note, NULL);
		CHECK(found[0]);
		snprintf(text, sizeof(text), "w%d.any.x%d", i / 7 + 1, i);
		found[0] = false;
		cq_trie_find_matching(trie, text, strlen(text), note, NULL);
		CHECK(!found[0]);
	}
	cq_trie_free(trie);
}

int
main(void)
{
	run_test("trie: random patterns", test_random);
	run_test("trie: whole keys", test_keys);
	run_test("trie: many hashes", test_many_hashes);
	run_test("trie: growth", test_growth);
	return failed_tests != 0;
}
