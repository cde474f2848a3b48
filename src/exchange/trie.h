/*-------------------------------------------------------------------------
 *
 * trie.h
 *	  Which of many keys, or patterns of words, match a routing key.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_EXCHANGE_TRIE_H
#define CQ_EXCHANGE_TRIE_H

typedef struct CqTrie CqTrie;

/* Told of each value that matches; may be told of one several times. */
typedef void (*CqTrieFound) (void *value, void *arg);

/* An empty trie in the present memory context, where all of it will be. */
extern CqTrie *cq_trie_create(void);

/* Free it; needless where its memory context goes. */
extern void cq_trie_free(CqTrie *trie);

/*
 * Add a value under a key, which is found by the very same bytes; or under a
 * pattern of words, which is found by keys that it matches.  A trie holds keys
 * or patterns, not both.
 */
extern void cq_trie_add_key(CqTrie *trie, const char *key, int bytes, void *value);
extern void cq_trie_add_pattern(CqTrie *trie, const char *pattern, int bytes, void *value);

/*
 * Find the values of a key, or those of all patterns that match it.  At most as
 * many steps as the key has words times the trie has nodes.  Not reentrant for
 * the same trie.
 */
extern void cq_trie_find_key(CqTrie *trie, const char *key, int bytes,
							 CqTrieFound found, void *arg);
extern void cq_trie_find_matching(CqTrie *trie, const char *key, int bytes,
								  CqTrieFound found, void *arg);

#endif							/* CQ_EXCHANGE_TRIE_H */
