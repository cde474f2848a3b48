/*-------------------------------------------------------------------------
 *
 * belady.c
 *	  The policy that knows the future.
 *
 * A heap holds, for each stored object, the request that will read it next.
 * What will be overwritten or expire before that is of no use.  Entries of
 * the heap are not removed when an object's next request changes, but
 * recognised as outdated when they come up.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "policy.h"

typedef struct Need
{
	uint32		next;			/* request; NO_REQUEST sorts last */
	uint32		object;
} Need;

typedef struct Stored
{
	bool		held;
	uint32		next;
	uint32		bytes;
	int64		expires_ms;
} Stored;

typedef struct Heap
{
	Need	   *needs;			/* the latest first */
	uint32		count;
	uint32		allocated;
} Heap;

static void
push(Heap *heap, uint32 next, uint32 object)
{
	Need		need = {next, object};
	uint32		at = heap->count++;

	if (at == heap->allocated)
	{
		heap->allocated = Max(1024, heap->allocated * 2);
		heap->needs = realloc(heap->needs, heap->allocated * sizeof(Need));
		if (heap->needs == NULL)
			abort();
	}
	for (; at > 0 && heap->needs[(at - 1) / 2].next < need.next;
		 at = (at - 1) / 2)
		heap->needs[at] = heap->needs[(at - 1) / 2];
	heap->needs[at] = need;
}

static Need
pop(Heap *heap)
{
	Need		top = heap->needs[0];
	Need		last = heap->needs[--heap->count];
	uint32		at = 0;

	for (;;)
	{
		uint32		child = at * 2 + 1;

		if (child + 1 < heap->count &&
			heap->needs[child + 1].next > heap->needs[child].next)
			child++;
		if (child >= heap->count || heap->needs[child].next <= last.next)
			break;
		heap->needs[at] = heap->needs[child];
		at = child;
	}
	heap->needs[at] = last;
	return top;
}

/* The request that will read what is stored now, if any will. */
static uint32
next_need(const Trace *trace, uint32 i, int64 expires_ms)
{
	uint32		next = trace->requests[i].next;

	if (next == NO_REQUEST || trace->requests[next].op != TRACE_GET ||
		(expires_ms != 0 && trace->requests[next].time_ms >= expires_ms))
		return NO_REQUEST;
	return next;
}

Outcome
play_belady(const Trace *trace, uint64 bytes)
{
	Stored	   *objects = calloc(trace->nobjects, sizeof(Stored));
	Heap		heap = {0};
	Outcome		outcome = {.ran = true};
	uint64		held_bytes = 0;

	for (uint32 i = 0; i < trace->nrequests; i++)
	{
		const TraceRequest *request = &trace->requests[i];
		Stored	   *stored = &objects[request->object];
		bool		hit = stored->held &&
		(stored->expires_ms == 0 || stored->expires_ms > request->time_ms);

		if (request->op == TRACE_GET)
		{
			outcome.gets++;
			outcome.hits += hit;
		}
		if (request->op == TRACE_SET || !hit)
		{
			if (stored->held)
				held_bytes -= stored->bytes;
			stored->held = true;
			stored->bytes = request_bytes(request);
			stored->expires_ms = request->ttl_ms == 0 ? 0 :
				request->time_ms + request->ttl_ms;
			held_bytes += stored->bytes;
		}
		stored->next = next_need(trace, i, stored->expires_ms);
		push(&heap, stored->next, request->object);
		while (held_bytes > bytes)
		{
			Need		need = pop(&heap);

			stored = &objects[need.object];
			if (!stored->held || stored->next != need.next)
				continue;
			stored->held = false;
			held_bytes -= stored->bytes;
		}
		outcome.payload_max = Max(outcome.payload_max, held_bytes);
	}
	free(objects);
	free(heap.needs);
	return outcome;
}
