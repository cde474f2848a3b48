--
-- PostgreSQL database dump
--

\restrict tzpf6f5VrS0Pga9W7sjkWkSfw9bVcIaaLHfBnQNF3kmQ8qMMUhu2dgrJOm7Q0hj

-- Dumped from database version 15.20 (Debian 15.20-0+deb12u1)
-- Dumped by pg_dump version 15.20 (Debian 15.20-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: cachequeue; Type: EXTENSION; Schema: -; Owner: -
--

CREATE EXTENSION IF NOT EXISTS cachequeue WITH SCHEMA pg_catalog;


--
-- Name: EXTENSION cachequeue; Type: COMMENT; Schema: -; Owner: 
--

COMMENT ON EXTENSION cachequeue IS 'transactional cache, work queues and topics';


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: q1_e0; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q1_e0 (
    kind "char" NOT NULL,
    ids bigint[] NOT NULL,
    attempt integer,
    due timestamp with time zone,
    error text
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q1_e0 OWNER TO postgres;

--
-- Name: q1_e1; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q1_e1 (
    kind "char" NOT NULL,
    ids bigint[] NOT NULL,
    attempt integer,
    due timestamp with time zone,
    error text
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q1_e1 OWNER TO postgres;

--
-- Name: q1_id; Type: SEQUENCE; Schema: cq; Owner: postgres
--

CREATE SEQUENCE cq.q1_id
    START WITH 1
    INCREMENT BY 1024
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE cq.q1_id OWNER TO postgres;

--
-- Name: q1_k0; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q1_k0 (
    key text NOT NULL COLLATE pg_catalog."C",
    msg_id bigint NOT NULL,
    until timestamp with time zone NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q1_k0 OWNER TO postgres;

--
-- Name: q1_k1; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q1_k1 (
    key text NOT NULL COLLATE pg_catalog."C",
    msg_id bigint NOT NULL,
    until timestamp with time zone NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q1_k1 OWNER TO postgres;

--
-- Name: q1_s0; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q1_s0 (
    msg_id bigint NOT NULL,
    enqueued_at timestamp with time zone NOT NULL,
    deliver_at timestamp with time zone,
    expires_at timestamp with time zone,
    priority smallint NOT NULL,
    partition integer NOT NULL,
    attempts integer NOT NULL,
    key text,
    headers jsonb,
    body jsonb NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q1_s0 OWNER TO postgres;

--
-- Name: q1_s1; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q1_s1 (
    msg_id bigint NOT NULL,
    enqueued_at timestamp with time zone NOT NULL,
    deliver_at timestamp with time zone,
    expires_at timestamp with time zone,
    priority smallint NOT NULL,
    partition integer NOT NULL,
    attempts integer NOT NULL,
    key text,
    headers jsonb,
    body jsonb NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q1_s1 OWNER TO postgres;

--
-- Name: q2_e0; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q2_e0 (
    kind "char" NOT NULL,
    ids bigint[] NOT NULL,
    attempt integer,
    due timestamp with time zone,
    error text
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q2_e0 OWNER TO postgres;

--
-- Name: q2_e1; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q2_e1 (
    kind "char" NOT NULL,
    ids bigint[] NOT NULL,
    attempt integer,
    due timestamp with time zone,
    error text
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q2_e1 OWNER TO postgres;

--
-- Name: q2_id; Type: SEQUENCE; Schema: cq; Owner: postgres
--

CREATE SEQUENCE cq.q2_id
    START WITH 1
    INCREMENT BY 1024
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE cq.q2_id OWNER TO postgres;

--
-- Name: q2_k0; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q2_k0 (
    key text NOT NULL COLLATE pg_catalog."C",
    msg_id bigint NOT NULL,
    until timestamp with time zone NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q2_k0 OWNER TO postgres;

--
-- Name: q2_k1; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q2_k1 (
    key text NOT NULL COLLATE pg_catalog."C",
    msg_id bigint NOT NULL,
    until timestamp with time zone NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q2_k1 OWNER TO postgres;

--
-- Name: q2_s0; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q2_s0 (
    msg_id bigint NOT NULL,
    enqueued_at timestamp with time zone NOT NULL,
    deliver_at timestamp with time zone,
    expires_at timestamp with time zone,
    priority smallint NOT NULL,
    partition integer NOT NULL,
    attempts integer NOT NULL,
    key text,
    headers jsonb,
    body jsonb NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q2_s0 OWNER TO postgres;

--
-- Name: q2_s1; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q2_s1 (
    msg_id bigint NOT NULL,
    enqueued_at timestamp with time zone NOT NULL,
    deliver_at timestamp with time zone,
    expires_at timestamp with time zone,
    priority smallint NOT NULL,
    partition integer NOT NULL,
    attempts integer NOT NULL,
    key text,
    headers jsonb,
    body jsonb NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q2_s1 OWNER TO postgres;

--
-- Name: q3_e0; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q3_e0 (
    kind "char" NOT NULL,
    ids bigint[] NOT NULL,
    attempt integer,
    due timestamp with time zone,
    error text
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q3_e0 OWNER TO postgres;

--
-- Name: q3_e1; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q3_e1 (
    kind "char" NOT NULL,
    ids bigint[] NOT NULL,
    attempt integer,
    due timestamp with time zone,
    error text
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q3_e1 OWNER TO postgres;

--
-- Name: q3_id; Type: SEQUENCE; Schema: cq; Owner: postgres
--

CREATE SEQUENCE cq.q3_id
    START WITH 1
    INCREMENT BY 1024
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE cq.q3_id OWNER TO postgres;

--
-- Name: q3_k0; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q3_k0 (
    key text NOT NULL COLLATE pg_catalog."C",
    msg_id bigint NOT NULL,
    until timestamp with time zone NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q3_k0 OWNER TO postgres;

--
-- Name: q3_k1; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q3_k1 (
    key text NOT NULL COLLATE pg_catalog."C",
    msg_id bigint NOT NULL,
    until timestamp with time zone NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q3_k1 OWNER TO postgres;

--
-- Name: q3_s0; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q3_s0 (
    msg_id bigint NOT NULL,
    enqueued_at timestamp with time zone NOT NULL,
    deliver_at timestamp with time zone,
    expires_at timestamp with time zone,
    priority smallint NOT NULL,
    partition integer NOT NULL,
    attempts integer NOT NULL,
    key text,
    headers jsonb,
    body jsonb NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q3_s0 OWNER TO postgres;

--
-- Name: q3_s1; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q3_s1 (
    msg_id bigint NOT NULL,
    enqueued_at timestamp with time zone NOT NULL,
    deliver_at timestamp with time zone,
    expires_at timestamp with time zone,
    priority smallint NOT NULL,
    partition integer NOT NULL,
    attempts integer NOT NULL,
    key text,
    headers jsonb,
    body jsonb NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q3_s1 OWNER TO postgres;

--
-- Name: q4_e0; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q4_e0 (
    kind "char" NOT NULL,
    ids bigint[] NOT NULL,
    attempt integer,
    due timestamp with time zone,
    error text
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q4_e0 OWNER TO postgres;

--
-- Name: q4_e1; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q4_e1 (
    kind "char" NOT NULL,
    ids bigint[] NOT NULL,
    attempt integer,
    due timestamp with time zone,
    error text
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q4_e1 OWNER TO postgres;

--
-- Name: q4_id; Type: SEQUENCE; Schema: cq; Owner: postgres
--

CREATE SEQUENCE cq.q4_id
    START WITH 1
    INCREMENT BY 1024
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE cq.q4_id OWNER TO postgres;

--
-- Name: q4_k0; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q4_k0 (
    key text NOT NULL COLLATE pg_catalog."C",
    msg_id bigint NOT NULL,
    until timestamp with time zone NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q4_k0 OWNER TO postgres;

--
-- Name: q4_k1; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q4_k1 (
    key text NOT NULL COLLATE pg_catalog."C",
    msg_id bigint NOT NULL,
    until timestamp with time zone NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q4_k1 OWNER TO postgres;

--
-- Name: q4_s0; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q4_s0 (
    msg_id bigint NOT NULL,
    enqueued_at timestamp with time zone NOT NULL,
    deliver_at timestamp with time zone,
    expires_at timestamp with time zone,
    priority smallint NOT NULL,
    partition integer NOT NULL,
    attempts integer NOT NULL,
    key text,
    headers jsonb,
    body jsonb NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q4_s0 OWNER TO postgres;

--
-- Name: q4_s1; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q4_s1 (
    msg_id bigint NOT NULL,
    enqueued_at timestamp with time zone NOT NULL,
    deliver_at timestamp with time zone,
    expires_at timestamp with time zone,
    priority smallint NOT NULL,
    partition integer NOT NULL,
    attempts integer NOT NULL,
    key text,
    headers jsonb,
    body jsonb NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q4_s1 OWNER TO postgres;

--
-- Name: q5_e0; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q5_e0 (
    kind "char" NOT NULL,
    ids bigint[] NOT NULL,
    attempt integer,
    due timestamp with time zone,
    error text
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q5_e0 OWNER TO postgres;

--
-- Name: q5_e1; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q5_e1 (
    kind "char" NOT NULL,
    ids bigint[] NOT NULL,
    attempt integer,
    due timestamp with time zone,
    error text
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q5_e1 OWNER TO postgres;

--
-- Name: q5_id; Type: SEQUENCE; Schema: cq; Owner: postgres
--

CREATE SEQUENCE cq.q5_id
    START WITH 1
    INCREMENT BY 1024
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE cq.q5_id OWNER TO postgres;

--
-- Name: q5_k0; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q5_k0 (
    key text NOT NULL COLLATE pg_catalog."C",
    msg_id bigint NOT NULL,
    until timestamp with time zone NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q5_k0 OWNER TO postgres;

--
-- Name: q5_k1; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q5_k1 (
    key text NOT NULL COLLATE pg_catalog."C",
    msg_id bigint NOT NULL,
    until timestamp with time zone NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q5_k1 OWNER TO postgres;

--
-- Name: q5_s0; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q5_s0 (
    msg_id bigint NOT NULL,
    enqueued_at timestamp with time zone NOT NULL,
    deliver_at timestamp with time zone,
    expires_at timestamp with time zone,
    priority smallint NOT NULL,
    partition integer NOT NULL,
    attempts integer NOT NULL,
    key text,
    headers jsonb,
    body jsonb NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q5_s0 OWNER TO postgres;

--
-- Name: q5_s1; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.q5_s1 (
    msg_id bigint NOT NULL,
    enqueued_at timestamp with time zone NOT NULL,
    deliver_at timestamp with time zone,
    expires_at timestamp with time zone,
    priority smallint NOT NULL,
    partition integer NOT NULL,
    attempts integer NOT NULL,
    key text,
    headers jsonb,
    body jsonb NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.q5_s1 OWNER TO postgres;

--
-- Name: t1_c0; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.t1_c0 (
    group_id integer NOT NULL,
    partition integer NOT NULL,
    rewind bigint NOT NULL,
    next_offset bigint NOT NULL,
    committed_at timestamp with time zone NOT NULL
)
WITH (autovacuum_enabled='false');


ALTER TABLE cq.t1_c0 OWNER TO postgres;

--
-- Name: t1_c1; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.t1_c1 (
    group_id integer NOT NULL,
    partition integer NOT NULL,
    rewind bigint NOT NULL,
    next_offset bigint NOT NULL,
    committed_at timestamp with time zone NOT NULL
)
WITH (autovacuum_enabled='false');


ALTER TABLE cq.t1_c1 OWNER TO postgres;

--
-- Name: t1_o0; Type: SEQUENCE; Schema: cq; Owner: postgres
--

CREATE SEQUENCE cq.t1_o0
    START WITH 0
    INCREMENT BY 1024
    MINVALUE 0
    NO MAXVALUE
    CACHE 1;


ALTER TABLE cq.t1_o0 OWNER TO postgres;

--
-- Name: t1_o1; Type: SEQUENCE; Schema: cq; Owner: postgres
--

CREATE SEQUENCE cq.t1_o1
    START WITH 0
    INCREMENT BY 1024
    MINVALUE 0
    NO MAXVALUE
    CACHE 1;


ALTER TABLE cq.t1_o1 OWNER TO postgres;

--
-- Name: t1_s0; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.t1_s0 (
    msg_id bigint NOT NULL,
    enqueued_at timestamp with time zone NOT NULL,
    deliver_at timestamp with time zone,
    expires_at timestamp with time zone,
    priority smallint NOT NULL,
    partition integer NOT NULL,
    attempts integer NOT NULL,
    key text,
    headers jsonb,
    body jsonb
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.t1_s0 OWNER TO postgres;

--
-- Name: t1_s1; Type: TABLE; Schema: cq; Owner: postgres
--

CREATE TABLE cq.t1_s1 (
    msg_id bigint NOT NULL,
    enqueued_at timestamp with time zone NOT NULL,
    deliver_at timestamp with time zone,
    expires_at timestamp with time zone,
    priority smallint NOT NULL,
    partition integer NOT NULL,
    attempts integer NOT NULL,
    key text,
    headers jsonb,
    body jsonb
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');


ALTER TABLE cq.t1_s1 OWNER TO postgres;

--
-- Name: account; Type: TABLE; Schema: public; Owner: u10_owner
--

CREATE TABLE public.account (
    id integer NOT NULL,
    owner text,
    balance integer
);


ALTER TABLE public.account OWNER TO u10_owner;

--
-- Name: measurement; Type: TABLE; Schema: public; Owner: u10_owner
--

CREATE TABLE public.measurement (
    city integer,
    at date
)
PARTITION BY LIST (city);


ALTER TABLE public.measurement OWNER TO u10_owner;

--
-- Name: measurement_1; Type: TABLE; Schema: public; Owner: u10_owner
--

CREATE TABLE public.measurement_1 (
    city integer,
    at date
);


ALTER TABLE public.measurement_1 OWNER TO u10_owner;

--
-- Name: measurement_2; Type: TABLE; Schema: public; Owner: u10_owner
--

CREATE TABLE public.measurement_2 (
    city integer,
    at date
);


ALTER TABLE public.measurement_2 OWNER TO u10_owner;

--
-- Name: plain_watch; Type: TABLE; Schema: public; Owner: u10_owner
--

CREATE TABLE public.plain_watch (
    id integer NOT NULL
);


ALTER TABLE public.plain_watch OWNER TO u10_owner;

--
-- Name: setting; Type: TABLE; Schema: public; Owner: u10_owner
--

CREATE TABLE public.setting (
    name text NOT NULL,
    value text
);


ALTER TABLE public.setting OWNER TO u10_owner;

--
-- Name: measurement_1; Type: TABLE ATTACH; Schema: public; Owner: u10_owner
--

ALTER TABLE ONLY public.measurement ATTACH PARTITION public.measurement_1 FOR VALUES IN (1);


--
-- Name: measurement_2; Type: TABLE ATTACH; Schema: public; Owner: u10_owner
--

ALTER TABLE ONLY public.measurement ATTACH PARTITION public.measurement_2 FOR VALUES IN (2);


--
-- Data for Name: exchange; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.exchange (exchange_id, name, owner, kind, alternate, created_at) FROM stdin;
1	alternate	u10_owner	fanout	\N	2026-11-30 11:58:17.27425+00
2	first	u10_owner	topic	1	2026-11-30 11:58:17.274632+00
\.


--
-- Data for Name: queue; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.queue (queue_id, name, owner, created_at, version, paused, lease, max_attempts, backoff, dead_letter, max_length, overflow, dedup_window, message_ttl, rate_limit, group_concurrency, retain, backoff_delay, backoff_max, max_bytes, overflow_timeout, rate_burst, group_rate_limit, group_rate_burst, concurrency, release_on_disconnect, durable_leases, notify) FROM stdin;
1	plain.dead	u10_owner	2026-11-30 11:58:16.380558+00	1	f	01:00:00	\N	exponential	\N	\N	reject	00:05:00	\N	\N	1	\N	00:00:01	00:05:00	\N	00:00:10	\N	\N	\N	\N	f	f	\N
2	plain	u10_owner	2026-11-30 11:58:16.464053+00	1	f	01:00:00	3	exponential	plain.dead	\N	reject	1 day	\N	\N	1	\N	00:00:01	00:05:00	\N	00:00:10	\N	\N	\N	\N	f	t	\N
3	odd "name"\n\\of it's	u10_owner	2026-11-30 11:58:16.723188+00	1	f	00:00:30	25	exponential	plain.dead	\N	reject	00:05:00	\N	\N	1	\N	00:00:01	00:05:00	\N	00:00:10	\N	\N	\N	\N	f	f	\N
4	log.shared.dead	u10_owner	2026-11-30 11:58:16.985909+00	1	f	00:00:30	\N	exponential	\N	\N	reject	00:05:00	\N	\N	1	\N	00:00:01	00:05:00	\N	00:00:10	\N	\N	\N	\N	f	f	\N
5	log.shared	u10_owner	2026-11-30 11:58:17.111731+00	1	f	00:00:30	25	exponential	log.shared.dead	\N	reject	00:05:00	\N	\N	1	\N	00:00:01	00:05:00	\N	00:00:10	\N	\N	\N	\N	f	f	\N
\.


--
-- Data for Name: topic; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.topic (topic_id, name, owner, created_at, partitions, retain, retain_bytes, compact, tombstone_retain, replica, tables) FROM stdin;
1	log	u10_owner	2026-11-30 11:58:16.857259+00	2	7 days	\N	f	1 day	f	\N
\.


--
-- Data for Name: exchange_binding; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.exchange_binding (binding_id, exchange_id, queue_id, topic_id, target_id, routing_key, headers, match) FROM stdin;
1	2	2	\N	\N	a.*	\N	all
2	2	\N	\N	1	b.#	\N	all
3	1	\N	1	\N		\N	all
\.


--
-- Data for Name: exchange_grant; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.exchange_grant (exchange_id, grantee, privileges) FROM stdin;
2	u10_app	1
\.


--
-- Data for Name: namespace; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.namespace (namespace_id, name, default_ttl, owner, memory_quota) FROM stdin;
1	mine	01:00:00	u10_owner	1000000
2	behind	\N	u10_owner	\N
\.


--
-- Data for Name: namespace_grant; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.namespace_grant (namespace_id, grantee, access) FROM stdin;
1	u10_app	1
1	-	2
\.


--
-- Data for Name: q1_e0; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q1_e0 (kind, ids, attempt, due, error) FROM stdin;
\.


--
-- Data for Name: q1_e1; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q1_e1 (kind, ids, attempt, due, error) FROM stdin;
\.


--
-- Data for Name: q1_k0; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q1_k0 (key, msg_id, until) FROM stdin;
\.


--
-- Data for Name: q1_k1; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q1_k1 (key, msg_id, until) FROM stdin;
\.


--
-- Data for Name: q1_s0; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q1_s0 (msg_id, enqueued_at, deliver_at, expires_at, priority, partition, attempts, key, headers, body) FROM stdin;
1	2026-11-30 11:58:16.711706+00	\N	\N	0	0	0	\N	{"dead_letter": {"at": "2026-11-30 11:58:16.711708+00", "error": "bad", "queue": "plain", "msg_id": 2, "attempts": 1}}	2
\.


--
-- Data for Name: q1_s1; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q1_s1 (msg_id, enqueued_at, deliver_at, expires_at, priority, partition, attempts, key, headers, body) FROM stdin;
\.


--
-- Data for Name: q2_e0; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q2_e0 (kind, ids, attempt, due, error) FROM stdin;
l	{1}	1	2026-11-30 12:58:16.697014+00	89658773
n	{1}	1	2036-10-08 11:58:16.697131+00	first failure
l	{2}	1	2026-11-30 12:58:16.711609+00	4178734565
a	{2}	\N	\N	\N
l	{3}	1	2026-11-30 12:58:16.719611+00	3740589912
a	{3}	\N	\N	\N
\.


--
-- Data for Name: q2_e1; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q2_e1 (kind, ids, attempt, due, error) FROM stdin;
\.


--
-- Data for Name: q2_k0; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q2_k0 (key, msg_id, until) FROM stdin;
dk1	1	2026-12-01 11:58:16.673637+00
dk2	2	2026-12-01 11:58:16.673861+00
dk3	3	2026-12-01 11:58:16.67387+00
dk4	4	2026-12-01 11:58:16.673875+00
dk5	5	2026-12-01 11:58:16.67388+00
\.


--
-- Data for Name: q2_k1; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q2_k1 (key, msg_id, until) FROM stdin;
\.


--
-- Data for Name: q2_s0; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q2_s0 (msg_id, enqueued_at, deliver_at, expires_at, priority, partition, attempts, key, headers, body) FROM stdin;
1	2026-11-30 11:58:16.673611+00	\N	\N	0	0	0	\N	\N	1
2	2026-11-30 11:58:16.67386+00	\N	\N	0	0	0	\N	\N	2
3	2026-11-30 11:58:16.673869+00	\N	\N	0	0	0	\N	\N	3
4	2026-11-30 11:58:16.673875+00	\N	\N	0	0	0	\N	\N	4
5	2026-11-30 11:58:16.673879+00	\N	\N	0	0	0	\N	\N	5
6	2026-11-30 11:58:16.687459+00	2036-10-08 11:58:16.687459+00	\N	0	0	0	\N	\N	"later"
\.


--
-- Data for Name: q2_s1; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q2_s1 (msg_id, enqueued_at, deliver_at, expires_at, priority, partition, attempts, key, headers, body) FROM stdin;
\.


--
-- Data for Name: q3_e0; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q3_e0 (kind, ids, attempt, due, error) FROM stdin;
\.


--
-- Data for Name: q3_e1; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q3_e1 (kind, ids, attempt, due, error) FROM stdin;
\.


--
-- Data for Name: q3_k0; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q3_k0 (key, msg_id, until) FROM stdin;
\.


--
-- Data for Name: q3_k1; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q3_k1 (key, msg_id, until) FROM stdin;
\.


--
-- Data for Name: q3_s0; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q3_s0 (msg_id, enqueued_at, deliver_at, expires_at, priority, partition, attempts, key, headers, body) FROM stdin;
\.


--
-- Data for Name: q3_s1; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q3_s1 (msg_id, enqueued_at, deliver_at, expires_at, priority, partition, attempts, key, headers, body) FROM stdin;
\.


--
-- Data for Name: q4_e0; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q4_e0 (kind, ids, attempt, due, error) FROM stdin;
\.


--
-- Data for Name: q4_e1; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q4_e1 (kind, ids, attempt, due, error) FROM stdin;
\.


--
-- Data for Name: q4_k0; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q4_k0 (key, msg_id, until) FROM stdin;
\.


--
-- Data for Name: q4_k1; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q4_k1 (key, msg_id, until) FROM stdin;
\.


--
-- Data for Name: q4_s0; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q4_s0 (msg_id, enqueued_at, deliver_at, expires_at, priority, partition, attempts, key, headers, body) FROM stdin;
\.


--
-- Data for Name: q4_s1; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q4_s1 (msg_id, enqueued_at, deliver_at, expires_at, priority, partition, attempts, key, headers, body) FROM stdin;
\.


--
-- Data for Name: q5_e0; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q5_e0 (kind, ids, attempt, due, error) FROM stdin;
a	{1,2,3}	\N	\N	\N
\.


--
-- Data for Name: q5_e1; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q5_e1 (kind, ids, attempt, due, error) FROM stdin;
\.


--
-- Data for Name: q5_k0; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q5_k0 (key, msg_id, until) FROM stdin;
\.


--
-- Data for Name: q5_k1; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q5_k1 (key, msg_id, until) FROM stdin;
\.


--
-- Data for Name: q5_s0; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q5_s0 (msg_id, enqueued_at, deliver_at, expires_at, priority, partition, attempts, key, headers, body) FROM stdin;
1	2026-11-30 11:58:17.234108+00	\N	\N	0	0	0	\N	{"cq_key": "key1", "cq_topic": "log", "cq_offset": 0, "cq_partition": 0}	1
2	2026-11-30 11:58:17.234121+00	\N	\N	0	0	0	\N	{"cq_key": "key6", "cq_topic": "log", "cq_offset": 1, "cq_partition": 0}	6
3	2026-11-30 11:58:17.234122+00	\N	\N	0	0	0	\N	{"cq_key": "key10", "cq_topic": "log", "cq_offset": 2, "cq_partition": 0}	10
4	2026-11-30 11:58:17.234123+00	\N	\N	0	0	0	\N	{"cq_key": "key11", "cq_topic": "log", "cq_offset": 3, "cq_partition": 0}	11
5	2026-11-30 11:58:17.234124+00	\N	\N	0	0	0	\N	{"cq_key": "key14", "cq_topic": "log", "cq_offset": 4, "cq_partition": 0}	14
6	2026-11-30 11:58:17.234125+00	\N	\N	0	0	0	\N	{"cq_key": "key15", "cq_topic": "log", "cq_offset": 5, "cq_partition": 0}	15
7	2026-11-30 11:58:17.234125+00	\N	\N	0	0	0	\N	{"cq_key": "key17", "cq_topic": "log", "cq_offset": 6, "cq_partition": 0}	17
8	2026-11-30 11:58:17.234126+00	\N	\N	0	0	0	\N	{"cq_key": "key18", "cq_topic": "log", "cq_offset": 7, "cq_partition": 0}	18
9	2026-11-30 11:58:17.234128+00	\N	\N	0	0	0	\N	{"cq_key": "key19", "cq_topic": "log", "cq_offset": 8, "cq_partition": 0}	19
10	2026-11-30 11:58:17.234129+00	\N	\N	0	0	0	\N	{"cq_key": "key20", "cq_topic": "log", "cq_offset": 9, "cq_partition": 0}	20
11	2026-11-30 11:58:17.243401+00	\N	\N	0	0	0	\N	{"cq_key": "key2", "cq_topic": "log", "cq_offset": 0, "cq_partition": 1}	2
12	2026-11-30 11:58:17.243408+00	\N	\N	0	0	0	\N	{"cq_key": "key3", "cq_topic": "log", "cq_offset": 1, "cq_partition": 1}	3
13	2026-11-30 11:58:17.243409+00	\N	\N	0	0	0	\N	{"cq_key": "key4", "cq_topic": "log", "cq_offset": 2, "cq_partition": 1}	4
14	2026-11-30 11:58:17.24341+00	\N	\N	0	0	0	\N	{"cq_key": "key5", "cq_topic": "log", "cq_offset": 3, "cq_partition": 1}	5
15	2026-11-30 11:58:17.243411+00	\N	\N	0	0	0	\N	{"cq_key": "key7", "cq_topic": "log", "cq_offset": 4, "cq_partition": 1}	7
16	2026-11-30 11:58:17.243412+00	\N	\N	0	0	0	\N	{"cq_key": "key8", "cq_topic": "log", "cq_offset": 5, "cq_partition": 1}	8
17	2026-11-30 11:58:17.243413+00	\N	\N	0	0	0	\N	{"cq_key": "key9", "cq_topic": "log", "cq_offset": 6, "cq_partition": 1}	9
18	2026-11-30 11:58:17.243414+00	\N	\N	0	0	0	\N	{"cq_key": "key12", "cq_topic": "log", "cq_offset": 7, "cq_partition": 1}	12
19	2026-11-30 11:58:17.243415+00	\N	\N	0	0	0	\N	{"cq_key": "key13", "cq_topic": "log", "cq_offset": 8, "cq_partition": 1}	13
20	2026-11-30 11:58:17.243416+00	\N	\N	0	0	0	\N	{"cq_key": "key16", "cq_topic": "log", "cq_offset": 9, "cq_partition": 1}	16
\.


--
-- Data for Name: q5_s1; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.q5_s1 (msg_id, enqueued_at, deliver_at, expires_at, priority, partition, attempts, key, headers, body) FROM stdin;
\.


--
-- Data for Name: queue_grant; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.queue_grant (queue_id, grantee, privileges) FROM stdin;
2	u10_app	3
2	-	4
2	16387	1
\.


--
-- Data for Name: t1_c0; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.t1_c0 (group_id, partition, rewind, next_offset, committed_at) FROM stdin;
0	0	0	10	2026-11-30 11:58:16.961024+00
0	1	0	10	2026-11-30 11:58:16.961024+00
2	0	0	10	2026-11-30 11:58:17.23413+00
2	1	0	10	2026-11-30 11:58:17.243419+00
1	0	0	7	2026-11-30 11:58:17.25157+00
\.


--
-- Data for Name: t1_c1; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.t1_c1 (group_id, partition, rewind, next_offset, committed_at) FROM stdin;
\.


--
-- Data for Name: t1_s0; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.t1_s0 (msg_id, enqueued_at, deliver_at, expires_at, priority, partition, attempts, key, headers, body) FROM stdin;
0	2026-11-30 11:58:16.907742+00	\N	\N	0	0	0	key1	\N	1
0	2026-11-30 11:58:16.907904+00	\N	\N	0	1	0	key2	\N	2
1	2026-11-30 11:58:16.907918+00	\N	\N	0	1	0	key3	\N	3
2	2026-11-30 11:58:16.907921+00	\N	\N	0	1	0	key4	\N	4
3	2026-11-30 11:58:16.907925+00	\N	\N	0	1	0	key5	\N	5
1	2026-11-30 11:58:16.907927+00	\N	\N	0	0	0	key6	\N	6
4	2026-11-30 11:58:16.907929+00	\N	\N	0	1	0	key7	\N	7
5	2026-11-30 11:58:16.90793+00	\N	\N	0	1	0	key8	\N	8
6	2026-11-30 11:58:16.907932+00	\N	\N	0	1	0	key9	\N	9
2	2026-11-30 11:58:16.907933+00	\N	\N	0	0	0	key10	\N	10
3	2026-11-30 11:58:16.907935+00	\N	\N	0	0	0	key11	\N	11
7	2026-11-30 11:58:16.907937+00	\N	\N	0	1	0	key12	\N	12
8	2026-11-30 11:58:16.907938+00	\N	\N	0	1	0	key13	\N	13
4	2026-11-30 11:58:16.90794+00	\N	\N	0	0	0	key14	\N	14
5	2026-11-30 11:58:16.907942+00	\N	\N	0	0	0	key15	\N	15
9	2026-11-30 11:58:16.907943+00	\N	\N	0	1	0	key16	\N	16
6	2026-11-30 11:58:16.907945+00	\N	\N	0	0	0	key17	\N	17
7	2026-11-30 11:58:16.907946+00	\N	\N	0	0	0	key18	\N	18
8	2026-11-30 11:58:16.907948+00	\N	\N	0	0	0	key19	\N	19
9	2026-11-30 11:58:16.90795+00	\N	\N	0	0	0	key20	\N	20
\.


--
-- Data for Name: t1_s1; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.t1_s1 (msg_id, enqueued_at, deliver_at, expires_at, priority, partition, attempts, key, headers, body) FROM stdin;
\.


--
-- Data for Name: topic_grant; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.topic_grant (topic_id, group_id, grantee, privileges) FROM stdin;
1	0	u10_app	2
1	0	-	1
1	1	u10_app	2
\.


--
-- Data for Name: topic_group; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.topic_group (topic_id, group_id, name, owner, created_at, kind, assignment, session_timeout) FROM stdin;
1	1	exclusive	u10_owner	2026-11-30 11:58:16.969472+00	exclusive	sticky	00:00:45
1	2	shared	u10_owner	2026-11-30 11:58:16.985775+00	shared	sticky	00:00:45
\.


--
-- Data for Name: topic_segment; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.topic_segment (topic_id, number, k) FROM stdin;
1	1	0
1	2	1
\.


--
-- Data for Name: write_behind; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.write_behind (namespace_id, mode, value_kind, delay_ms, batch_size, conflict, target, key_column, value_column, columns) FROM stdin;
2	l	t	86400000	1000	overwrite	public.setting	name	value	\N
\.


--
-- Data for Name: write_behind_dead; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.write_behind_dead (dead_id, namespace_id, key, operation, type, value, sqlstate, error, failed_at) FROM stdin;
\.


--
-- Data for Name: write_behind_log; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.write_behind_log (namespace_id, id, operation, type, queued_at, expires_at, key, value) FROM stdin;
2	1	s	1	2026-11-30 11:58:17.531974+00	\N	a	\\x70656e64696e67
\.


--
-- Data for Name: write_behind_stat; Type: TABLE DATA; Schema: cq; Owner: postgres
--

COPY cq.write_behind_stat (namespace_id, written, failed, last_flush, last_error, last_error_at) FROM stdin;
\.


--
-- Data for Name: account; Type: TABLE DATA; Schema: public; Owner: u10_owner
--

COPY public.account (id, owner, balance) FROM stdin;
1	ann	100
2	bob	50
\.


--
-- Data for Name: measurement_1; Type: TABLE DATA; Schema: public; Owner: u10_owner
--

COPY public.measurement_1 (city, at) FROM stdin;
\.


--
-- Data for Name: measurement_2; Type: TABLE DATA; Schema: public; Owner: u10_owner
--

COPY public.measurement_2 (city, at) FROM stdin;
\.


--
-- Data for Name: plain_watch; Type: TABLE DATA; Schema: public; Owner: u10_owner
--

COPY public.plain_watch (id) FROM stdin;
\.


--
-- Data for Name: setting; Type: TABLE DATA; Schema: public; Owner: u10_owner
--

COPY public.setting (name, value) FROM stdin;
\.


--
-- Name: exchange_binding_binding_id_seq; Type: SEQUENCE SET; Schema: cq; Owner: postgres
--

SELECT pg_catalog.setval('cq.exchange_binding_binding_id_seq', 3, true);


--
-- Name: exchange_exchange_id_seq; Type: SEQUENCE SET; Schema: cq; Owner: postgres
--

SELECT pg_catalog.setval('cq.exchange_exchange_id_seq', 2, true);


--
-- Name: namespace_namespace_id_seq; Type: SEQUENCE SET; Schema: cq; Owner: postgres
--

SELECT pg_catalog.setval('cq.namespace_namespace_id_seq', 2, true);


--
-- Name: q1_id; Type: SEQUENCE SET; Schema: cq; Owner: postgres
--

SELECT pg_catalog.setval('cq.q1_id', 1, true);


--
-- Name: q2_id; Type: SEQUENCE SET; Schema: cq; Owner: postgres
--

SELECT pg_catalog.setval('cq.q2_id', 1, true);


--
-- Name: q3_id; Type: SEQUENCE SET; Schema: cq; Owner: postgres
--

SELECT pg_catalog.setval('cq.q3_id', 1, false);


--
-- Name: q4_id; Type: SEQUENCE SET; Schema: cq; Owner: postgres
--

SELECT pg_catalog.setval('cq.q4_id', 1, false);


--
-- Name: q5_id; Type: SEQUENCE SET; Schema: cq; Owner: postgres
--

SELECT pg_catalog.setval('cq.q5_id', 1, true);


--
-- Name: queue_queue_id_seq; Type: SEQUENCE SET; Schema: cq; Owner: postgres
--

SELECT pg_catalog.setval('cq.queue_queue_id_seq', 5, true);


--
-- Name: t1_o0; Type: SEQUENCE SET; Schema: cq; Owner: postgres
--

SELECT pg_catalog.setval('cq.t1_o0', 0, true);


--
-- Name: t1_o1; Type: SEQUENCE SET; Schema: cq; Owner: postgres
--

SELECT pg_catalog.setval('cq.t1_o1', 0, true);


--
-- Name: topic_group_group_id_seq; Type: SEQUENCE SET; Schema: cq; Owner: postgres
--

SELECT pg_catalog.setval('cq.topic_group_group_id_seq', 2, true);


--
-- Name: topic_topic_id_seq; Type: SEQUENCE SET; Schema: cq; Owner: postgres
--

SELECT pg_catalog.setval('cq.topic_topic_id_seq', 1, true);


--
-- Name: write_behind_dead_dead_id_seq; Type: SEQUENCE SET; Schema: cq; Owner: postgres
--

SELECT pg_catalog.setval('cq.write_behind_dead_dead_id_seq', 1, false);


--
-- Name: write_behind_log_id_seq; Type: SEQUENCE SET; Schema: cq; Owner: postgres
--

SELECT pg_catalog.setval('cq.write_behind_log_id_seq', 1, true);


--
-- Name: account account_pkey; Type: CONSTRAINT; Schema: public; Owner: u10_owner
--

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (id);


--
-- Name: plain_watch plain_watch_pkey; Type: CONSTRAINT; Schema: public; Owner: u10_owner
--

ALTER TABLE ONLY public.plain_watch
    ADD CONSTRAINT plain_watch_pkey PRIMARY KEY (id);


--
-- Name: setting setting_pkey; Type: CONSTRAINT; Schema: public; Owner: u10_owner
--

ALTER TABLE ONLY public.setting
    ADD CONSTRAINT setting_pkey PRIMARY KEY (name);


--
-- Name: q1_k0_key; Type: INDEX; Schema: cq; Owner: postgres
--

CREATE INDEX q1_k0_key ON cq.q1_k0 USING btree (key, msg_id);


--
-- Name: q1_k1_key; Type: INDEX; Schema: cq; Owner: postgres
--

CREATE INDEX q1_k1_key ON cq.q1_k1 USING btree (key, msg_id);


--
-- Name: q2_k0_key; Type: INDEX; Schema: cq; Owner: postgres
--

CREATE INDEX q2_k0_key ON cq.q2_k0 USING btree (key, msg_id);


--
-- Name: q2_k1_key; Type: INDEX; Schema: cq; Owner: postgres
--

CREATE INDEX q2_k1_key ON cq.q2_k1 USING btree (key, msg_id);


--
-- Name: q3_k0_key; Type: INDEX; Schema: cq; Owner: postgres
--

CREATE INDEX q3_k0_key ON cq.q3_k0 USING btree (key, msg_id);


--
-- Name: q3_k1_key; Type: INDEX; Schema: cq; Owner: postgres
--

CREATE INDEX q3_k1_key ON cq.q3_k1 USING btree (key, msg_id);


--
-- Name: q4_k0_key; Type: INDEX; Schema: cq; Owner: postgres
--

CREATE INDEX q4_k0_key ON cq.q4_k0 USING btree (key, msg_id);


--
-- Name: q4_k1_key; Type: INDEX; Schema: cq; Owner: postgres
--

CREATE INDEX q4_k1_key ON cq.q4_k1 USING btree (key, msg_id);


--
-- Name: q5_k0_key; Type: INDEX; Schema: cq; Owner: postgres
--

CREATE INDEX q5_k0_key ON cq.q5_k0 USING btree (key, msg_id);


--
-- Name: q5_k1_key; Type: INDEX; Schema: cq; Owner: postgres
--

CREATE INDEX q5_k1_key ON cq.q5_k1 USING btree (key, msg_id);


--
-- Name: t1_c0_share; Type: INDEX; Schema: cq; Owner: postgres
--

CREATE INDEX t1_c0_share ON cq.t1_c0 USING btree (group_id, partition, rewind, next_offset);


--
-- Name: t1_c1_share; Type: INDEX; Schema: cq; Owner: postgres
--

CREATE INDEX t1_c1_share ON cq.t1_c1 USING btree (group_id, partition, rewind, next_offset);


--
-- Name: t1_s0_offset; Type: INDEX; Schema: cq; Owner: postgres
--

CREATE INDEX t1_s0_offset ON cq.t1_s0 USING btree (partition, msg_id);


--
-- Name: t1_s1_offset; Type: INDEX; Schema: cq; Owner: postgres
--

CREATE INDEX t1_s1_offset ON cq.t1_s1 USING btree (partition, msg_id);


--
-- Name: account !cachequeue_end; Type: TRIGGER; Schema: public; Owner: u10_owner
--

CREATE TRIGGER "!cachequeue_end" AFTER INSERT OR DELETE OR UPDATE ON public.account FOR EACH STATEMENT EXECUTE FUNCTION cq._watch_statement();

ALTER TABLE public.account ENABLE ALWAYS TRIGGER "!cachequeue_end";


--
-- Name: measurement !cachequeue_end; Type: TRIGGER; Schema: public; Owner: u10_owner
--

CREATE TRIGGER "!cachequeue_end" AFTER INSERT OR DELETE OR UPDATE ON public.measurement FOR EACH STATEMENT EXECUTE FUNCTION cq._watch_statement();

ALTER TABLE public.measurement ENABLE ALWAYS TRIGGER "!cachequeue_end";


--
-- Name: measurement_1 !cachequeue_end; Type: TRIGGER; Schema: public; Owner: u10_owner
--

CREATE TRIGGER "!cachequeue_end" AFTER INSERT OR DELETE OR UPDATE ON public.measurement_1 FOR EACH STATEMENT EXECUTE FUNCTION cq._watch_statement();

ALTER TABLE public.measurement_1 ENABLE ALWAYS TRIGGER "!cachequeue_end";


--
-- Name: measurement_2 !cachequeue_end; Type: TRIGGER; Schema: public; Owner: u10_owner
--

CREATE TRIGGER "!cachequeue_end" AFTER INSERT OR DELETE OR UPDATE ON public.measurement_2 FOR EACH STATEMENT EXECUTE FUNCTION cq._watch_statement();

ALTER TABLE public.measurement_2 ENABLE ALWAYS TRIGGER "!cachequeue_end";


--
-- Name: account !cachequeue_row; Type: TRIGGER; Schema: public; Owner: u10_owner
--

CREATE TRIGGER "!cachequeue_row" AFTER INSERT OR DELETE OR UPDATE ON public.account FOR EACH ROW EXECUTE FUNCTION cq._watch_row('owner:{owner}', 'account:{id}');

ALTER TABLE public.account ENABLE ALWAYS TRIGGER "!cachequeue_row";


--
-- Name: measurement !cachequeue_row; Type: TRIGGER; Schema: public; Owner: u10_owner
--

CREATE TRIGGER "!cachequeue_row" AFTER INSERT OR DELETE OR UPDATE ON public.measurement FOR EACH ROW EXECUTE FUNCTION cq._watch_row('city:{city}');

ALTER TABLE public.measurement ENABLE ALWAYS TRIGGER "!cachequeue_row";


--
-- Name: plain_watch !cachequeue_row; Type: TRIGGER; Schema: public; Owner: u10_owner
--

CREATE TRIGGER "!cachequeue_row" AFTER INSERT OR DELETE OR UPDATE ON public.plain_watch FOR EACH ROW EXECUTE FUNCTION cq._watch_row();

ALTER TABLE public.plain_watch ENABLE ALWAYS TRIGGER "!cachequeue_row";


--
-- Name: account !cachequeue_statement; Type: TRIGGER; Schema: public; Owner: u10_owner
--

CREATE TRIGGER "!cachequeue_statement" BEFORE INSERT OR DELETE OR UPDATE ON public.account FOR EACH STATEMENT EXECUTE FUNCTION cq._watch_statement('owner:{owner}', 'account:{id}');

ALTER TABLE public.account ENABLE ALWAYS TRIGGER "!cachequeue_statement";


--
-- Name: measurement !cachequeue_statement; Type: TRIGGER; Schema: public; Owner: u10_owner
--

CREATE TRIGGER "!cachequeue_statement" BEFORE INSERT OR DELETE OR UPDATE ON public.measurement FOR EACH STATEMENT EXECUTE FUNCTION cq._watch_statement('city:{city}');

ALTER TABLE public.measurement ENABLE ALWAYS TRIGGER "!cachequeue_statement";


--
-- Name: measurement_1 !cachequeue_statement; Type: TRIGGER; Schema: public; Owner: u10_owner
--

CREATE TRIGGER "!cachequeue_statement" BEFORE INSERT OR DELETE OR UPDATE ON public.measurement_1 FOR EACH STATEMENT EXECUTE FUNCTION cq._watch_statement('city:{city}');

ALTER TABLE public.measurement_1 ENABLE ALWAYS TRIGGER "!cachequeue_statement";


--
-- Name: measurement_2 !cachequeue_statement; Type: TRIGGER; Schema: public; Owner: u10_owner
--

CREATE TRIGGER "!cachequeue_statement" BEFORE INSERT OR DELETE OR UPDATE ON public.measurement_2 FOR EACH STATEMENT EXECUTE FUNCTION cq._watch_statement('city:{city}');

ALTER TABLE public.measurement_2 ENABLE ALWAYS TRIGGER "!cachequeue_statement";


--
-- Name: plain_watch !cachequeue_statement; Type: TRIGGER; Schema: public; Owner: u10_owner
--

CREATE TRIGGER "!cachequeue_statement" BEFORE INSERT OR DELETE OR UPDATE ON public.plain_watch FOR EACH STATEMENT EXECUTE FUNCTION cq._watch_statement();

ALTER TABLE public.plain_watch ENABLE ALWAYS TRIGGER "!cachequeue_statement";


--
-- Name: account !cachequeue_truncate; Type: TRIGGER; Schema: public; Owner: u10_owner
--

CREATE TRIGGER "!cachequeue_truncate" AFTER TRUNCATE ON public.account FOR EACH STATEMENT EXECUTE FUNCTION cq._watch_truncate('owner:{owner}', 'account:{id}');

ALTER TABLE public.account ENABLE ALWAYS TRIGGER "!cachequeue_truncate";


--
-- Name: measurement !cachequeue_truncate; Type: TRIGGER; Schema: public; Owner: u10_owner
--

CREATE TRIGGER "!cachequeue_truncate" AFTER TRUNCATE ON public.measurement FOR EACH STATEMENT EXECUTE FUNCTION cq._watch_truncate('city:{city}');

ALTER TABLE public.measurement ENABLE ALWAYS TRIGGER "!cachequeue_truncate";


--
-- Name: measurement_1 !cachequeue_truncate; Type: TRIGGER; Schema: public; Owner: u10_owner
--

CREATE TRIGGER "!cachequeue_truncate" AFTER TRUNCATE ON public.measurement_1 FOR EACH STATEMENT EXECUTE FUNCTION cq._watch_truncate('city:{city}');

ALTER TABLE public.measurement_1 ENABLE ALWAYS TRIGGER "!cachequeue_truncate";


--
-- Name: measurement_2 !cachequeue_truncate; Type: TRIGGER; Schema: public; Owner: u10_owner
--

CREATE TRIGGER "!cachequeue_truncate" AFTER TRUNCATE ON public.measurement_2 FOR EACH STATEMENT EXECUTE FUNCTION cq._watch_truncate('city:{city}');

ALTER TABLE public.measurement_2 ENABLE ALWAYS TRIGGER "!cachequeue_truncate";


--
-- Name: plain_watch !cachequeue_truncate; Type: TRIGGER; Schema: public; Owner: u10_owner
--

CREATE TRIGGER "!cachequeue_truncate" AFTER TRUNCATE ON public.plain_watch FOR EACH STATEMENT EXECUTE FUNCTION cq._watch_truncate();

ALTER TABLE public.plain_watch ENABLE ALWAYS TRIGGER "!cachequeue_truncate";


--
-- Name: account !cachequeue_write; Type: TRIGGER; Schema: public; Owner: u10_owner
--

CREATE TRIGGER "!cachequeue_write" AFTER INSERT OR DELETE OR UPDATE ON public.account FOR EACH ROW EXECUTE FUNCTION cq._watch_write('account:{id}', 'mine', '1', '01:00:00', 'id', 'balance');

ALTER TABLE public.account ENABLE ALWAYS TRIGGER "!cachequeue_write";


--
-- Name: SCHEMA cq; Type: ACL; Schema: -; Owner: postgres
--

GRANT USAGE ON SCHEMA cq TO u10_owner;
GRANT USAGE ON SCHEMA cq TO u10_app;


--
-- Name: SCHEMA public; Type: ACL; Schema: -; Owner: pg_database_owner
--

GRANT CREATE ON SCHEMA public TO u10_owner;


--
-- Name: FUNCTION exchange_create(exchange text, kind text, alternate text); Type: ACL; Schema: cq; Owner: postgres
--

GRANT ALL ON FUNCTION cq.exchange_create(exchange text, kind text, alternate text) TO u10_owner;


--
-- Name: FUNCTION namespace_create(namespace text, default_ttl interval, memory_quota bigint); Type: ACL; Schema: cq; Owner: postgres
--

GRANT ALL ON FUNCTION cq.namespace_create(namespace text, default_ttl interval, memory_quota bigint) TO u10_owner;


--
-- Name: FUNCTION queue_create(queue text, lease interval, max_attempts integer, backoff text, dead_letter text, max_length bigint, overflow text, dedup_window interval, message_ttl interval, rate_limit double precision, group_concurrency integer, retain interval, backoff_delay interval, backoff_max interval, max_bytes bigint, overflow_timeout interval, rate_burst integer, group_rate_limit double precision, group_rate_burst integer, concurrency integer, release_on_disconnect boolean, durable_leases boolean, notify text); Type: ACL; Schema: cq; Owner: postgres
--

GRANT ALL ON FUNCTION cq.queue_create(queue text, lease interval, max_attempts integer, backoff text, dead_letter text, max_length bigint, overflow text, dedup_window interval, message_ttl interval, rate_limit double precision, group_concurrency integer, retain interval, backoff_delay interval, backoff_max interval, max_bytes bigint, overflow_timeout interval, rate_burst integer, group_rate_limit double precision, group_rate_burst integer, concurrency integer, release_on_disconnect boolean, durable_leases boolean, notify text) TO u10_owner;


--
-- Name: FUNCTION topic_create(topic text, partitions integer, retain interval, retain_bytes bigint, compact boolean, tombstone_retain interval); Type: ACL; Schema: cq; Owner: postgres
--

GRANT ALL ON FUNCTION cq.topic_create(topic text, partitions integer, retain interval, retain_bytes bigint, compact boolean, tombstone_retain interval) TO u10_owner;


--
-- PostgreSQL database dump complete
--

\unrestrict tzpf6f5VrS0Pga9W7sjkWkSfw9bVcIaaLHfBnQNF3kmQ8qMMUhu2dgrJOm7Q0hj

