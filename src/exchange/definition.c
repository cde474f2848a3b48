/*-------------------------------------------------------------------------
 *
 * definition.c
 *	  What a backend remembers of exchanges.
 *
 * Exchanges are read from cq.exchange when first used, their bindings from cq.exchange_binding when a message is first routed
 * through them, and are compiled for matching: keys and patterns into a trie,
 * headers into lists.  All of it is in one memory context.  A relcache
 * invalidation of cq.exchange, which statement triggers on both tables send, advances the epoch; the next cq_exchange_open() then forgets everything.
 * Nothing is forgotten in between, so that what it returns, and what is reached
 * from there, is good until the next one.
 *
 * Targets are known by number, and by the name that this number has.  When a
 * queue or topic is dropped its bindings go with it (by a trigger), so that
 * another one that gets its name does not inherit them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_collation.h"
#include "core/catalog.h"
#include "core/limits.h"
#include "core/shmem.h"
#include "exchange/definition.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* an entry of the hash by name */
typedef struct ExchangeName
{
	char		name[CQ_EXCHANGE_NAME_BYTES_MAX + 1];
	int32		id;
} ExchangeName;

/* told of each row that a look-up finds */
typedef void (*RowReader) (HeapTuple tuple, TupleDesc desc, void *arg);

static MemoryContext exchanges_context = NULL;
static HTAB *exchanges = NULL;
static HTAB *names = NULL;
static HTAB *targets = NULL;
static uint64 epoch = 1;
static uint64 read_epoch = 0;	/* of what is remembered */
static Oid	exchange_relation = InvalidOid;

static void
on_relcache_inval(Datum arg, Oid relid)
{
	if (!OidIsValid(relid) || relid == exchange_relation)
		epoch++;
}

void
cq_exchange_init(void)
{
	CacheRegisterRelcacheCallback(on_relcache_inval, (Datum) 0);
}

void
cq_exchanges_changed(void)
{
	CacheInvalidateRelcacheByRelid(cq_relation_of_any_version("exchange"));
}

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

/* ---- reading --------------------------------------------------------- */

static HTAB *
make_hash(const char *name, Size key_bytes, Size entry_bytes, int flags)
{
	HASHCTL		ctl;

	ctl.keysize = key_bytes;
	ctl.entrysize = entry_bytes;
	ctl.hcxt = exchanges_context;
	return hash_create(name, 64, &ctl, HASH_ELEM | HASH_CONTEXT | flags);
}

