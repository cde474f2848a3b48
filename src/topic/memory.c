/*-------------------------------------------------------------------------
 *
 * memory.c
 *	  The topics' part of shared memory.
 *
 * All that is here can be read from the tables again, but for the members of
 * groups: they end with the server.
 *
 * When the pool is used up, a transaction that publishes is counted as one of the
 * partition's untracked ones, of which only the number and a lower bound of their
 * offsets are known: readers may wait longer than they must, and skip nothing.
 * Whatever else finds no cell raises an error.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/compat.h"
#include "core/dbworker.h"
#include "core/faults.h"
#include "core/registry.h"
#include "core/settings.h"
#include "miscadmin.h"
#include "topic/memory.h"
#include "utils/timestamp.h"

CqTopics   *cq_topics = NULL;
CqTopicState *cq_topic_states = NULL;
CqCell	   *cq_cells = NULL;

static Size
states_offset(void)
{
	return CACHELINEALIGN(sizeof(CqTopics));
}

static Size
cells_offset(void)
{
	return CACHELINEALIGN(add_size(states_offset(),
								   mul_size(cq_max_topics, sizeof(CqTopicState))));
}

static uint32
pool_size(void)
{
	return Min((Size) cq_topic_memory_kb * 1024 / sizeof(CqCell), CQ_NO_CELL - 1);
}

Size
cq_topic_shmem_size(void)
{
	return add_size(cells_offset(), mul_size(pool_size(), sizeof(CqCell)));
}

static void
reset(CqTopicState *state)
{
	Size		from = offsetof(CqTopicState, creating);

	memset((char *) state + from, 0, sizeof(*state) - from);
	state->partitions = state->groups = state->prepared = CQ_NO_CELL;
	state->pending_head = state->pending_tail = CQ_NO_CELL;
	state->plan_ms = PG_INT64_MAX;
}

void
cq_topic_shmem_init(void *mem)
{
	CqTopics   *t = mem;

	cq_topics = t;
	cq_topic_states = (CqTopicState *) ((char *) mem + states_offset());
	cq_cells = (CqCell *) ((char *) mem + cells_offset());

	memset(t, 0, sizeof(*t));
	t->tranche = cq_lwlock_tranche("CachequeueTopic");
	LWLockInitialize(&t->registry_lock, t->tranche);
	t->nstates = cq_max_topics;
	t->salt = (uint32) (GetCurrentTimestamp() / USECS_PER_SEC) & 0x7fffffff;
	pg_atomic_init_u32(&t->by_xid, 0);
	SpinLockInit(&t->pool_lock);
	t->pool_free = CQ_NO_CELL;
	t->pool_size = t->pool_nfree = pool_size();

	for (int i = 0; i < t->nstates; i++)
	{
		CqTopicState *state = &cq_topic_states[i];

		memset(state, 0, sizeof(*state));
		LWLockInitialize(&state->lock, t->tranche);
		ConditionVariableInit(&state->cv);
		reset(state);
	}
}

/* ---- cells ----------------------------------------------------------- */

static inline bool
is_notice(CqCellKind kind)
{
	return kind == CQ_CELL_NOTICE || kind == CQ_CELL_TEXT;
}

uint32
cq_notice_cells_max(void)
{
	return cq_topics->pool_size / 2;
}

uint32
cq_cell_take(CqCellKind kind)
{
	CqTopics   *t = cq_topics;
	uint32		i = CQ_NO_CELL;
	bool		fresh = false;

	SpinLockAcquire(&t->pool_lock);
	if (is_notice(kind) && t->pool_notices >= cq_notice_cells_max())
		;						/* the rest is not for notifications */
	else if (t->pool_free != CQ_NO_CELL)
	{
		i = t->pool_free;
		t->pool_free = cq_cells[i].next;
	}
	else if (t->pool_fresh < t->pool_size)
	{
		i = t->pool_fresh++;
		fresh = true;
	}
	if (i != CQ_NO_CELL)
	{
		t->pool_nfree--;
		t->pool_notices += is_notice(kind);
	}
	SpinLockRelease(&t->pool_lock);
	if (i != CQ_NO_CELL)
	{
		uint32		serial = fresh ? 0 : cq_cells[i].serial;

		memset(&cq_cells[i], 0, sizeof(CqCell));
		cq_cells[i].kind = kind;
		cq_cells[i].serial = serial;
		cq_cells[i].next = CQ_NO_CELL;
	}
	return i;
}

