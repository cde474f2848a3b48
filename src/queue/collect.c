/*-------------------------------------------------------------------------
 *
 * collect.c
 *	  Reading a queue's tables.
 *
 * Segment by segment, the events first, into a hash of what became of each
 * message; then the messages, leaving out the settled ones and those that are
 * in memory.
 *
 * A dirty snapshot shows rows as of the moment they are read.  That the two passes
 * see different moments does no harm: a message can only
 * be settled after it was claimed, and a claim needs an entry in memory, which
 * the scan looks for before and after (scan.c).  What it avoids is a snapshot
 * that holds back vacuum while a long backlog is read, and predicate locks on
 * whole tables in serializable transactions.  Own changes count as in progress.
 *
 * Messages lie in the table roughly in the order of their numbers.	 A scan
 * that has what it wants goes on for SLACK_ROWS to catch stragglers from
 * transactions that took their numbers early and inserted late.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/subtrans.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "common/hashfn.h"
#include "core/compat.h"
#include "core/faults.h"
#include "executor/tuptable.h"
#include "message/message.h"
#include "miscadmin.h"
#include "queue/collect.h"
#include "queue/segment.h"
#include "storage/bufmgr.h"
#include "storage/procarray.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define SLACK_ROWS 8192

/*
 * So many messages of a group are as good as others; the rest is only loaded
 * when there is room left, lest a group that is blocked keeps others out.
 */
#define GROUP_RANK_MAX 16

/*
 * Messages that are settled, 64 of consecutive numbers in a word.  Nearly all
 * events say nothing else, and a segment has many times as many as there is
 * room for in memory.
 */
typedef struct SettledWord
{
	int64		number;			/* msg_id >> 6 */
	uint64		bits;
	char		status;			/* of the hash */
} SettledWord;

#define SH_PREFIX settled
#define SH_ELEMENT_TYPE SettledWord
#define SH_KEY_TYPE int64
#define SH_KEY number
#define SH_HASH_KEY(tb, key) murmurhash32((uint32) (key) ^ (uint32) ((key) >> 32))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* What else became of a message, according to its events. */
typedef struct History
{
	int64		msg_id;
	TimestampTz due;			/* of the latest failed attempt */
	int32		attempts;
	char		status;			/* of the hash */
	bool		moved;
	int32		lease_attempts; /* of the latest durable lease */
	TimestampTz lease_until;
	uint32		nonce;
	char		pending_kind;	/* event in progress, CQ_EVENT_SETTLED or
								 * FAILED; 0: none */
	int32		pending_attempts;
	TimestampTz pending_due;
	TransactionId pending_xid;
} History;

#define SH_PREFIX history
#define SH_ELEMENT_TYPE History
#define SH_KEY_TYPE int64
#define SH_KEY msg_id
#define SH_HASH_KEY(tb, key) murmurhash32((uint32) (key) ^ (uint32) ((key) >> 32))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* What the events of a segment say. */
typedef struct Events
{
	settled_hash *settled;
	SettledWord *word;			/* the latest one that was looked up */
	history_hash *histories;
} Events;

/* Candidates of a group. */
typedef struct GroupCount
{
	uint64		hash;
	uint32		n;
	char		status;
} GroupCount;

#define SH_PREFIX group
#define SH_ELEMENT_TYPE GroupCount
#define SH_KEY_TYPE uint64
#define SH_KEY hash
#define SH_HASH_KEY(tb, key) ((uint32) ((key) ^ ((key) >> 32)))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static int
by_number(const void *a, const void *b)
{
	int64		x = ((const CqCandidate *) a)->msg_id;
	int64		y = ((const CqCandidate *) b)->msg_id;

	return (x > y) - (x < y);
}

static int
by_due(const void *a, const void *b)
{
	TimestampTz x = ((const CqCandidate *) a)->due;
	TimestampTz y = ((const CqCandidate *) b)->due;

	if (x != y)
		return (x > y) - (x < y);
	return by_number(a, b);
}

/* Those far back in their group come last. */
static int
by_priority(const void *a, const void *b)
{
	const CqCandidate *x = a;
	const CqCandidate *y = b;
	bool		x_back = x->rank >= GROUP_RANK_MAX;
	bool		y_back = y->rank >= GROUP_RANK_MAX;

	if (x_back != y_back)
		return x_back ? 1 : -1;
	if (x->priority != y->priority)
		return (x->priority < y->priority) - (x->priority > y->priority);
	return by_number(a, b);
}

