-- Channels: notifications for those who LISTEN.

CREATE FUNCTION cq.channel_publish(channel text, payload text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_channel_publish';
COMMENT ON FUNCTION cq.channel_publish(text, text) IS
'Notify those who LISTEN to the channel, when the transaction has committed, as NOTIFY does, but without its lock of the whole server. One too long for a notification is kept for five minutes at least, from the call on: see cq.channel_fetch. Raises 22023 (channel empty or over 63 bytes), 22004, 53400 (too many wait).';

CREATE FUNCTION cq.channel_fetch(payload text) RETURNS text
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cq_channel_fetch';
COMMENT ON FUNCTION cq.channel_fetch(text) IS
'What was published, given the payload of a notification: the same, or for cq_ref:<n> what was too long to be sent. NULL: it is kept no more. Raises 22004.';

REVOKE ALL ON cq.channel_payload_0, cq.channel_payload_1 FROM PUBLIC;
REVOKE ALL ON SEQUENCE cq.channel_payload_id FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cq.channel_publish(text, text), cq.channel_fetch(text) TO PUBLIC;
