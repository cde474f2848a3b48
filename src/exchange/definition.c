/*-------------------------------------------------------------------------
 *
 * definition.c
 *	  What a backend remembers of exchanges.
 *
 * They are kept as core/definitions.c says.  Their bindings are read from
 * cq.exchange_binding when a message is first routed through them, and compiled for
 * matching: keys and patterns into a trie, headers into lists.  Bindings and targets
 * are in one memory context.  A relcache invalidation of cq.exchange, which triggers
 * on both tables send, makes cq_exchange_find() forget them all.  Nothing is
 * forgotten in between, so what is reached from an exchange is good until the next
 * call.
 *
 * Targets are known by number, and by the name that this number has.  When a
 * queue or topic is dropped its bindings go with it (by a trigger), so that
 * another one that gets its name does not inherit them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/catalog.h"
#include "core/limits.h"
#include "core/shmem.h"
#include "exchange/definition.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"

#define TARGET_COLUMN_NAME 2	/* of cq.queue and cq.topic */

static MemoryContext bindings_context = NULL;
static HTAB *targets = NULL;
static uint64 bindings_epoch = 0;	/* of exchanges, when bindings and targets
									 * were last forgotten */

/* ---- names of kinds -------------------------------------------------- */

static const char *const exchange_kinds[] = {"direct", "fanout", "topic", "headers"};
static const char *const target_kinds[] = {"queue", "topic", "exchange"};

static int
named(const char *name, const char *const *kinds, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (strcmp(name, kinds[i]) == 0)
			return i;
	}
	return -1;
}

CqExchangeKind
cq_exchange_kind_named(const char *name)
{
	int			kind = named(name, exchange_kinds, lengthof(exchange_kinds));

	if (kind < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown kind of exchange \"%s\"", name),
				 errhint("Kinds are direct, fanout, topic and headers.")));
	return kind;
}

const char *
cq_exchange_kind_name(CqExchangeKind kind)
{
	return exchange_kinds[kind];
}

CqTargetKind
cq_target_kind_named(const char *name)
{
	int			kind = named(name, target_kinds, lengthof(target_kinds));

	if (kind < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown kind of target \"%s\"", name),
				 errhint("Targets are of kind queue, topic or exchange.")));
	return kind;
}

const char *
cq_target_kind_name(CqTargetKind kind)
{
	return target_kinds[kind];
}

/* ---- exchanges ------------------------------------------------------- */

/* A text, or NULL. */
static char *
text_column(const CqRow *row, int column)
{
	return row->nulls[column - 1] ? NULL : TextDatumGetCString(row->values[column - 1]);
}

/* CqDefinitionKind.read */
static void
read_exchange(CqDefinition *definition, const CqRow *row, bool same)
{
	CqExchange *exchange = (CqExchange *) definition;

	exchange->bindings.epoch = 0;
	exchange->kind = cq_exchange_kind_named(text_column(row, CQ_EXCHANGE_COLUMN_KIND));
	exchange->alternate = row->nulls[CQ_EXCHANGE_COLUMN_ALTERNATE - 1] ? 0 :
		DatumGetInt32(row->values[CQ_EXCHANGE_COLUMN_ALTERNATE - 1]);
}

static const CqDefinitionKind exchange_kind = {
	.kind = CQ_OBJECT_EXCHANGE,
	.carrier_column = CQ_EXCHANGE_COLUMN_CARRIER,
	.name_bytes_max = CQ_EXCHANGE_NAME_BYTES_MAX,
	.bytes = sizeof(CqExchange),
	.read = read_exchange
};

StaticAssertDecl(CQ_EXCHANGE_NAME_BYTES_MAX <= CQ_NAME_BYTES_MAX, "names fit");

void
cq_exchange_init(void)
{
	cq_definitions_register(&exchange_kind);
}

