/*-------------------------------------------------------------------------
 *
 * queues.c
 *	  Models of LRU, FIFO, CLOCK and S3-FIFO.
 *
 * All of them keep objects in queues.  S3-FIFO is Algorithm 1 of "FIFO queues
 * are all you need for cache eviction" (SOSP'23): new objects enter a small
 * queue with a tenth of the space; objects that were read more than once there
 * move on to the main queue, the others leave their names in a ghost queue; an
 * object that comes back while its name is there enters the main queue at once,
 * where eviction is by second chances, up to three.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "policy.h"

#define NOBODY PG_UINT32_MAX

typedef enum Place
{
	NOWHERE,
	SMALL,						/* the only queue of all but S3-FIFO */
	MAIN,
	GHOST,
	NPLACES
} Place;

typedef struct Object
{
	uint32		newer;			/* neighbours in the queue, NOBODY */
	uint32		older;
	uint32		bytes;
	uint8		place;
	uint8		used;
	int64		expires_ms;		/* 0: never */
} Object;

typedef struct Queue
{
	uint32		newest;
	uint32		oldest;
	uint64		bytes;
} Queue;

typedef struct Model
{
	uint64		capacity;
	Object	   *objects;
	Queue		queues[NPLACES];
	Outcome		outcome;
} Model;

typedef struct Rules
{
	void		(*note_use) (Model *model, uint32 object);
	void		(*insert) (Model *model, uint32 object);
	void		(*evict) (Model *model);
} Rules;

static void
take_out(Model *model, uint32 object)
{
	Object	   *o = &model->objects[object];
	Queue	   *queue = &model->queues[o->place];

	*(o->newer == NOBODY ? &queue->newest : &model->objects[o->newer].older) =
		o->older;
	*(o->older == NOBODY ? &queue->oldest : &model->objects[o->older].newer) =
		o->newer;
	queue->bytes -= o->bytes;
	o->place = NOWHERE;
}

static void
put_in(Model *model, uint32 object, Place place)
{
	Object	   *o = &model->objects[object];
	Queue	   *queue = &model->queues[place];

	o->place = place;
	o->newer = NOBODY;
	o->older = queue->newest;
	*(o->older == NOBODY ? &queue->oldest : &model->objects[o->older].newer) =
		object;
	queue->newest = object;
	queue->bytes += o->bytes;
}

static inline uint64
held_bytes(const Model *model)
{
	return model->queues[SMALL].bytes + model->queues[MAIN].bytes;
}

static inline bool
is_held(const Object *o)
{
	return o->place == SMALL || o->place == MAIN;
}

/* Make it the newest of its queue. */
static void
renew(Model *model, uint32 object)
{
	Place		place = model->objects[object].place;

	take_out(model, object);
	put_in(model, object, place);
}

static void
ignore_use(Model *model, uint32 object)
{
	(void) model;
	(void) object;
}

static void
mark_use(Model *model, uint32 object)
{
	model->objects[object].used = 1;
}

static void
count_use(Model *model, uint32 object)
{
	if (model->objects[object].used < 3)
		model->objects[object].used++;
}

static void
insert_newest(Model *model, uint32 object)
{
	put_in(model, object, SMALL);
}

static void
evict_oldest(Model *model)
{
	take_out(model, model->queues[SMALL].oldest);
}

static void
evict_by_clock(Model *model)
{
	uint32		oldest;

	while (model->objects[oldest = model->queues[SMALL].oldest].used)
	{
		model->objects[oldest].used = 0;
		renew(model, oldest);
	}
	take_out(model, oldest);
}

static void
s3fifo_insert(Model *model, uint32 object)
{
	Object	   *o = &model->objects[object];
	Place		place = o->place == GHOST ? MAIN : SMALL;

	if (o->place == GHOST)
		take_out(model, object);
	put_in(model, object, place);
}

static void
s3fifo_evict_main(Model *model)
{
	uint32		oldest;

	while (model->objects[oldest = model->queues[MAIN].oldest].used > 0)
	{
		model->objects[oldest].used--;
		renew(model, oldest);
	}
	take_out(model, oldest);
}

