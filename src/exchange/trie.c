/*-------------------------------------------------------------------------
 *
 * trie.c
 *	  Which of many keys, or patterns of words, match a routing key.
 *
 * Words are what stands between dots; they may be empty.  The empty key has no
 * words at all.  In a pattern the word * stands for exactly one word, and # for
 * any number of words, none included.
 *
 *	patterns  a.b   a.*.c   #.c      nodes (root 0)
 *
 *		0 --a--> 1 --b--> 2				edges: one hash table for all nodes,
 *		|		 `--*--> 3 --c--> 4		by the parent and the word; * and #
 *		`-#-> 5* --c--> 6				stand in the parent itself
 *
 * The trie is run as the automaton that it is.  The state is a set of nodes,
 * those that the words so far may have led to.  A node that # leads to (5*) is
 * entered together with its parent, as # may stand for no word, and stays in
 * the set whatever word comes.  A node is in the set once, however many ways
 * lead to it: several # cost no more than one.
 *
 * Knows nothing of the server but palloc(), so that it can be tested alone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "exchange/trie.h"
#include "miscadmin.h"

#define ROOT 0
#define NO_NODE 0				/* the root is nobody's child */
#define NO_VALUE PG_UINT32_MAX

typedef struct TrieNode
{
	uint64		mark;			/* the step that entered it last */
	uint32		star;			/* child by * */
	uint32		many;			/* child by # */
	uint32		values;			/* the first of its values */
	bool		stays;			/* child of its parent by # */
} TrieNode;

typedef struct TrieValue
{
	void	   *value;
	uint32		next;
} TrieValue;

typedef struct TrieEdge
{
	uint32		word;			/* where it is in the text */
	uint32		bytes;
	uint32		hash;
	uint32		parent;
	uint32		child;			/* NO_NODE: the place is free */
} TrieEdge;

struct CqTrie
{
	TrieNode   *nodes;
	uint32	   *states[2];		/* each with room for all nodes */
	uint32		nnodes;
	uint32		max_nodes;
	TrieValue  *values;
	uint32		nvalues;
	uint32		max_values;
	TrieEdge   *edges;			/* open addressing */
	uint32		nedges;
	uint32		max_edges;		/* a power of two, at least twice nedges */
	char	   *text;			/* all keys and patterns, one after another */
	uint32		ntext;
	uint32		max_text;
	uint64		mark;			/* of the present step */
};

static uint32
hash_word(uint32 parent, const char *word, uint32 bytes)
{
	uint64		h = UINT64CONST(0xcbf29ce484222325) ^ parent;

	for (uint32 i = 0; i < bytes; i++)
		h = (h ^ (unsigned char) word[i]) * UINT64CONST(0x100000001b3);
	h ^= h >> 32;
	return (uint32) (h * UINT64CONST(0x9e3779b97f4a7c15) >> 32);
}

static uint32
add_node(CqTrie *trie)
{
	TrieNode   *node;

	if (trie->nnodes == trie->max_nodes)
	{
		trie->max_nodes *= 2;
		trie->nodes = repalloc(trie->nodes, trie->max_nodes * sizeof(TrieNode));
		for (int i = 0; i < 2; i++)
			trie->states[i] = repalloc(trie->states[i], trie->max_nodes * sizeof(uint32));
	}
	node = &trie->nodes[trie->nnodes];
	memset(node, 0, sizeof(*node));
	node->values = NO_VALUE;
	return trie->nnodes++;
}

CqTrie *
cq_trie_create(void)
{
	CqTrie	   *trie = palloc0(sizeof(CqTrie));

	trie->max_nodes = 16;
	trie->nodes = palloc(trie->max_nodes * sizeof(TrieNode));
	for (int i = 0; i < 2; i++)
		trie->states[i] = palloc(trie->max_nodes * sizeof(uint32));
	trie->max_values = 16;
	trie->values = palloc(trie->max_values * sizeof(TrieValue));
	trie->max_edges = 32;
	trie->edges = palloc0(trie->max_edges * sizeof(TrieEdge));
	trie->max_text = 256;
	trie->text = palloc(trie->max_text);
	(void) add_node(trie);
	return trie;
}

void
cq_trie_free(CqTrie *trie)
{
	pfree(trie->nodes);
	for (int i = 0; i < 2; i++)
		pfree(trie->states[i]);
	pfree(trie->values);
	pfree(trie->edges);
	pfree(trie->text);
	pfree(trie);
}

/* The edge, or the free place where it belongs. */
static TrieEdge *
edge_of(const CqTrie *trie, uint32 parent, const char *word, uint32 bytes, uint32 hash)
{
	for (uint32 i = hash;; i++)
	{
		TrieEdge   *edge = &trie->edges[i & (trie->max_edges - 1)];

		if (edge->child == NO_NODE ||
			(edge->hash == hash && edge->parent == parent && edge->bytes == bytes &&
			 memcmp(trie->text +edge->word, word, bytes) == 0))
			return edge;
	}
}

static uint32
child_of(const CqTrie *trie, uint32 parent, const char *word, uint32 bytes)
{
	return edge_of(trie, parent, word, bytes, hash_word(parent, word, bytes))->child;
}

static void
grow_edges(CqTrie *trie)
{
	TrieEdge   *old = trie->edges;
	uint32		n = trie->max_edges;

	trie->max_edges *= 2;
	trie->edges = palloc0(trie->max_edges * sizeof(TrieEdge));
	for (uint32 i = 0; i < n; i++)
	{
		if (old[i].child != NO_NODE)
			*edge_of(trie, old[i].parent, trie->text +old[i].word, old[i].bytes, old[i].hash) = old[i];
	}
	pfree(old);
}