/* Learn of changes; if there are any, forget bindings and targets. */
static void
refresh(void)
{
	HASHCTL		ctl;
	uint64		epoch;

	AcceptInvalidationMessages();
	epoch = cq_definitions_epoch(CQ_OBJECT_EXCHANGE);
	if (bindings_epoch == epoch)
		return;
	bindings_epoch = 0;
	if (bindings_context == NULL)
		bindings_context = AllocSetContextCreate(TopMemoryContext, "cachequeue bindings",
												 ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(bindings_context);
	ctl.keysize = offsetof(CqTarget, name);
	ctl.entrysize = sizeof(CqTarget);
	ctl.hcxt = bindings_context;
	targets = hash_create("cachequeue targets of exchanges", 64, &ctl,
						  HASH_ELEM | HASH_CONTEXT | HASH_BLOBS);
	bindings_epoch = epoch;
}

CqExchange *
cq_exchange_find(const char *name)
{
	cq_require_shared();
	refresh();
	return (CqExchange *) cq_definition_find(CQ_OBJECT_EXCHANGE, name);
}

CqExchange *
cq_exchange_open(const char *name, AclMode privileges)
{
	CqExchange *exchange = cq_exchange_find(name);

	if (exchange == NULL || !OidIsValid(cq_relation_owner(exchange->object.carrier)))
		cq_object_missing(CQ_OBJECT_EXCHANGE, name);
	if (privileges != CQ_EXCHANGE_NONE && !cq_object_allowed(&exchange->object, privileges))
		cq_object_denied(CQ_OBJECT_EXCHANGE, name, NULL, false);
	return exchange;
}

/* ---- bindings -------------------------------------------------------- */

/* CqRowReader: the name of a queue or topic. */
static void
read_target_name(const CqRow *row, void *arg)
{
	((CqTarget *) arg)->name = text_column(row, TARGET_COLUMN_NAME);
}

/* The target that a binding names. */
static CqTarget *
target_of(const CqRow *row)
{
	static const char *const indexes[] = {"queue_pkey", "topic_pkey"};
	CqTarget	key = {0};
	CqTarget   *target;
	ScanKeyData scan_key;
	bool		found;

	while (key.kind <= CQ_TARGET_EXCHANGE &&
		   row->nulls[CQ_BINDING_COLUMN_TARGET + key.kind - 1])
		key.kind++;
	if (key.kind > CQ_TARGET_EXCHANGE)
		elog(ERROR, "a binding has no target");
	key.id = DatumGetInt32(row->values[CQ_BINDING_COLUMN_TARGET + key.kind - 1]);
	if (key.kind != CQ_TARGET_EXCHANGE &&
		hash_search(targets, &key, HASH_FIND, NULL) == NULL)
	{
		cq_scan_key_int(&scan_key, 1, key.id);
		/* a kind of target is named as its table is */
		cq_catalog_read(target_kinds[key.kind], indexes[key.kind], &scan_key,
						read_target_name, &key);
	}
	target = hash_search(targets, &key, HASH_ENTER, &found);
	if (!found)
		*target = key;
	return target;
}

static void
add_headers(CqBindings *bindings, const CqRow *row, CqTarget *target)
{
	CqHeadersBinding *binding;
	Datum		headers = row->values[CQ_BINDING_COLUMN_HEADERS - 1];
	int			n = bindings->nheaders;

	if (row->nulls[CQ_BINDING_COLUMN_HEADERS - 1])
		elog(ERROR, "a binding of a headers exchange has no headers");
	bindings->headers = (n == 0) ? palloc(sizeof(CqHeadersBinding)) :
		repalloc(bindings->headers, (n + 1) * sizeof(CqHeadersBinding));
	bindings->nheaders++;
	binding = &bindings->headers[n];
	binding->target = target;
	cq_headers_prepare(&binding->wanted, DatumGetJsonbPCopy(headers),
					   strcmp(text_column(row, CQ_BINDING_COLUMN_MATCH), "any") == 0);
}

/* Bindings while they are read. */
typedef struct Reading
{
	CqExchangeKind kind;
	CqBindings	bindings;
} Reading;

/* CqRowReader: a binding of the exchange. */
static void
read_binding(const CqRow *row, void *arg)
{
	Reading    *reading = arg;
	CqBindings *bindings = &reading->bindings;
	CqTarget   *target = target_of(row);
	text	   *key = DatumGetTextPP(row->values[CQ_BINDING_COLUMN_KEY - 1]);

	if (target->kind == CQ_TARGET_EXCHANGE)
		bindings->next = lappend(bindings->next, target);
	switch (reading->kind)
	{
		case CQ_EXCHANGE_DIRECT:
			cq_trie_add_key(bindings->trie, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key), target);
			break;
		case CQ_EXCHANGE_TOPIC:
			cq_trie_add_pattern(bindings->trie, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key), target);
			break;
		case CQ_EXCHANGE_FANOUT:
			bindings->targets = lappend(bindings->targets, target);
			break;
		case CQ_EXCHANGE_HEADERS:
			add_headers(bindings, row, target);
			break;
	}
}

void
cq_exchange_read_bindings(CqExchange *exchange)
{
	MemoryContext caller;
	Reading		reading = {.kind = exchange->kind};
	ScanKeyData key;

	if (exchange->bindings.epoch == bindings_epoch)
		return;
	caller = MemoryContextSwitchTo(bindings_context);
	if (reading.kind == CQ_EXCHANGE_DIRECT || reading.kind == CQ_EXCHANGE_TOPIC)
		reading.bindings.trie = cq_trie_create();
	cq_scan_key_int(&key, CQ_BINDING_COLUMN_EXCHANGE, exchange->object.id);
	cq_catalog_read("exchange_binding", "exchange_binding_exchange_idx", &key,
					read_binding, &reading);
	/* only now, as any of it may raise */
	reading.bindings.epoch = bindings_epoch;
	exchange->bindings = reading.bindings;
	MemoryContextSwitchTo(caller);
}

/* CqRowReader: there is one. */
static void
note_row(const CqRow *row, void *arg)
{
	*(bool *) arg = true;
}

bool
cq_exchange_has_sources(int32 id)
{
	bool		result = false;
	ScanKeyData key;

	cq_scan_key_int(&key, CQ_BINDING_COLUMN_TARGET + CQ_TARGET_EXCHANGE, id);
	cq_catalog_read("exchange_binding", "exchange_binding_target_idx", &key, note_row, &result);
	cq_scan_key_int(&key, CQ_EXCHANGE_COLUMN_ALTERNATE, id);
	cq_catalog_read("exchange", "exchange_alternate_idx", &key, note_row, &result);
	return result;
}
