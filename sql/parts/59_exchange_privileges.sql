-- Exchanges: privileges.  The functions that PUBLIC may call ask for the
-- privilege on the exchange themselves; creating exchanges has to be granted.

REVOKE ALL ON cq.exchange, cq.exchange_binding FROM PUBLIC;
REVOKE ALL ON SEQUENCE cq.exchange_exchange_id_seq, cq.exchange_binding_binding_id_seq FROM PUBLIC;
REVOKE ALL ON FUNCTION
	cq._exchange_changed(),
	cq._exchange_unbind(),
	cq.exchange_create(text, text, text, boolean)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	cq.exchange_alter(text, text),
	cq.exchange_drop(text, boolean),
	cq.exchange_bind(text, text, text, text, jsonb, text),
	cq.exchange_unbind(text, text, text, text, jsonb, text),
	cq.exchange_publish(text, text, jsonb, jsonb, boolean, text),
	cq.exchange_route(text, text, jsonb),
	cq.exchange_grant(text, text, text),
	cq.exchange_revoke(text, text, text),
	cq.exchange_owner(text, text)
TO PUBLIC;
GRANT SELECT ON cq.exchange_bindings TO PUBLIC;
