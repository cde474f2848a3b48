/*-------------------------------------------------------------------------
 *
 * route.c
 *	  Where a message goes.
 *
 * The exchange matches the message against its bindings; exchanges among the
 * targets do the same in their turn.  An exchange in which nothing matches hands
 * the message to its alternate.  Each exchange is asked once, and each queue or
 * topic is found once, however many ways lead there: both are marked with the
 * number of the route.  So the work has an end even if the bindings, which
 * cannot form a cycle by the functions, have been meddled with.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "exchange/route.h"
#include "miscadmin.h"

typedef struct Route
{
	uint64		number;
	const char *key;
	int			key_bytes;
	Jsonb	   *headers;
	bool		matched;		/* in the present exchange */
	List	   *exchanges;		/* to be asked, in this order */
	CqTarget  **targets;
	int			n;
	int			max;
} Route;

static uint64 last_route = 0;

static void
go_through(Route *route, CqExchange *exchange)
{
	if (exchange == NULL || exchange->route == route->number)
		return;
	exchange->route = route->number;
	route->exchanges = lappend(route->exchanges, exchange);
}

/* CqTrieFound: a binding to that target matches. */
static void
found(void *value, void *arg)
{
	CqTarget   *target = value;
	Route	   *route = arg;

	route->matched = true;
	if (target->route == route->number)
		return;
	target->route = route->number;
	if (target->kind == CQ_TARGET_EXCHANGE)
	{
		go_through(route, cq_exchange_by_id(target->id));
		return;
	}
	if (route->n == route->max)
	{
		route->max *= 2;
		route->targets = repalloc(route->targets, route->max * sizeof(CqTarget *));
	}
	route->targets[route->n++] = target;
}

static void
match(Route *route, CqExchange *exchange)
{
	ListCell   *cell;

	cq_exchange_read_bindings(exchange);
	switch (exchange->kind)
	{
		case CQ_EXCHANGE_DIRECT:
			cq_trie_find_key(exchange->bindings.trie, route->key, route->key_bytes, found, route);
			break;
		case CQ_EXCHANGE_TOPIC:
			cq_trie_find_matching(exchange->bindings.trie, route->key, route->key_bytes, found, route);
			break;
		case CQ_EXCHANGE_FANOUT:
			foreach(cell, exchange->bindings.targets)
				found(lfirst(cell), route);
			break;
		case CQ_EXCHANGE_HEADERS:
			for (int i = 0; i < exchange->bindings.nheaders; i++)
			{
				if (cq_headers_match(&exchange->bindings.headers[i].wanted, route->headers))
					found(exchange->bindings.headers[i].target, route);
			}
			break;
	}
}

static int
compare_targets(const void *a, const void *b)
{
	const CqTarget *x = *(CqTarget *const *) a;
	const CqTarget *y = *(CqTarget *const *) b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

int
cq_exchange_match(CqExchange *exchange, const text *routing_key, Jsonb *headers,
				  CqTarget ***targets)
{
	Route		route = {.number = ++last_route,.headers = headers,.max = 16};

	route.key = VARDATA_ANY(routing_key);
	route.key_bytes = VARSIZE_ANY_EXHDR(routing_key);
	route.targets = palloc(route.max * sizeof(CqTarget *));
	go_through(&route, exchange);
	for (int i = 0; i < list_length(route.exchanges); i++)
	{
		CqExchange *next = list_nth(route.exchanges, i);

		CHECK_FOR_INTERRUPTS();
		route.matched = false;
		match(&route, next);
		if (!route.matched && next->alternate != 0)
			go_through(&route, cq_exchange_by_id(next->alternate));
	}
	list_free(route.exchanges);
	if (route.n > 1)
		qsort(route.targets, route.n, sizeof(CqTarget *), compare_targets);
	*targets = route.targets;
	return route.n;
}
