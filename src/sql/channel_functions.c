/*-------------------------------------------------------------------------
 *
 * channel_functions.c
 *	  cq.channel_publish and channel_fetch: unpack, call, pack.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/args.h"
#include "core/shmem.h"
#include "fmgr.h"
#include "topic/channel.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(cq_channel_publish);
PG_FUNCTION_INFO_V1(cq_channel_fetch);

/* cq.channel_publish(channel, payload) → void */
Datum
cq_channel_publish(PG_FUNCTION_ARGS)
{
	text	   *channel;

	cq_require_shared();
	cq_arg_not_null(fcinfo, 0, "channel");
	cq_arg_not_null(fcinfo, 1, "payload");
	channel = PG_GETARG_TEXT_PP(0);
	cq_check_name("channel", VARSIZE_ANY_EXHDR(channel), CQ_CHANNEL_BYTES_MAX);
	cq_channel_publish_text(text_to_cstring(channel),
							text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}

/* cq.channel_fetch(payload) → text */
Datum
cq_channel_fetch(PG_FUNCTION_ARGS)
{
	text	   *payload;

	cq_require_shared();
	cq_arg_not_null(fcinfo, 0, "payload");
	payload = cq_channel_fetch_text(PG_GETARG_TEXT_PP(0));
	if (payload == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(payload);
}
