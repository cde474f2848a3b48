/*-------------------------------------------------------------------------
 *
 * play_engine.c
 *	  Play a trace to the cache engine.
 *
 * Each value begins with its object's number, which is checked at every hit.
 * Time is the trace's.  Expired entries are removed when the engine says so, as
 * the maintenance worker does, but not more than once a second, to save time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "bytes.h"
#include "policy.h"

/* no request's time is 0 for the engine */
#define START_MS 1000
#define EXPIRE_EVERY_MS 1000
/* requests between two looks at how much is held */
#define LOOK_EVERY 200000

typedef struct Player
{
	CqEngine   *engine;
	char	   *value;			/* to be stored */
	char	   *buffer;			/* what was read */
	uint32		value_max;
	Outcome		outcome;
} Player;

static void
add_payload(const char *key, uint32 key_len, const CqEngineMeta *meta,
			void *arg)
{
	(void) key;
	*(uint64 *) arg += key_len + meta->value_len;
}

static void
look(Player *player, int64 now_ms)
{
	uint64		payload = 0;

	cq_engine_walk(player->engine, now_ms, add_payload, &payload);
	player->outcome.payload_max = Max(player->outcome.payload_max, payload);
}

static void
play_request(Player *player, const TraceRequest *request)
{
	int64		now_ms = START_MS + request->time_ms;
	char		name[TRACE_KEY_BYTES + 1];
	CqEngineKey key;
	CqEngineMeta meta;
	CqEngineHandle handle;

	snprintf(name, sizeof(name), "%0*u", TRACE_KEY_BYTES, request->object);
	key = key_of(name, TRACE_KEY_BYTES);
	if (request->op == TRACE_GET)
	{
		player->outcome.gets++;
		if (cq_engine_get(player->engine, &key, now_ms, player->buffer,
						  player->value_max, &meta) == CQ_ENGINE_OK)
		{
			player->outcome.hits++;
			if (memcmp(player->buffer, &request->object,
					   Min(meta.value_len, sizeof(uint32))) != 0)
			{
				fprintf(stderr, "sim: the value of %s is not its own\n", name);
				exit(1);
			}
			return;
		}
	}
	memset(&meta, 0, sizeof(meta));
	meta.value_len = request->value_len;
	meta.expires_ms = request->ttl_ms > 0 ? now_ms + request->ttl_ms : 0;
	memcpy(player->value, &request->object, sizeof(uint32));
	handle = cq_engine_prepare(player->engine, &key, &meta, NULL,
							   player->value, now_ms);
	if (handle != 0)
		cq_engine_publish(player->engine, handle);
}

Outcome
play_engine(const Trace *trace, uint64 bytes)
{
	Size		size = cq_engine_size(bytes);
	Player		player = {.outcome = {.ran = size > 0}};
	int64		expired_ms = 0;
	void	   *mem;

	if (size == 0)
		return player.outcome;
	if (posix_memalign(&mem, PG_CACHE_LINE_SIZE, size) != 0)
		abort();
	player.engine = cq_engine_init(mem, bytes, 0);
	player.value_max = sizeof(uint32);
	for (uint32 i = 0; i < trace->nrequests; i++)
		player.value_max = Max(player.value_max, trace->requests[i].value_len);
	player.value = calloc(1, player.value_max);
	/* (of whole words) */
	player.buffer = malloc(player.value_max + sizeof(uint64));

	for (uint32 i = 0; i < trace->nrequests; i++)
	{
		const TraceRequest *request = &trace->requests[i];
		int64		now_ms = START_MS + request->time_ms;
		int64		due = cq_engine_next_expiry(player.engine);

		if (due != 0 && due <= now_ms && now_ms - expired_ms >= EXPIRE_EVERY_MS)
		{
			cq_engine_expire(player.engine, now_ms);
			expired_ms = now_ms;
		}
		play_request(&player, request);
		if (i % LOOK_EVERY == LOOK_EVERY - 1 || i == trace->nrequests - 1)
			look(&player, now_ms);
	}
	free(player.value);
	free(player.buffer);
	free(mem);
	return player.outcome;
}