/* Learn of changes; if there are any, forget all. */
static void
refresh(void)
{
	AcceptInvalidationMessages();
	if (read_epoch == epoch)
		return;
	read_epoch = 0;
	if (exchanges_context == NULL)
		exchanges_context = AllocSetContextCreate(TopMemoryContext, "cachequeue exchanges",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(exchanges_context);
	exchanges = make_hash("cachequeue exchanges", sizeof(int32), sizeof(CqExchange), HASH_BLOBS);
	names = make_hash("cachequeue names of exchanges", sizeof(((ExchangeName *) NULL)->name),
					  sizeof(ExchangeName), HASH_STRINGS);
	targets = make_hash("cachequeue targets of exchanges", offsetof(CqTarget, name),
						sizeof(CqTarget), HASH_BLOBS);
	exchange_relation = cq_relation("exchange");
	read_epoch = epoch;
}

/*
 * Read the rows of a table that an index finds, as they are now.
 */
static void
read_rows(const char *table, const char *index, ScanKey key, RowReader reader, void *arg)
{
	Relation	rel = table_open(cq_relation(table), AccessShareLock);
	SysScanDesc scan;
	HeapTuple	tuple;

	scan = systable_beginscan(rel, cq_relation(index), true, NULL, 1, key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		reader(tuple, RelationGetDescr(rel), arg);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

static void
read_rows_by_id(const char *table, const char *index, int column, int32 id,
				RowReader reader, void *arg)
{
	ScanKeyData key;

	ScanKeyInit(&key, column, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(id));
	read_rows(table, index, &key, reader, arg);
}

static char *
text_column(HeapTuple tuple, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, column, desc, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/* RowReader: the exchange itself. */
static void
read_exchange(HeapTuple tuple, TupleDesc desc, void *arg)
{
	CqExchange *exchange = arg;
	bool		isnull;
	Datum		value;

	exchange->id = DatumGetInt32(heap_getattr(tuple, CQ_EXCHANGE_COLUMN_ID, desc, &isnull));
	exchange->name = text_column(tuple, desc, CQ_EXCHANGE_COLUMN_NAME);
	exchange->kind = cq_exchange_kind_named(text_column(tuple, desc, CQ_EXCHANGE_COLUMN_KIND));
	value = heap_getattr(tuple, CQ_EXCHANGE_COLUMN_CARRIER, desc, &isnull);
	cq_object_set(&exchange->object, CQ_OBJECT_EXCHANGE, exchange->id, DatumGetObjectId(value));
	value = heap_getattr(tuple, CQ_EXCHANGE_COLUMN_ALTERNATE, desc, &isnull);
	exchange->alternate = isnull ? 0 : DatumGetInt32(value);
}

/* Read what one row says, and remember it; NULL: no such row. */
static CqExchange *
read_one(const char *index, ScanKey key)
{
	MemoryContext caller = MemoryContextSwitchTo(exchanges_context);
	CqExchange	exchange = {0};
	CqExchange *result = NULL;
	ExchangeName *name;

	read_rows("exchange", index, key, read_exchange, &exchange);
	if (exchange.id != 0)
	{
		result = hash_search(exchanges, &exchange.id, HASH_ENTER, NULL);
		*result = exchange;
		name = hash_search(names, exchange.name, HASH_ENTER, NULL);
		name->id = exchange.id;
	}
	MemoryContextSwitchTo(caller);
	return result;
}

CqExchange *
cq_exchange_by_id(int32 id)
{
	CqExchange *exchange;
	ScanKeyData key;

	Assert(exchanges != NULL);
	exchange = hash_search(exchanges, &id, HASH_FIND, NULL);
	if (exchange != NULL)
		return exchange;
	ScanKeyInit(&key, CQ_EXCHANGE_COLUMN_ID, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(id));
	return read_one("exchange_pkey", &key);
}

CqExchange *
cq_exchange_find(const char *name)
{
	ExchangeName *known;
	ScanKeyData key;

	cq_require_shared();
	refresh();
	if (strlen(name) > CQ_EXCHANGE_NAME_BYTES_MAX)
		return NULL;
	known = hash_search(names, name, HASH_FIND, NULL);
	if (known != NULL)
		return cq_exchange_by_id(known->id);
	ScanKeyEntryInitialize(&key, 0, CQ_EXCHANGE_COLUMN_NAME, BTEqualStrategyNumber,
						   InvalidOid, C_COLLATION_OID, F_TEXTEQ,
						   CStringGetTextDatum(name));
	return read_one("exchange_name_key", &key);
}

CqExchange *
cq_exchange_open(const char *name, AclMode privileges)
{
	CqExchange *exchange = cq_exchange_find(name);

	if (exchange == NULL || !OidIsValid(cq_carrier_owner(exchange->object.carrier)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("exchange \"%s\" does not exist", name)));
	if (privileges != CQ_EXCHANGE_NONE && !cq_object_allowed(&exchange->object, privileges))
		cq_object_denied(CQ_OBJECT_EXCHANGE, name, NULL, false);
	return exchange;
}

/* ---- bindings -------------------------------------------------------- */

/* RowReader: the name of a queue or topic. */
static void
read_target_name(HeapTuple tuple, TupleDesc desc, void *arg)
{
	((CqTarget *) arg)->name = text_column(tuple, desc, 2);
}

/* The target that a binding names; its kind is its table's name. */
static CqTarget *
target_of(HeapTuple tuple, TupleDesc desc)
{
	static const char *const indexes[] = {"queue_pkey", "topic_pkey"};
	CqTarget	key = {0};
	CqTarget   *target;
	bool		isnull = true;
	bool		found;

	for (; key.kind <= CQ_TARGET_EXCHANGE; key.kind++)
	{
		Datum		value = heap_getattr(tuple, CQ_BINDING_COLUMN_TARGET + key.kind, desc, &isnull);

		key.id = DatumGetInt32(value);
		if (!isnull)
			break;
	}
	if (isnull)
		elog(ERROR, "a binding has no target");
	if (key.kind != CQ_TARGET_EXCHANGE &&
		hash_search(targets, &key, HASH_FIND, NULL) == NULL)
		read_rows_by_id(target_kinds[key.kind], indexes[key.kind], 1, key.id,
						read_target_name, &key);
	target = hash_search(targets, &key, HASH_ENTER, &found);
	if (!found)
		*target = key;
	return target;
}

/* RowReader: a binding of the exchange. */
static void
read_binding(HeapTuple tuple, TupleDesc desc, void *arg)
{
	CqExchange *exchange = arg;
	CqTarget   *target = target_of(tuple, desc);
	CqHeadersBinding *binding;
	Datum		headers;
	bool		isnull;
	text	   *key;

	if (target->kind == CQ_TARGET_EXCHANGE)
		exchange->next = lappend(exchange->next, target);
	key = DatumGetTextPP(heap_getattr(tuple, CQ_BINDING_COLUMN_KEY, desc, &isnull));
	switch (exchange->kind)
	{
		case CQ_EXCHANGE_DIRECT:
			cq_trie_add_key(exchange->trie, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key), target);
			break;
		case CQ_EXCHANGE_TOPIC:
			cq_trie_add_pattern(exchange->trie, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key), target);
			break;
		case CQ_EXCHANGE_FANOUT:
			exchange->targets = lappend(exchange->targets, target);
			break;
		case CQ_EXCHANGE_HEADERS:
			headers = heap_getattr(tuple, CQ_BINDING_COLUMN_HEADERS, desc, &isnull);
			if (isnull)
				elog(ERROR, "a binding of exchange %d has no headers", exchange->id);
			exchange->headers = (exchange->nheaders == 0) ? palloc(sizeof(CqHeadersBinding)) :
				repalloc(exchange->headers, (exchange->nheaders + 1) * sizeof(CqHeadersBinding));
			binding = &exchange->headers[exchange->nheaders++];
			binding->target = target;
			cq_headers_prepare(&binding->wanted, DatumGetJsonbPCopy(headers),
							   strcmp(text_column(tuple, desc, CQ_BINDING_COLUMN_MATCH), "any") == 0);
			break;
	}
}

void
cq_exchange_read_bindings(CqExchange *exchange)
{
	MemoryContext caller;
	CqExchange	read = *exchange;	/* if it fails, nothing has happened */

	if (exchange->ready)
		return;
	caller = MemoryContextSwitchTo(exchanges_context);
	if (read.kind == CQ_EXCHANGE_DIRECT || read.kind == CQ_EXCHANGE_TOPIC)
		read.trie = cq_trie_create();
	read_rows_by_id("exchange_binding", "exchange_binding_exchange_idx",
					CQ_BINDING_COLUMN_EXCHANGE, read.id, read_binding, &read);
	read.ready = true;
	*exchange = read;
	MemoryContextSwitchTo(caller);
}

/* RowReader: there is one. */
static void
note_row(HeapTuple tuple, TupleDesc desc, void *arg)
{
	*(bool *) arg = true;
}

bool
cq_exchange_has_sources(int32 id)
{
	bool		result = false;

	read_rows_by_id("exchange_binding", "exchange_binding_target_idx",
					CQ_BINDING_COLUMN_TARGET + CQ_TARGET_EXCHANGE, id, note_row, &result);
	read_rows_by_id("exchange", "exchange_alternate_idx", CQ_EXCHANGE_COLUMN_ALTERNATE,
					id, note_row, &result);
	return result;
}
