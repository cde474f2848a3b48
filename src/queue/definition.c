/*-------------------------------------------------------------------------
 *
 * definition.c
 *	  What a backend remembers of the queues it uses (core/definitions.c).
 *
 * A relcache invalidation of cq.queue, which makes definitions stale, is also sent
 * when a queue gets a new segment.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "core/args.h"
#include "queue/definition.h"
#include "queue/dispatch/registry.h"
#include "queue/wake.h"
#include "utils/builtins.h"

/* CqDefinitionKind.read */
static void
read_queue(CqDefinition *definition, const CqRow *row, bool same)
{
	CqQueueDef *def = (CqQueueDef *) definition;

	if (!same)
	{
		def->state = NULL;
		def->has_secret = false;
	}
	def->resolved = false;
	def->queue_id = DatumGetInt32(row->values[CQ_QUEUE_COLUMN_ID - 1]);
	cq_options_read(&def->options, row->values + CQ_QUEUE_COLUMN_OPTIONS - 1,
					row->nulls + CQ_QUEUE_COLUMN_OPTIONS - 1);
	def->options.version = DatumGetInt32(row->values[CQ_QUEUE_COLUMN_VERSION - 1]);
	def->options.paused = DatumGetBool(row->values[CQ_QUEUE_COLUMN_PAUSED - 1]);
}

static const CqDefinitionKind queue_kind = {
	.kind = CQ_OBJECT_QUEUE,
	.carrier_column = CQ_QUEUE_COLUMN_CARRIER,
	.name_bytes_max = CQ_QUEUE_NAME_BYTES_MAX,
	.bytes = sizeof(CqQueueDef),
	.read = read_queue
};

StaticAssertDecl(CQ_QUEUE_NAME_BYTES_MAX <= CQ_NAME_BYTES_MAX, "names fit");
StaticAssertDecl(CQ_QUEUE_COLUMNS <= CQ_COLUMNS_MAX, "rows fit");

void
cq_queue_definition_init(void)
{
	cq_definitions_register(&queue_kind);
}

char *
cq_queue_name(const text *arg)
{
	cq_check_name("a queue's name", VARSIZE_ANY_EXHDR(arg), CQ_QUEUE_NAME_BYTES_MAX);
	return text_to_cstring(arg);
}

CqQueueState *
cq_queue_lock_if_same(CqQueueDef *def, LWLockMode mode)
{
	CqQueueState *queue = def->state;

	if (queue == NULL)
		return NULL;
	LWLockAcquire(&queue->lock, mode);
	if (queue->key.generation == def->generation && queue->key.id == def->queue_id)
		return queue;
	LWLockRelease(&queue->lock);
	return NULL;
}