/* The child by that word of the text, made if it isn't there. */
static uint32
make_child(CqTrie *trie, uint32 parent, const char *word, uint32 bytes)
{
	uint32		hash = hash_word(parent, word, bytes);
	TrieEdge   *edge;

	if ((trie->nedges + 1) * 2 > trie->max_edges)
		grow_edges(trie);
	edge = edge_of(trie, parent, word, bytes, hash);
	if (edge->child == NO_NODE)
	{
		edge->word = word - trie->text;
		edge->bytes = bytes;
		edge->hash = hash;
		edge->parent = parent;
		edge->child = add_node(trie);
		trie->nedges++;
	}
	return edge->child;
}

static uint32
make_star(CqTrie *trie, uint32 parent)
{
	if (trie->nodes[parent].star == NO_NODE)
	{
		uint32		child = add_node(trie);

		trie->nodes[parent].star = child;
	}
	return trie->nodes[parent].star;
}

static uint32
make_many(CqTrie *trie, uint32 parent)
{
	if (trie->nodes[parent].stays)	/* #.# is # */
		return parent;
	if (trie->nodes[parent].many == NO_NODE)
	{
		uint32		child = add_node(trie);

		trie->nodes[child].stays = true;
		trie->nodes[parent].many = child;
	}
	return trie->nodes[parent].many;
}

static void
add_value(CqTrie *trie, uint32 node, void *value)
{
	if (trie->nvalues == trie->max_values)
	{
		trie->max_values *= 2;
		trie->values = repalloc(trie->values, trie->max_values * sizeof(TrieValue));
	}
	trie->values[trie->nvalues].value = value;
	trie->values[trie->nvalues].next = trie->nodes[node].values;
	trie->nodes[node].values = trie->nvalues++;
}

/* A copy of the bytes in the text; good until the next one. */
static char *
keep(CqTrie *trie, const char *bytes, uint32 n)
{
	char	   *copy;

	if (trie->max_text - trie->ntext < n)
	{
		while (trie->max_text - trie->ntext < n)
			trie->max_text *= 2;
		trie->text = repalloc(trie->text, trie->max_text);
	}
	copy = trie->text +trie->ntext;
	memcpy(copy, bytes, n);
	trie->ntext += n;
	return copy;
}

void
cq_trie_add_key(CqTrie *trie, const char *key, int bytes, void *value)
{
	add_value(trie, make_child(trie, ROOT, keep(trie, key, bytes), bytes), value);
}

/* The end of the word that begins at p. */
static const char *
word_end(const char *p, const char *end)
{
	const char *dot = memchr(p, '.', end - p);

	return dot != NULL ? dot : end;
}

void
cq_trie_add_pattern(CqTrie *trie, const char *pattern, int bytes, void *value)
{
	const char *p = keep(trie, pattern, bytes);
	const char *end = p + bytes;
	uint32		node = ROOT;

	for (; bytes > 0; p++)
	{
		const char *next = word_end(p, end);

		if (next - p == 1 && *p == '*')
			node = make_star(trie, node);
		else if (next - p == 1 && *p == '#')
			node = make_many(trie, node);
		else
			node = make_child(trie, node, p, next - p);
		p = next;
		if (p == end)
			break;
	}
	add_value(trie, node, value);
}

static void
tell(const CqTrie *trie, uint32 node, CqTrieFound found, void *arg)
{
	for (uint32 i = trie->nodes[node].values; i != NO_VALUE; i = trie->values[i].next)
		found(trie->values[i].value, arg);
}

void
cq_trie_find_key(CqTrie *trie, const char *key, int bytes, CqTrieFound found, void *arg)
{
	uint32		child = child_of(trie, ROOT, key, bytes);

	if (child != NO_NODE)
		tell(trie, child, found, arg);
}

/* Put a node into the set, and what # leads to from there. */
static uint32
enter(CqTrie *trie, uint32 *states, uint32 n, uint32 node)
{
	do
	{
		TrieNode   *p = &trie->nodes[node];

		if (p->mark == trie->mark)
			break;
		p->mark = trie->mark;
		states[n++] = node;
		node = p->many;
	} while (node != NO_NODE);
	return n;
}

void
cq_trie_find_matching(CqTrie *trie, const char *key, int bytes,
					  CqTrieFound found, void *arg)
{
	const char *p = key;
	const char *end = key + bytes;
	int			side = 0;
	uint32		n;

	trie->mark++;
	n = enter(trie, trie->states[0], 0, ROOT);
	for (; bytes > 0 && n > 0; p++)
	{
		const char *next = word_end(p, end);
		uint32	   *from = trie->states[side];
		uint32	   *to = trie->states[1 - side];
		uint32		nto = 0;

		CHECK_FOR_INTERRUPTS();
		trie->mark++;
		for (uint32 i = 0; i < n; i++)
		{
			const TrieNode *node = &trie->nodes[from[i]];
			uint32		child = child_of(trie, from[i], p, next - p);

			if (node->stays)
				nto = enter(trie, to, nto, from[i]);
			if (node->star != NO_NODE)
				nto = enter(trie, to, nto, node->star);
			if (child != NO_NODE)
				nto = enter(trie, to, nto, child);
		}
		n = nto;
		side = 1 - side;
		p = next;
		if (p == end)
			break;
	}
	for (uint32 i = 0; i < n; i++)
		tell(trie, trie->states[side][i], found, arg);
}