/* One of the small queue leaves the cache, unless all of them move to main. */
static void
s3fifo_evict_small(Model *model)
{
	uint64		main_bytes = model->capacity - model->capacity / 10;
	Queue	   *ghosts = &model->queues[GHOST];

	while (model->queues[SMALL].oldest != NOBODY)
	{
		uint32		oldest = model->queues[SMALL].oldest;
		bool		stays = model->objects[oldest].used > 1;

		take_out(model, oldest);
		model->objects[oldest].used = 0;
		put_in(model, oldest, stays ? MAIN : GHOST);
		if (stays)
		{
			while (model->queues[MAIN].bytes > main_bytes)
				s3fifo_evict_main(model);
			continue;
		}
		while (ghosts->bytes > main_bytes)
			take_out(model, ghosts->oldest);
		return;
	}
}

static void
s3fifo_evict(Model *model)
{
	if (model->queues[SMALL].bytes >= model->capacity / 10 ||
		model->queues[MAIN].oldest == NOBODY)
		s3fifo_evict_small(model);
	else
		s3fifo_evict_main(model);
}

static void
store(Model *model, const Rules *rules, const TraceRequest *request)
{
	Object	   *o = &model->objects[request->object];

	if (is_held(o))
	{
		model->queues[o->place].bytes -= o->bytes;
		o->bytes = request_bytes(request);
		model->queues[o->place].bytes += o->bytes;
		rules->note_use(model, request->object);
	}
	else if (request_bytes(request) <= model->capacity)
	{
		while (held_bytes(model) + request_bytes(request) > model->capacity)
			rules->evict(model);
		/* a ghost has the size it had when it was alive */
		if (o->place == GHOST)
			model->queues[GHOST].bytes += request_bytes(request) - o->bytes;
		o->bytes = request_bytes(request);
		o->used = 0;
		rules->insert(model, request->object);
	}
	o->expires_ms = request->ttl_ms > 0 ? request->time_ms + request->ttl_ms : 0;
	while (held_bytes(model) > model->capacity)
		rules->evict(model);
	model->outcome.payload_max = Max(model->outcome.payload_max,
									 held_bytes(model));
}

static Outcome
play(const Trace *trace, uint64 bytes, const Rules *rules)
{
	Model		model;

	memset(&model, 0, sizeof(model));
	model.capacity = bytes;
	model.outcome.ran = true;
	model.objects = calloc(trace->nobjects, sizeof(Object));
	for (int i = 0; i < NPLACES; i++)
		model.queues[i].newest = model.queues[i].oldest = NOBODY;

	for (uint32 i = 0; i < trace->nrequests; i++)
	{
		const TraceRequest *request = &trace->requests[i];
		Object	   *o = &model.objects[request->object];
		bool		held = is_held(o);

		if (held && o->expires_ms != 0 && o->expires_ms <= request->time_ms)
		{
			take_out(&model, request->object);
			held = false;
		}
		if (request->op == TRACE_GET)
		{
			model.outcome.gets++;
			model.outcome.hits += held;
			if (held)
			{
				rules->note_use(&model, request->object);
				continue;
			}
		}
		store(&model, rules, request);
	}
	free(model.objects);
	return model.outcome;
}

Outcome
play_lru(const Trace *trace, uint64 bytes)
{
	static const Rules rules = {renew, insert_newest, evict_oldest};

	return play(trace, bytes, &rules);
}

Outcome
play_fifo(const Trace *trace, uint64 bytes)
{
	static const Rules rules = {ignore_use, insert_newest, evict_oldest};

	return play(trace, bytes, &rules);
}

Outcome
play_clock(const Trace *trace, uint64 bytes)
{
	static const Rules rules = {mark_use, insert_newest, evict_by_clock};

	return play(trace, bytes, &rules);
}

Outcome
play_s3fifo(const Trace *trace, uint64 bytes)
{
	static const Rules rules = {count_use, s3fifo_insert, s3fifo_evict};

	return play(trace, bytes, &rules);
}