void
cq_cell_free(uint32 i)
{
	CqTopics   *t = cq_topics;
	bool		notice = is_notice(cq_cells[i].kind);

	Assert(cq_cells[i].kind != CQ_CELL_FREE);
	cq_cells[i].kind = CQ_CELL_FREE;
	cq_cells[i].serial++;
	SpinLockAcquire(&t->pool_lock);
	cq_cells[i].next = t->pool_free;
	t->pool_free = i;
	t->pool_nfree++;
	t->pool_notices -= notice;
	SpinLockRelease(&t->pool_lock);
}

int64
cq_cells_free(void)
{
	int64		n;

	SpinLockAcquire(&cq_topics->pool_lock);
	n = cq_topics->pool_nfree;
	SpinLockRelease(&cq_topics->pool_lock);
	return n;
}

void
cq_cells_free_list(uint32 i)
{
	while (i != CQ_NO_CELL)
	{
		uint32		next = CQ_CELL(i)->next;

		cq_cell_free(i);
		i = next;
	}
}

void
cq_topic_memory_full(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("the memory for topics is used up"),
			 errhint("Raise cachequeue.topic_memory, or use fewer partitions, groups or members.")));
}

/* ---- states ------------------------------------------------------------ */

static void
release(void *arg)
{
	CqTopicState *state = arg;
	uint32		i;

	for (i = state->partitions; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
	{
		for (uint32 j = CQ_CELL(i)->partition.open_head; j != CQ_NO_CELL; j = CQ_CELL(j)->next)
		{
			if (TransactionIdIsValid(CQ_CELL(j)->open.xid))
				pg_atomic_fetch_sub_u32(&cq_topics->by_xid, 1);
		}
		cq_cells_free_list(CQ_CELL(i)->partition.open_head);
	}
	while (state->groups != CQ_NO_CELL)
		cq_topic_drop_group(state, CQ_CELL(state->groups)->group.group_id);
	cq_cells_free_list(state->partitions);
	for (i = state->pending_head; i != CQ_NO_CELL; i = state->pending_head)
	{
		state->pending_head = CQ_CELL(i)->notice.next_notice;
		cq_cells_free_list(i);
	}
	reset(state);
}

static void
wake(void *arg)
{
	cq_topic_wake(arg);
}

static const CqRegistry *
registry(void)
{
	static CqRegistry r = {
		.objects = "topics",
		.setting = "cachequeue.max_topics",
		.release = release,
		.wake = wake,
		.state_size = sizeof(CqTopicState)
	};

	if (r.states == NULL)
	{
		r.lock = &cq_topics->registry_lock;
		r.states = (char *) cq_topic_states;
		r.n = cq_topics->nstates;
	}
	return &r;
}

CqTopicState *
cq_topic_state_find(int32 topic_id, Oid sequence)
{
	return cq_registry_find(registry(), topic_id, sequence);
}

CqTopicState *
cq_topic_state_take(int32 topic_id, Oid sequence, bool *taken)
{
	return cq_registry_take(registry(), topic_id, sequence, taken);
}

void
cq_topic_state_forget(Oid database, int32 topic_id)
{
	cq_registry_forget(registry(), database, topic_id);
}

uint32
cq_topic_partition(const CqTopicState *state, int number)
{
	uint32		i = state->partitions;

	while (i != CQ_NO_CELL && CQ_CELL(i)->partition.number != number)
		i = CQ_CELL(i)->next;
	return i;
}

uint32
cq_topic_group(const CqTopicState *state, int32 group_id)
{
	uint32		i = state->groups;

	while (i != CQ_NO_CELL && CQ_CELL(i)->group.group_id != group_id)
		i = CQ_CELL(i)->next;
	return i;
}

void
cq_topic_drop_group(CqTopicState *state, int32 group_id)
{
	uint32		i = cq_topic_group(state, group_id);
	uint32	   *link;

	if (i == CQ_NO_CELL)
		return;
	link = &state->prepared;
	while (*link != CQ_NO_CELL)
	{
		CqCell	   *cell = CQ_CELL(*link);
		uint32		j = CQ_CELL(i)->group.assignments;

		while (j != CQ_NO_CELL && j != cell->prepared.assignment)
			j = CQ_CELL(j)->next;
		if (j != CQ_NO_CELL)
		{
			uint32		gone = *link;

			*link = cell->next;
			cq_cell_free(gone);
			state->by_xid--;
			pg_atomic_fetch_sub_u32(&cq_topics->by_xid, 1);
		}
		else
			link = &cell->next;
	}
	link = &state->groups;
	while (*link != i)
		link = &CQ_CELL(*link)->next;
	*link = CQ_CELL(i)->next;
	cq_cells_free_list(CQ_CELL(i)->group.members);
	cq_cells_free_list(CQ_CELL(i)->group.assignments);
	cq_cell_free(i);
}

void
cq_topic_wake(CqTopicState *state)
{
	ConditionVariableBroadcast(&state->cv);
}

/* of this database, when the state is unlocked */
static bool wake_worker = false;

void
cq_topic_plan(CqTopicState *state, int64 at_ms)
{
	if (at_ms >= state->plan_ms)
		return;
	state->plan_ms = at_ms;
	/* it works out itself how long to sleep */
	wake_worker = true;
}

void
cq_topic_unlock(CqTopicState *state)
{
	LWLockRelease(&state->lock);
	if (wake_worker)
	{
		wake_worker = false;
		cq_dbworker_wake(MyDatabaseId);
	}
}

/* ---- open transactions ----------------------------------------------- */

int64
cq_partition_stable(const CqPartition *partition)
{
	int64		stable = partition->end;

	if (CQ_FAULT("topic-no-register"))
		return stable;
	if (partition->open_head != CQ_NO_CELL)
		stable = CQ_CELL(partition->open_head)->open.lowest;
	if (partition->untracked > 0)
		stable = Min(stable, partition->untracked_lowest);
	return stable;
}

uint32
cq_open_register(CqTopicState *state, uint32 partition, int64 lowest, int64 segment)
{
	CqPartition *p = &CQ_CELL(partition)->partition;
	uint32		i = cq_cell_take(CQ_CELL_OPEN);
	CqOpen	   *open;

	if (i == CQ_NO_CELL)
	{
		if (p->untracked++ == 0)
			p->untracked_lowest = lowest;
		return CQ_NO_CELL;
	}
	open = &CQ_CELL(i)->open;
	open->partition = partition;
	open->lowest = lowest;
	open->segment = segment;
	open->prev = p->open_tail;
	Assert(p->open_tail == CQ_NO_CELL || CQ_CELL(p->open_tail)->open.lowest < lowest);
	if (p->open_tail == CQ_NO_CELL)
		p->open_head = i;
	else
		CQ_CELL(p->open_tail)->next = i;
	p->open_tail = i;
	return i;
}

void
cq_open_release(CqTopicState *state, uint32 partition, uint32 i)
{
	CqPartition *p = &CQ_CELL(partition)->partition;
	CqOpen	   *open;

	if (i == CQ_NO_CELL)
	{
		Assert(p->untracked > 0);
		p->untracked--;
		return;
	}
	open = &CQ_CELL(i)->open;
	if (TransactionIdIsValid(open->xid))
	{
		state->by_xid--;
		pg_atomic_fetch_sub_u32(&cq_topics->by_xid, 1);
	}
	if (open->prev == CQ_NO_CELL)
		p->open_head = CQ_CELL(i)->next;
	else
		CQ_CELL(open->prev)->next = CQ_CELL(i)->next;
	if (CQ_CELL(i)->next == CQ_NO_CELL)
		p->open_tail = open->prev;
	else
		CQ_CELL(CQ_CELL(i)->next)->open.prev = open->prev;
	cq_cell_free(i);
}

bool
cq_topic_open_since(const CqTopicState *state, int64 segment)
{
	for (uint32 i = state->partitions; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
	{
		const CqPartition *p = &CQ_CELL(i)->partition;

		if (p->untracked > 0)
			return true;
		for (uint32 j = p->open_head; j != CQ_NO_CELL; j = CQ_CELL(j)->next)
		{
			if (CQ_CELL(j)->open.segment <= segment)
				return true;
		}
	}
	return false;
}
