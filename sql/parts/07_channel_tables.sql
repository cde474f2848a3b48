-- Channels: payloads that are too long for a notification.

CREATE SEQUENCE cq.channel_payload_id AS int CYCLE;
CREATE UNLOGGED TABLE cq.channel_payload_0 (
	id bigint NOT NULL DEFAULT pg_catalog.nextval('cq.channel_payload_id') PRIMARY KEY,
	payload text NOT NULL
) WITH (autovacuum_enabled = false, toast.autovacuum_enabled = false);
CREATE UNLOGGED TABLE cq.channel_payload_1 (
	id bigint NOT NULL DEFAULT pg_catalog.nextval('cq.channel_payload_id') PRIMARY KEY,
	payload text NOT NULL
) WITH (autovacuum_enabled = false, toast.autovacuum_enabled = false);
COMMENT ON TABLE cq.channel_payload_0 IS 'Payloads that are too long for a notification; used in turns with channel_payload_1.';
COMMENT ON TABLE cq.channel_payload_1 IS 'Payloads that are too long for a notification; used in turns with channel_payload_0.';