static void
sort(CqCandidates *candidates)
{
	if (candidates->n > 1)
		qsort(candidates->items, candidates->n, sizeof(CqCandidate), by_number);
}

CqCandidate *
cq_candidates_find(const CqCandidates *candidates, int64 msg_id)
{
	int64		low = 0;
	int64		high = candidates->n;

	while (low < high)
	{
		int64		middle = (low + high) / 2;

		if (candidates->items[middle].msg_id < msg_id)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < candidates->n && candidates->items[low].msg_id == msg_id)
		return &candidates->items[low];
	return NULL;
}

static bool
is_known(const CqScan *scan, int64 msg_id)
{
	uint32		low = 0;
	uint32		high = scan->nknown;

	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;

		if (scan->known[middle] < msg_id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < scan->nknown && scan->known[low] == msg_id;
}

void
cq_candidate_leave(CqScan *scan, const CqCandidate *c)
{
	BlockNumber block = ItemPointerGetBlockNumber(&c->tid);
	BlockNumber *left = &scan->left.from[c->segment];

	if (*left == InvalidBlockNumber || block < *left)
		*left = block;
	scan->left.expires = cq_earlier(scan->left.expires, c->expires);
	scan->left.amount.n++;
	scan->left.amount.bytes += c->bytes;
	if (c->due == 0)
	{
		scan->left.ready = true;
		scan->left.priorities |= CQ_PRIORITY_BIT(c->priority);
	}
	else
	{
		scan->left.delayed++;
		scan->left.due = cq_earlier(scan->left.due, c->due);
	}
}

/* Keep the best 'limit' candidates. */
static void
cut(CqScan *scan, CqCandidates *list)
{
	if (list->limit == 0 || list->n <= list->limit)
		return;
	qsort(list->items, list->n, sizeof(CqCandidate),
		  list == &scan->delayed ? by_due : by_priority);
	while (list->n > list->limit)
		cq_candidate_leave(scan, &list->items[--list->n]);
}

static void
add(CqScan *scan, CqCandidates *list, const CqCandidate *c)
{
	if (list->n == list->capacity)
	{
		if (list->limit > 0 && list->n >= list->limit * 2)
			cut(scan, list);
		else
		{
			list->capacity = Max(list->capacity * 2, 256);
			if (list->items == NULL)
				list->items = MemoryContextAllocHuge(scan->context,
													 list->capacity * sizeof(CqCandidate));
			else
				list->items = repalloc_huge(list->items,
											list->capacity * sizeof(CqCandidate));
		}
	}
	list->items[list->n++] = *c;
}

/*
 * The transaction that wrote the row in the slot: InvalidTransactionId for one that has
 * committed, else the top transaction in progress.
 */
static TransactionId
writer_in_progress(TupleTableSlot *slot, const SnapshotData *dirty)
{
	if (TransactionIdIsValid(dirty->xmin))
		return SubTransGetTopmostTransaction(dirty->xmin);
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
	{
		bool		isnull;
		TransactionId xmin;

		xmin = DatumGetTransactionId(slot_getsysattr(slot, MinTransactionIdAttributeNumber,
													 &isnull));
		if (TransactionIdIsCurrentTransactionId(xmin))
			return GetTopTransactionIdIfAny();
	}
	return InvalidTransactionId;
}

static void
note_settled(Events *events, int64 id)
{
	SettledWord *word = events->word;

	if (word == NULL || word->number != id >> 6)
	{
		bool		found;

		word = settled_insert(events->settled, id >> 6, &found);
		if (!found)
			word->bits = 0;
		events->word = word;
	}
	word->bits |= UINT64CONST(1) << (id & 63);
}

static bool
is_settled(Events *events, int64 id)
{
	if (events->word == NULL || events->word->number != id >> 6)
	{
		SettledWord *word = settled_lookup(events->settled, id >> 6);

		if (word == NULL)
			return false;
		events->word = word;
	}
	return (events->word->bits >> (id & 63)) & 1;
}

static History *
history_of(Events *events, int64 id)
{
	bool		found;
	History    *history = history_insert(events->histories, id, &found);

	if (!found)
	{
		char		status = history->status;

		memset(history, 0, sizeof(*history));
		history->msg_id = id;
		history->status = status;
	}
	return history;
}

static void
note_event(Events *events, TupleTableSlot *slot, TransactionId xid)
{
	bool		no_due;
	char		kind;
	int32		attempts;
	TimestampTz due;
	uint32		nonce = 0;
	ArrayType  *array;
	int64	   *ids;
	int			n;

	slot_getallattrs(slot);
	kind = DatumGetChar(slot->tts_values[CQ_EVENT_KIND - 1]);
	array = DatumGetArrayTypeP(slot->tts_values[CQ_EVENT_IDS - 1]);
	attempts = slot->tts_isnull[CQ_EVENT_ATTEMPT - 1] ? 0 :
		DatumGetInt32(slot->tts_values[CQ_EVENT_ATTEMPT - 1]);
	no_due = slot->tts_isnull[CQ_EVENT_DUE - 1];
	due = no_due ? 0 : DatumGetTimestampTz(slot->tts_values[CQ_EVENT_DUE - 1]);
	if (kind == CQ_EVENT_LEASED)
		nonce = strtoul(TextDatumGetCString(slot->tts_values[CQ_EVENT_ERROR - 1]), NULL, 10);
	ids = (int64 *) ARR_DATA_PTR(array);
	n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));

	for (int i = 0; i < n; i++)
	{
		int64		id;
		History    *history;

		memcpy(&id, &ids[i], sizeof(id));
		if (TransactionIdIsValid(xid) && kind == CQ_EVENT_LEASED)
			continue;			/* the delivery is not certain: not lost */
		if (TransactionIdIsValid(xid))
		{
			history = history_of(events, id);
			history->pending_kind = kind;
			history->pending_xid = xid;
			history->pending_attempts = attempts;
			history->pending_due = due;
		}
		else if (kind == CQ_EVENT_SETTLED)
			note_settled(events, id);
		else if (kind == CQ_EVENT_MOVED)
		{
			note_settled(events, id);
			history_of(events, id)->moved = true;
		}
		else if (kind == CQ_EVENT_LEASED)
		{
			history = history_of(events, id);
			if (attempts > history->lease_attempts ||
				(attempts == history->lease_attempts && due > history->lease_until))
			{
				history->lease_attempts = attempts;
				history->lease_until = due;
				history->nonce = nonce;
			}
		}
		else
		{
			history = history_of(events, id);
			if (attempts >= history->attempts)
			{
				history->attempts = attempts;
				history->due = due;
			}
		}
	}
	if ((Pointer) array != DatumGetPointer(slot->tts_values[CQ_EVENT_IDS - 1]))
		pfree(array);
}

static void
read_events(CqScan *scan, Relation rel, TupleTableSlot *slot, Events *events)
{
	SnapshotData dirty;
	TableScanDesc tablescan;

	events->settled = settled_create(scan->context, 256, NULL);
	events->histories = history_create(scan->context, 256, NULL);
	events->word = NULL;
	InitDirtySnapshot(dirty);
	tablescan = table_beginscan_strat(rel, &dirty, 0, NULL, true, false);
	while (table_scan_getnextslot(tablescan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		note_event(events, slot, writer_in_progress(slot, &dirty));
	}
	table_endscan(tablescan);
	ExecClearTuple(slot);
}

/* A transaction that was in progress a moment ago. */
typedef enum WriterState
{
	WRITER_LIVE,				/* its backend will tell, or has told, what
								 * becomes of its messages */
	WRITER_PREPARED,			/* no backend will */
	WRITER_COMMITTED,
	WRITER_ABORTED
} WriterState;

static WriterState
writer_state(TransactionId xid)
{
	if (TransactionIdIsCurrentTransactionId(xid) || BackendXidGetPid(xid) != 0)
		return WRITER_LIVE;
	if (TransactionIdIsInProgress(xid))
		return WRITER_PREPARED;
	/* which of the two above it was does not matter: entries are found */
	return TransactionIdDidCommit(xid) ? WRITER_COMMITTED : WRITER_ABORTED;
}

/* How many candidates of its group there are already. */
static void
rank(CqScan *scan, CqCandidate *c)
{
	if (c->group != 0)
	{
		GroupCount *count;
		bool		found;

		if (scan->groups == NULL)
			scan->groups = group_create(scan->context, 256, NULL);
		count = group_insert(scan->groups, c->group, &found);
		c->rank = found ? count->n : 0;
		count->n = c->rank + 1;
	}
	scan->useful += (c->rank < GROUP_RANK_MAX);
}

/* What the message itself says. */
static void
read_columns(TupleTableSlot *slot, CqCandidate *c)
{
	Datum		key;
	bool		isnull;

	c->attempts = DatumGetInt32(slot_getattr(slot, CQ_MESSAGE_ATTEMPTS, &isnull));
	c->priority = DatumGetInt16(slot_getattr(slot, CQ_MESSAGE_PRIORITY, &isnull));
	c->bytes = cq_message_bytes(slot);
	c->expires = DatumGetTimestampTz(slot_getattr(slot, CQ_MESSAGE_EXPIRES_AT, &isnull));
	if (isnull)
		c->expires = 0;
	key = slot_getattr(slot, CQ_MESSAGE_KEY, &isnull);
	if (!isnull)
		c->group = cq_group_hash(DatumGetTextPP(key));
	c->due = DatumGetTimestampTz(slot_getattr(slot, CQ_MESSAGE_DELIVER_AT, &isnull));
	if (isnull)
		c->due = 0;
}

/* What its committed events add to that. */
static void
add_history(const CqScan *scan, const History *history, TimestampTz now, CqCandidate *c)
{
	if (history != NULL && history->lease_attempts > history->attempts)
	{
		c->attempts = Max(c->attempts, history->lease_attempts);
		c->due = 0;
		if (history->lease_until > now && !scan->loaded)
		{
			c->lease_until = history->lease_until;
			c->nonce = history->nonce;
		}
	}
	else if (history != NULL && history->attempts > 0)
	{
		c->attempts = Max(c->attempts, history->attempts);
		c->due = history->due;
	}
	if (c->due <= now)
		c->due = 0;
}

/*
 * A message whose sender, xid, was in progress when its row was read: false unless
 * it has committed by now.
 */
static bool
note_sender(CqScan *scan, TransactionId xid, CqCandidate *c)
{
	WriterState writer = scan->dirty ? writer_state(xid) : WRITER_LIVE;

	if (writer == WRITER_PREPARED)
	{
		c->xid = xid;
		add(scan, &scan->pending, c);
	}
	return writer == WRITER_COMMITTED;
}

/* One that has an event in progress: false unless it is to be delivered again. */
static bool
note_settler(CqScan *scan, const History *history, TimestampTz now, CqCandidate *c)
{
	switch (writer_state(history->pending_xid))
	{
		case WRITER_LIVE:
			/* purged by a transaction that is open: unloaded until it ends */
			scan->left.amount.n++;
			scan->left.amount.bytes += c->bytes;
			return false;
		case WRITER_PREPARED:
			c->xid = history->pending_xid;
			c->pending_kind = history->pending_kind;
			c->attempts = Max(c->attempts, history->pending_attempts);
			c->due = history->pending_due;
			add(scan, &scan->pending, c);
			return false;
		case WRITER_COMMITTED:
			if (history->pending_kind != CQ_EVENT_FAILED)
				return false;
			c->attempts = Max(c->attempts, history->pending_attempts);
			c->due = (history->pending_due > now) ? history->pending_due : 0;
			return true;
		case WRITER_ABORTED:
			break;
	}
	return true;
}

/* Put a committed, unsettled message into its list. */
static void
classify(CqScan *scan, CqCandidate *c)
{
	if (c->lease_until != 0 ||
		(c->due != 0 && c->group != 0 && c->attempts > 0 &&
		 scan->def->options.group_concurrency == 1))
		add(scan, &scan->busy, c);
	else if (c->due != 0)
		add(scan, &scan->delayed, c);
	else
	{
		rank(scan, c);
		add(scan, &scan->ready, c);
	}
}

/* A message of the archive: settled, and not moved. */
static void
note_archived(CqScan *scan, const History *history, CqCandidate *c)
{
	if (history != NULL && history->moved)
		return;
	c->attempts = (history == NULL) ? 0 : history->attempts;
	add(scan, &scan->ready, c);
}

/*
 * See what is to be done with the message in the slot, of segment k.  xid: its
 * sender, if in progress.
 */
static void
note_message(CqScan *scan, int k, Events *events, TupleTableSlot *slot,
			 TransactionId xid, TimestampTz now)
{
	CqCandidate c = {0};
	const History *history;
	bool		settled;
	bool		isnull;

	c.msg_id = DatumGetInt64(slot_getattr(slot, CQ_MESSAGE_ID, &isnull));
	c.segment = k;
	c.tid = slot->tts_tid;
	scan->seen[k]++;
	scan->highest[k] = Max(scan->highest[k], c.msg_id);
	if (scan->lowest[k] == 0 || c.msg_id < scan->lowest[k])
		scan->lowest[k] = c.msg_id;

	settled = is_settled(events, c.msg_id);
	if (settled != scan->archived || (!settled && is_known(scan, c.msg_id)))
		return;
	history = history_lookup(events->histories, c.msg_id);
	if (scan->archived)
	{
		note_archived(scan, history, &c);
		return;
	}
	read_columns(slot, &c);
	add_history(scan, history, now, &c);
	if (TransactionIdIsValid(xid))
	{
		if (!note_sender(scan, xid, &c))
			return;
	}
	else if (history != NULL && history->pending_kind != 0)
	{
		if (!note_settler(scan, history, now, &c))
			return;
	}
	classify(scan, &c);
}

/*
 * Read the messages of segment k.  Returns false when the scan has what it
 * wants; then left.from[k] is the block it has come to.
 */
static bool
read_messages(CqScan *scan, int k, Relation rel, Events *events,
			  TupleTableSlot *slot)
{
	SnapshotData dirty;
	TableScanDesc tablescan;
	ItemPointerData first;
	ItemPointerData last;
	TimestampTz now = GetCurrentTimestamp();
	int64		slack = SLACK_ROWS;
	bool		more = true;

	scan->left.nblocks[k] = RelationGetNumberOfBlocks(rel);
	if (scan->from[k] >= scan->left.nblocks[k])
		return true;
	ItemPointerSet(&first, scan->from[k], FirstOffsetNumber);
	ItemPointerSet(&last, MaxBlockNumber, MaxOffsetNumber);
	InitDirtySnapshot(dirty);
	tablescan = cq_tidrange_beginscan(rel, &dirty, &first, &last);
	while (table_scan_getnextslot_tidrange(tablescan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		if (!scan->left.everything && !scan->mixed &&
			scan->useful >= scan->ready.limit && --slack < 0)
		{
			BlockNumber block = ItemPointerGetBlockNumber(&slot->tts_tid);

			scan->left.from[k] = Min(scan->left.from[k], block);
			scan->left.ready = true;
			scan->left.priorities |= scan->priorities;
			more = false;
			break;
		}
		note_message(scan, k, events, slot, writer_in_progress(slot, &dirty), now);
	}
	table_endscan(tablescan);
	ExecClearTuple(slot);
	return more;
}

/* The segments to read, in the order of their first numbers. */
static int
order_segments(const CqScan *scan, int *order)
{
	int			n = 0;

	for (int k = 0; k < scan->def->nsegments; k++)
	{
		int			at = n;

		if (scan->from[k] == InvalidBlockNumber)
			continue;
		while (at > 0 && scan->first_id[order[at - 1]] > scan->first_id[k])
		{
			order[at] = order[at - 1];
			at--;
		}
		order[at] = k;
		n++;
	}
	return n;
}

void
cq_collect(CqScan *scan)
{
	int			order[CQ_SEGMENTS_MAX];
	Relation	messages[CQ_SEGMENTS_MAX];
	Relation	events[CQ_SEGMENTS_MAX];
	int			n = order_segments(scan, order);
	bool		more = true;

	/* both tables of a segment, so that it isn't truncated between them */
	for (int i = 0; i < n; i++)
	{
		messages[i] = cq_segment_open(scan->def, scan->def->messages[order[i]],
									  AccessShareLock);
		events[i] = cq_segment_open(scan->def, scan->def->events[order[i]],
									AccessShareLock);
	}

	for (int i = 0; i < n; i++)
	{
		int			k = order[i];
		TupleTableSlot *slot;
		Events		found;

		if (!more)
		{
			scan->left.from[k] = scan->from[k];
			continue;			/* left.ready is set */
		}
		slot = table_slot_create(events[i], NULL);
		read_events(scan, events[i], slot, &found);
		ExecDropSingleTupleTableSlot(slot);
		CQ_PAUSE("queue-scan");

		slot = table_slot_create(messages[i], NULL);
		more = read_messages(scan, k, messages[i], &found, slot);
		ExecDropSingleTupleTableSlot(slot);
		settled_destroy(found.settled);
		history_destroy(found.histories);
	}
	for (int i = 0; i < n; i++)
	{
		table_close(messages[i], AccessShareLock);
		table_close(events[i], AccessShareLock);
	}
	scan->left.complete = more;
	cut(scan, &scan->ready);
	cut(scan, &scan->delayed);
	sort(&scan->ready);
	sort(&scan->delayed);
	sort(&scan->pending);
	sort(&scan->busy);
}
