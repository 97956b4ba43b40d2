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
CREATE SCHEMA ocds;
CREATE FUNCTION ocds.formatted_amount(amount text) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT CASE WHEN (trimmed.trimmed ~ '^[+-]?([0-9]{1,100}(\.[0-9]{0,100})?|\.[0-9]{1,100})[eE][+-]?[0-9]{1,3}$'::text) THEN CASE WHEN (((abs((trimmed.trimmed)::numeric) >= 0.000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000022250738585072014) AND (abs((trimmed.trimmed)::numeric) <= '179769313486231570000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000'::numeric)) OR ((trimmed.trimmed)::numeric = (0)::numeric)) THEN (trimmed.trimmed)::numeric ELSE NULL::numeric END WHEN (octet_length(number.number) > 100) THEN NULL::numeric WHEN (number.number ~ '^[+-]?([0-9]+(\.[0-9]+)?|[0-9]{1,3}(,[0-9]{3})+\.[0-9]+|[0-9]{1,3}(,[0-9]{3}){2,})$'::text) THEN (replace(number.number, ','::text, ''::text))::numeric WHEN (number.number ~ '^[+-]?([0-9]+,([0-9]{1,2}|[0-9]{4,})|[0-9]{1,3}(\.[0-9]{3})+,[0-9]+|[0-9]{1,3}(\.[0-9]{3}){2,})$'::text) THEN (replace(replace(number.number, '.'::text, ''::text), ','::text, '.'::text))::numeric WHEN (number.number ~ '^[+-]?[0-9]{1,3}([ \u00a0\u202f])[0-9]{3}(\1[0-9]{3})*([.,][0-9]+)?$'::text) THEN (replace(regexp_replace(number.number, '[ \u00a0\u202f]'::text, ''::text, 'g'::text), ','::text, '.'::text))::numeric ELSE NULL::numeric END AS "case" FROM (btrim(formatted_amount.amount, ' 	
'::text) trimmed(trimmed) CROSS JOIN LATERAL regexp_replace(trimmed.trimmed, '^([+-]?)[N\u20a6$\u20ac\u00a3][ \u00a0\u202f]*(?=[0-9])'::text, '\1'::text) number(number)));
CREATE FUNCTION ocds.amount(value jsonb) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(value) WHEN 'number'::text THEN CASE WHEN (length((value #>> '{}'::text[])) <= 300) THEN ((value #>> '{}'::text[]))::numeric WHEN (((abs(((value #>> '{}'::text[]))::numeric) >= 0.000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000022250738585072014) AND (abs(((value #>> '{}'::text[]))::numeric) <= '179769313486231570000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000'::numeric)) OR (((value #>> '{}'::text[]))::numeric = (0)::numeric)) THEN ((value #>> '{}'::text[]))::numeric ELSE NULL::numeric END WHEN 'string'::text THEN CASE WHEN ((value #>> '{}'::text[]) ~ '^[ \t\n\f\r]*[+-]?([0-9]{1,100}(\.[0-9]{0,100})?|\.[0-9]{1,100})[ \t\n\f\r]*$'::text) THEN ((value #>> '{}'::text[]))::numeric ELSE ocds.formatted_amount((value #>> '{}'::text[])) END ELSE NULL::numeric END;
CREATE FUNCTION ocds.entries(value jsonb) RETURNS SETOF jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN jsonb_array_elements(CASE COALESCE(jsonb_typeof(value), 'null'::text) WHEN 'array'::text THEN value WHEN 'null'::text THEN '[]'::jsonb ELSE jsonb_build_array(value) END);
CREATE FUNCTION ocds.lacks_name(organisations jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (organisations @? '$[*]?(!(@."name".type() == "string" && @."name" != ""))'::jsonpath);
CREATE FUNCTION ocds.organisation_names(organisations jsonb, parties jsonb) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY(SELECT COALESCE(party.name, organisation.name) AS "coalesce" FROM ((SELECT listed.place, CASE jsonb_typeof((listed.entry -> 'name'::text)) WHEN 'string'::text THEN (listed.entry ->> 'name'::text) ELSE NULL::text END AS name, CASE WHEN (jsonb_typeof((listed.entry -> 'id'::text)) = ANY (ARRAY['string'::text, 'number'::text])) THEN (listed.entry ->> 'id'::text) ELSE NULL::text END AS id FROM ocds.entries(organisation_names.organisations) WITH ORDINALITY listed(entry, place)) organisation LEFT JOIN (SELECT DISTINCT ON ((listed.entry ->> 'id'::text)) (listed.entry ->> 'id'::text) AS id, (listed.entry ->> 'name'::text) AS name FROM ocds.entries(organisation_names.parties) WITH ORDINALITY listed(entry, place) WHERE ((jsonb_typeof((listed.entry -> 'id'::text)) = ANY (ARRAY['string'::text, 'number'::text])) AND ((listed.entry ->> 'id'::text) ~ '\S'::text) AND (jsonb_typeof((listed.entry -> 'name'::text)) = 'string'::text) AND ((listed.entry ->> 'name'::text) <> ''::text)) ORDER BY (listed.entry ->> 'id'::text), listed.place) party ON (((party.id = organisation.id) AND (COALESCE(organisation.name, ''::text) = ''::text)))) ORDER BY organisation.place);
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE ocds.release (
    source text NOT NULL,
    ocid text NOT NULL,
    release_id text NOT NULL,
    date timestamp with time zone,
    tag text[],
    initiation_type text,
    language text,
    buyer_id text,
    buyer_name text,
    tender_id text,
    tender_title text,
    tender_status text,
    procurement_method text,
    main_procurement_category text,
    tender_value numeric,
    tender_currency text,
    tender_start timestamp with time zone,
    tender_end timestamp with time zone,
    award_count integer NOT NULL,
    contract_count integer NOT NULL,
    supplier_names text[] NOT NULL,
    content_hash bytea NOT NULL,
    run_id bigint NOT NULL,
    page_number bigint NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    fetched_at timestamp with time zone NOT NULL,
    data jsonb NOT NULL,
    repairs text[],
    served bytea,
    unread text[],
    package_id uuid,
    chain_number integer DEFAULT 0 NOT NULL
);
CREATE VIEW ocds.award AS
 SELECT release.source,
    release.ocid,
    release.release_id,
    release.date AS release_date,
    (award.award ->> 'id'::text) AS award_id,
    (award.award ->> 'title'::text) AS title,
    (award.award ->> 'status'::text) AS status,
    (award.award ->> 'date'::text) AS date,
    ocds.amount(((award.award -> 'value'::text) -> 'amount'::text)) AS value,
    ((award.award -> 'value'::text) ->> 'currency'::text) AS currency,
        CASE
            WHEN ocds.lacks_name((award.award -> 'suppliers'::text)) THEN ocds.organisation_names((award.award -> 'suppliers'::text), (release.data -> 'parties'::text))
            ELSE ARRAY( SELECT (supplier.supplier ->> 'name'::text)
               FROM ocds.entries((award.award -> 'suppliers'::text)) supplier(supplier))
        END AS supplier_names,
    award.award AS data
   FROM (ocds.release
     CROSS JOIN LATERAL ocds.entries((release.data -> 'awards'::text)) award(award))
  WHERE (jsonb_typeof(award.award) = 'object'::text);
CREATE TABLE ocds.compiled_release (
    source text NOT NULL,
    ocid text NOT NULL,
    origin text NOT NULL,
    date timestamp with time zone,
    tag text[],
    content_hash bytea NOT NULL,
    repairs text[],
    run_id bigint NOT NULL,
    page_number bigint NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    fetched_at timestamp with time zone NOT NULL,
    data jsonb NOT NULL,
    served bytea,
    unread text[],
    package_id uuid,
    chain_number integer DEFAULT 0 NOT NULL,
    CONSTRAINT compiled_release_origin_check CHECK ((origin = 'publisher'::text))
);
CREATE VIEW ocds.contract AS
 SELECT release.source,
    release.ocid,
    release.release_id,
    release.date AS release_date,
    (contract.contract ->> 'id'::text) AS contract_id,
    (contract.contract ->> 'awardID'::text) AS award_id,
    (contract.contract ->> 'title'::text) AS title,
    (contract.contract ->> 'status'::text) AS status,
    (contract.contract ->> 'dateSigned'::text) AS date_signed,
    ocds.amount(((contract.contract -> 'value'::text) -> 'amount'::text)) AS value,
    ((contract.contract -> 'value'::text) ->> 'currency'::text) AS currency,
    contract.contract AS data
   FROM (ocds.release
     CROSS JOIN LATERAL ocds.entries((release.data -> 'contracts'::text)) contract(contract))
  WHERE (jsonb_typeof(contract.contract) = 'object'::text);
CREATE VIEW ocds.item AS
 SELECT release.source,
    release.ocid,
    release.release_id,
    release.date AS release_date,
    part.section,
    part.section_id,
    (item.item ->> 'id'::text) AS item_id,
    (item.item ->> 'description'::text) AS description,
    ((item.item -> 'classification'::text) ->> 'scheme'::text) AS classification_scheme,
    ((item.item -> 'classification'::text) ->> 'id'::text) AS classification_id,
    ocds.amount((item.item -> 'quantity'::text)) AS quantity,
    ((item.item -> 'unit'::text) ->> 'name'::text) AS unit,
    item.item AS data
   FROM ((ocds.release
     CROSS JOIN LATERAL ( SELECT 'tender'::text AS section,
            ((release.data -> 'tender'::text) ->> 'id'::text) AS section_id,
            ((release.data -> 'tender'::text) -> 'items'::text) AS items
        UNION ALL
         SELECT 'award'::text,
            (award.award ->> 'id'::text),
            (award.award -> 'items'::text)
           FROM ocds.entries((release.data -> 'awards'::text)) award(award)
        UNION ALL
         SELECT 'contract'::text,
            (contract.contract ->> 'id'::text),
            (contract.contract -> 'items'::text)
           FROM ocds.entries((release.data -> 'contracts'::text)) contract(contract)) part)
     CROSS JOIN LATERAL ocds.entries(part.items) item(item))
  WHERE (jsonb_typeof(item.item) = 'object'::text);
CREATE TABLE ocds.migration (
    version integer NOT NULL,
    name text NOT NULL,
    checksum bytea NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE ocds.package (
    source text NOT NULL,
    id uuid NOT NULL,
    data jsonb NOT NULL,
    first_seen_at timestamp with time zone NOT NULL
);
CREATE TABLE ocds.page (
    run_id bigint NOT NULL,
    chain text NOT NULL,
    number bigint NOT NULL,
    cursor text NOT NULL,
    next_number bigint,
    next_cursor text,
    url text NOT NULL,
    fetched_at timestamp with time zone NOT NULL,
    committed_at timestamp with time zone NOT NULL,
    package jsonb,
    releases integer NOT NULL,
    inserted integer NOT NULL,
    updated integer NOT NULL,
    unchanged integer NOT NULL,
    folded integer NOT NULL,
    quarantined integer NOT NULL,
    items integer,
    etag text,
    last_modified text,
    rules text,
    passed_over integer DEFAULT 0 NOT NULL,
    older integer DEFAULT 0 NOT NULL
);
CREATE VIEW ocds.party AS
 SELECT release.source,
    release.ocid,
    release.release_id,
    release.date AS release_date,
    (party.party ->> 'id'::text) AS party_id,
    (party.party ->> 'name'::text) AS name,
    ARRAY( SELECT (role.role #>> '{}'::text[])
           FROM ocds.entries((party.party -> 'roles'::text)) role(role)) AS roles,
    ((party.party -> 'identifier'::text) ->> 'scheme'::text) AS identifier_scheme,
    ((party.party -> 'identifier'::text) ->> 'id'::text) AS identifier,
    ((party.party -> 'address'::text) ->> 'countryName'::text) AS country,
    party.party AS data
   FROM (ocds.release
     CROSS JOIN LATERAL ocds.entries((release.data -> 'parties'::text)) party(party))
  WHERE (jsonb_typeof(party.party) = 'object'::text);
CREATE TABLE ocds.quarantine (
    id bigint NOT NULL,
    source text NOT NULL,
    document_hash bytea NOT NULL,
    pointer text NOT NULL,
    reason text NOT NULL,
    message text NOT NULL,
    sqlstate text,
    constraint_name text,
    ocid text,
    release_id text,
    url text NOT NULL,
    run_id bigint NOT NULL,
    page_number bigint NOT NULL,
    seen integer NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    resolved_at timestamp with time zone,
    resolution text,
    document bytea NOT NULL,
    chain text DEFAULT ''::text NOT NULL,
    version text,
    is_redacted boolean DEFAULT false NOT NULL,
    package_id uuid,
    chain_number integer DEFAULT 0 NOT NULL,
    overwrite text,
    CONSTRAINT quarantine_check CHECK (((resolved_at IS NULL) = (resolution IS NULL))),
    CONSTRAINT quarantine_overwrite_check CHECK ((overwrite = ANY (ARRAY['newer'::text, 'always'::text]))),
    CONSTRAINT quarantine_resolution_check CHECK ((resolution = ANY (ARRAY['stored'::text, 'replayed'::text, 'discarded'::text])))
);
ALTER TABLE ocds.quarantine ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ocds.quarantine_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE ocds.release_history (
    source text NOT NULL,
    ocid text NOT NULL,
    release_id text NOT NULL,
    date timestamp with time zone,
    content_hash bytea NOT NULL,
    package_id uuid,
    repairs text[],
    run_id bigint NOT NULL,
    chain_number integer NOT NULL,
    page_number bigint NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    fetched_at timestamp with time zone NOT NULL,
    replaced_at timestamp with time zone NOT NULL,
    replaced_by bigint NOT NULL,
    data jsonb NOT NULL,
    served bytea
);
CREATE TABLE ocds.request (
    id bigint NOT NULL,
    run_id bigint NOT NULL,
    page_number bigint NOT NULL,
    attempt integer NOT NULL,
    url text NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    status integer,
    milliseconds integer NOT NULL,
    bytes bigint NOT NULL,
    error text
);
ALTER TABLE ocds.request ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ocds.request_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE ocds.run (
    id bigint NOT NULL,
    source text NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    definition text NOT NULL,
    from_page bigint,
    to_page bigint,
    end_seen boolean NOT NULL,
    epoch integer NOT NULL,
    owner text NOT NULL,
    taken_at timestamp with time zone NOT NULL,
    backend_pid integer NOT NULL,
    backend_start timestamp with time zone NOT NULL,
    heartbeat_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    requests bigint DEFAULT 0 NOT NULL,
    retries bigint DEFAULT 0 NOT NULL,
    bytes bigint DEFAULT 0 NOT NULL,
    error text,
    window_from timestamp with time zone,
    window_until timestamp with time zone,
    pages bigint,
    verified_at timestamp with time zone,
    is_pooled boolean DEFAULT false NOT NULL,
    heartbeat_seconds double precision,
    server text,
    refused_answer text,
    refused_since timestamp with time zone,
    refused_at timestamp with time zone,
    refused_days integer,
    is_given_up boolean DEFAULT false NOT NULL,
    CONSTRAINT run_kind_check CHECK ((kind = ANY (ARRAY['incremental'::text, 'backfill'::text, 'load'::text, 'replay'::text, 'purge'::text]))),
    CONSTRAINT run_state_check CHECK ((state = ANY (ARRAY['running'::text, 'complete'::text, 'truncated'::text, 'failed'::text])))
);
ALTER TABLE ocds.run ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ocds.run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE VIEW ocds.unread AS
 SELECT release.source,
    column_name.column_name,
        CASE column_name.column_name
            WHEN 'tender_value'::text THEN 'amount'::text
            ELSE 'date'::text
        END AS kind,
    count(*) AS releases
   FROM (( SELECT release_1.source,
            release_1.unread
           FROM ocds.release release_1
          WHERE (release_1.unread IS NOT NULL)
        UNION ALL
         SELECT compiled_release.source,
            compiled_release.unread
           FROM ocds.compiled_release
          WHERE (compiled_release.unread IS NOT NULL)) release
     CROSS JOIN LATERAL unnest(release.unread) column_name(column_name))
  GROUP BY release.source, column_name.column_name;
CREATE TABLE ocds.watermark (
    source text NOT NULL,
    scope text NOT NULL,
    reached timestamp with time zone,
    cursor text,
    run_id bigint NOT NULL,
    moved_at timestamp with time zone NOT NULL
);
INSERT INTO ocds.compiled_release VALUES
	('records', 'ocds-213czf-0', 'publisher', '2026-01-01 00:00:00+00', '{compiled}', '\x6dc952d7906cf5fbe54b34157bacbb8ac52968bdee598fbf33003525439bc31b', NULL, 4, 0, '2026-11-29 22:06:37.844315+00', '2026-11-29 22:06:37.842703+00', '{"id": "compiled", "tag": ["compiled"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-0", "tender": {"title": "Works 0"}}', NULL, NULL, '5ca0849a-ab52-01dc-4e7f-d66d53a9b4f0', 0),
	('records', 'ocds-213czf-1', 'publisher', '2026-01-01 00:00:00+00', '{compiled}', '\x7d22948511a1454487ff05e097004cc8e95ee465a374be0b18a092529cb716a8', NULL, 4, 0, '2026-11-29 22:06:37.844315+00', '2026-11-29 22:06:37.842703+00', '{"id": "compiled", "tag": ["compiled"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"title": "Works 1"}}', NULL, NULL, '5ca0849a-ab52-01dc-4e7f-d66d53a9b4f0', 0),
	('records', 'ocds-213czf-2', 'publisher', '2026-01-01 00:00:00+00', '{compiled}', '\x8595cc332dc0056acf0fa4d7665383c831c00725a3ec6f5b0baa8483164504df', NULL, 4, 1, '2026-11-29 22:06:37.858002+00', '2026-11-29 22:06:37.847507+00', '{"id": "compiled", "tag": ["compiled"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-2", "tender": {"title": "Works 2"}}', NULL, NULL, '5ca0849a-ab52-01dc-4e7f-d66d53a9b4f0', 0),
	('records', 'ocds-213czf-3', 'publisher', '2026-01-01 00:00:00+00', '{compiled}', '\x6f5003cfaf7b9e680ec8096105543c7f5d3c619e15a3aa5b202a0ca7bfecbb05', NULL, 4, 1, '2026-11-29 22:06:37.858002+00', '2026-11-29 22:06:37.847507+00', '{"id": "compiled", "tag": ["compiled"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-3", "tender": {"title": "Works 3"}}', NULL, NULL, '5ca0849a-ab52-01dc-4e7f-d66d53a9b4f0', 0);
INSERT INTO ocds.migration VALUES
	(1, 'ledger_and_releases', '\x9942b65a45738135c9d343c8a58e59bd4ef08333ef17ed02066d149d11517769', '2026-11-29 22:06:37.396924+00'),
	(2, 'views', '\xac160e362c8a54f7246ed41b0907a5952cf1ce9771cf6b14474851c790435dd8', '2026-11-29 22:06:37.396924+00'),
	(3, 'release_key', '\x7de08aaf050b0886aa549801746a78476eb6add9a153de37174174851cd78caf', '2026-11-29 22:06:37.396924+00'),
	(4, 'purge_and_request', '\xbf6ea288673ea08349376d95d8d1358ed053c58bac0cd009a9d11339ab10b201', '2026-11-29 22:06:37.396924+00'),
	(5, 'windows', '\x0087ad81902823968f29689781f2bf21648bca37f1032b8ceecbc74c7c5ff8b6', '2026-11-29 22:06:37.396924+00'),
	(6, 'items', '\x1cae37183c3279279ac3136f0ab632d2a6776facf4ac6db9e3d1c82891f13459', '2026-11-29 22:06:37.396924+00'),
	(7, 'validators', '\xb3fd777714c9406854eff01ed47968d0531d4b8bd63e52bb301c92f496f2f7be', '2026-11-29 22:06:37.396924+00'),
	(8, 'load', '\xde80b554959e1031b974fe7ed7c84422ee3faa17081642906f18673be51ef538', '2026-11-29 22:06:37.396924+00'),
	(9, 'lost_commits', '\x520da5fc1e3cea334d2902a482bbf0c302f7732f49d585a57a62af6a8d533157', '2026-11-29 22:06:37.396924+00'),
	(10, 'redacted_rejects', '\x19c5917ec6bf380e299cdd6d3cf668491479514359b2e4276d66b4808ed2abd4', '2026-11-29 22:06:37.396924+00'),
	(11, 'amounts', '\xc39e07064acc30c7713963fc12f3782321d45781f3940dccb1a68af9df2c666d', '2026-11-29 22:06:37.396924+00'),
	(12, 'refused_positions', '\x9edeada50705e39a2b09208c102d29e48e2ce39737d7823e7cb2f55197853db6', '2026-11-29 22:06:37.396924+00'),
	(13, 'passed_over', '\xd27f36eaafcdc6ba2b7b266207f8f2ff197446f58e92791d4fb232554ea1834d', '2026-11-29 22:06:37.396924+00'),
	(14, 'unread', '\xbef01abeba1c5ec058cf419f25bd4d2d418d139c7b53c1d5f2687b3e8eb32300', '2026-11-29 22:06:37.396924+00'),
	(15, 'packages', '\xc064306e1ab34be0faefed77e7199ea223c76acfe4030557644c391f8b668aba', '2026-11-29 22:06:37.396924+00'),
	(16, 'peru_compras_watermark', '\x441d2cf553509a1cd7f586c41558d6cf62fd4c9a876bdcba4d9477eb7d02ef70', '2026-11-29 22:06:37.396924+00'),
	(17, 'overwrite', '\x2c33c1aea94712694dd13e138052551c8877f50c54117a6250cdce937760f93f', '2026-11-29 22:06:37.396924+00');
INSERT INTO ocds.package VALUES
	('links', 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}}', '2026-11-29 22:06:37.530682+00'),
	('gaps', 'aa0e979d-3928-5f10-b2fc-b48802cfbdc2', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}, "total_items": 9, "total_pages": 5}', '2026-11-29 22:06:37.636693+00'),
	('stopped', 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}}', '2026-11-29 22:06:37.742474+00'),
	('records', '5ca0849a-ab52-01dc-4e7f-d66d53a9b4f0', '{"version": "1.1", "total_pages": 4}', '2026-11-29 22:06:37.844315+00'),
	('backfilled', 'c175197e-bb8c-5f60-18df-baefb778be01', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}, "total_items": 11, "total_pages": 6}', '2026-11-29 22:06:37.943123+00'),
	('axes', 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}}', '2026-11-29 22:06:38.03787+00'),
	('details', 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}}', '2026-11-29 22:06:38.143679+00'),
	('keys', 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}}', '2026-11-29 22:06:38.23355+00'),
	('tokens', 'b82c3d27-64fd-3b53-0ef9-d306462c3b1e', '{"uri": "https://publisher.example/package", "next": "t2", "publisher": {"name": "Scripted"}}', '2026-11-29 22:06:38.329183+00'),
	('tokens', '4d11e198-4e6e-da35-aed0-93789ed8641c', '{"uri": "https://publisher.example/package", "next": "t3", "publisher": {"name": "Scripted"}}', '2026-11-29 22:06:38.339977+00'),
	('windows', 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}}', '2026-11-29 22:06:38.420987+00'),
	('halves', 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}}', '2026-11-29 22:06:38.642232+00'),
	('buyers', 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}}', '2026-11-29 22:06:38.747055+00'),
	('changes', 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}}', '2026-11-29 22:06:38.855696+00'),
	('tagged', '27ba0902-86c4-b288-dc99-9b6a826fae19', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}, "total_items": 5, "total_pages": 3}', '2026-11-29 22:06:38.960341+00'),
	('archive', 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}}', '2026-11-29 22:06:39.150801+00'),
	('loaded', 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}}', '2026-11-29 22:06:39.277107+00');
INSERT INTO ocds.page VALUES
	(1, '', 1, 'start ', 2, 'link http://links.example/releases?page=2', 'http://links.example/releases', '2026-11-29 22:06:37.528434+00', '2026-11-29 22:06:37.530682+00', '{"uri": "https://publisher.example/package", "links": {"next": "?page=2"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(1, '', 2, 'link http://links.example/releases?page=2', 3, 'link http://links.example/releases?page=3', 'http://links.example/releases?page=2', '2026-11-29 22:06:37.532991+00', '2026-11-29 22:06:37.543378+00', '{"uri": "https://publisher.example/package", "links": {"next": "?page=3"}, "releases": [], "publisher": {"name": "Scripted"}}', 3, 1, 0, 0, 0, 2, 3, NULL, NULL, NULL, 0, 0),
	(1, '', 3, 'link http://links.example/releases?page=3', 4, 'link http://links.example/releases?page=4', 'http://links.example/releases?page=3', '2026-11-29 22:06:37.535556+00', '2026-11-29 22:06:37.546653+00', '{"uri": "https://publisher.example/package", "links": {"next": "?page=4"}, "releases": [], "publisher": {"name": "Scripted"}}', 3, 2, 0, 0, 0, 1, 3, NULL, NULL, NULL, 0, 0),
	(2, '', 1, 'number 1', 2, 'number 2', 'http://gaps.example/releases?page=1', '2026-11-29 22:06:37.63497+00', '2026-11-29 22:06:37.636693+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}, "total_items": 9, "total_pages": 5}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(2, '', 2, 'number 2', 3, 'number 3', 'http://gaps.example/releases?page=2', '2026-11-29 22:06:37.637665+00', '2026-11-29 22:06:37.649639+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}, "total_items": 9, "total_pages": 5}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(2, '', 4, 'number 4', 5, 'number 5', 'http://gaps.example/releases?page=4', '2026-11-29 22:06:37.642652+00', '2026-11-29 22:06:37.653509+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}, "total_items": 9, "total_pages": 5}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(3, '', 1, 'start ', 2, 'link http://stopped.example/releases?page=2', 'http://stopped.example/releases', '2026-11-29 22:06:37.740849+00', '2026-11-29 22:06:37.742474+00', '{"uri": "https://publisher.example/package", "links": {"next": "?page=2"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(3, '', 2, 'link http://stopped.example/releases?page=2', 3, 'link http://stopped.example/releases?page=3', 'http://stopped.example/releases?page=2', '2026-11-29 22:06:37.742911+00', '2026-11-29 22:06:37.752367+00', '{"uri": "https://publisher.example/package", "links": {"next": "?page=3"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(4, '', 0, 'number 0', 1, 'number 1', 'http://records.example/records?page=0', '2026-11-29 22:06:37.842703+00', '2026-11-29 22:06:37.844315+00', '{"records": [], "version": "1.1", "total_pages": 4}', 4, 4, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(4, '', 1, 'number 1', 2, 'number 2', 'http://records.example/records?page=1', '2026-11-29 22:06:37.847507+00', '2026-11-29 22:06:37.858002+00', '{"records": [], "version": "1.1", "total_pages": 4}', 4, 4, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(5, '', 2, 'offset 2', 3, 'offset 4', 'http://backfilled.example/releases?offset=2', '2026-11-29 22:06:37.941393+00', '2026-11-29 22:06:37.943123+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}, "total_items": 11, "total_pages": 6}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(5, '', 3, 'offset 4', 4, 'offset 6', 'http://backfilled.example/releases?offset=4', '2026-11-29 22:06:37.944679+00', '2026-11-29 22:06:37.955087+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}, "total_items": 11, "total_pages": 6}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(6, 'kind=tender', 1, 'start ', 2, 'link http://axes.example/tender?page=2', 'http://axes.example/tender', '2026-11-29 22:06:38.036009+00', '2026-11-29 22:06:38.03787+00', '{"uri": "https://publisher.example/package", "links": {"next": "?page=2"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(6, 'kind=tender', 2, 'link http://axes.example/tender?page=2', 3, 'link http://axes.example/tender?page=3', 'http://axes.example/tender?page=2', '2026-11-29 22:06:38.038709+00', '2026-11-29 22:06:38.050277+00', '{"uri": "https://publisher.example/package", "links": {"next": "?page=3"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(6, 'kind=tender', 3, 'link http://axes.example/tender?page=3', NULL, NULL, 'http://axes.example/tender?page=3', '2026-11-29 22:06:38.041154+00', '2026-11-29 22:06:38.052561+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(6, 'kind=award+%26+more', 1, 'start ', 2, 'link http://axes.example/award%20%26%20more?page=2', 'http://axes.example/award%20%26%20more', '2026-11-29 22:06:38.043799+00', '2026-11-29 22:06:38.054355+00', '{"uri": "https://publisher.example/package", "links": {"next": "?page=2"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(7, '', 1, 'detail 0 - start ', 2, 'detail 2 18c9864410e6d374 start ', 'http://details.example/index', '2026-11-29 22:06:38.137658+00', '2026-11-29 22:06:38.143679+00', NULL, 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(8, '', 1, 'start ', 2, 'link http://keys.example/releases?key={env.RECORDED_KEY}&page=2', 'http://keys.example/releases?key={env.RECORDED_KEY}', '2026-11-29 22:06:38.231612+00', '2026-11-29 22:06:38.23355+00', '{"uri": "https://publisher.example/package", "links": {"next": "http://keys.example/releases?key={env.RECORDED_KEY}&page=2"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(8, '', 2, 'link http://keys.example/releases?key={env.RECORDED_KEY}&page=2', 3, 'link http://keys.example/releases?key={env.RECORDED_KEY}&page=3', 'http://keys.example/releases?key={env.RECORDED_KEY}&page=2', '2026-11-29 22:06:38.234627+00', '2026-11-29 22:06:38.24467+00', '{"uri": "https://publisher.example/package", "links": {"next": "http://keys.example/releases?key={env.RECORDED_KEY}&page=3"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(9, '', 1, 'token t1', 2, 'token t2', 'http://tokens.example/releases?key={env.RECORDED_KEY}&after=t1', '2026-11-29 22:06:38.327398+00', '2026-11-29 22:06:38.329183+00', '{"uri": "https://publisher.example/package", "next": "t2", "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(9, '', 2, 'token t2', 3, 'token t3', 'http://tokens.example/releases?key={env.RECORDED_KEY}&after=t2', '2026-11-29 22:06:38.330461+00', '2026-11-29 22:06:38.339977+00', '{"uri": "https://publisher.example/package", "next": "t3", "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(10, '2024-01-01T00:00:00Z/2024-01-08T00:00:00Z', 1, 'start ', 2, 'link http://windows.example/feed?from=2024-01-01&to=2024-01-08&page=2', 'http://windows.example/feed?from=2024-01-01&to=2024-01-08', '2026-11-29 22:06:38.418871+00', '2026-11-29 22:06:38.420987+00', '{"uri": "https://publisher.example/package", "links": {"next": "/feed?from=2024-01-01&to=2024-01-08&page=2"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(10, '2024-01-01T00:00:00Z/2024-01-08T00:00:00Z', 2, 'link http://windows.example/feed?from=2024-01-01&to=2024-01-08&page=2', NULL, NULL, 'http://windows.example/feed?from=2024-01-01&to=2024-01-08&page=2', '2026-11-29 22:06:38.421261+00', '2026-11-29 22:06:38.434889+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(10, '2024-01-08T00:00:00Z/2024-01-15T00:00:00Z', 1, 'start ', 2, 'link http://windows.example/feed?from=2024-01-08&to=2024-01-15&page=2', 'http://windows.example/feed?from=2024-01-08&to=2024-01-15', '2026-11-29 22:06:38.424068+00', '2026-11-29 22:06:38.436931+00', '{"uri": "https://publisher.example/package", "links": {"next": "/feed?from=2024-01-08&to=2024-01-15&page=2"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(10, '2024-01-08T00:00:00Z/2024-01-15T00:00:00Z', 2, 'link http://windows.example/feed?from=2024-01-08&to=2024-01-15&page=2', NULL, NULL, 'http://windows.example/feed?from=2024-01-08&to=2024-01-15&page=2', '2026-11-29 22:06:38.427864+00', '2026-11-29 22:06:38.438624+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(10, '2024-01-15T00:00:00Z/2024-01-16T00:00:00Z', 1, 'start ', 2, 'link http://windows.example/feed?from=2024-01-15&to=2024-01-16&page=2', 'http://windows.example/feed?from=2024-01-15&to=2024-01-16', '2026-11-29 22:06:38.431035+00', '2026-11-29 22:06:38.44021+00', '{"uri": "https://publisher.example/package", "links": {"next": "/feed?from=2024-01-15&to=2024-01-16&page=2"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(10, '2024-01-15T00:00:00Z/2024-01-16T00:00:00Z', 2, 'link http://windows.example/feed?from=2024-01-15&to=2024-01-16&page=2', NULL, NULL, 'http://windows.example/feed?from=2024-01-15&to=2024-01-16&page=2', '2026-11-29 22:06:38.433817+00', '2026-11-29 22:06:38.44199+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(11, '2024-01-15T00:00:00Z/2024-01-22T00:00:00Z', 1, 'start ', 2, 'link http://windows.example/feed?from=2024-01-15&to=2024-01-22&page=2', 'http://windows.example/feed?from=2024-01-15&to=2024-01-22', '2026-11-29 22:06:38.530416+00', '2026-11-29 22:06:38.532593+00', '{"uri": "https://publisher.example/package", "links": {"next": "/feed?from=2024-01-15&to=2024-01-22&page=2"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 0, 0, 2, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(11, '2024-01-15T00:00:00Z/2024-01-22T00:00:00Z', 2, 'link http://windows.example/feed?from=2024-01-15&to=2024-01-22&page=2', NULL, NULL, 'http://windows.example/feed?from=2024-01-15&to=2024-01-22&page=2', '2026-11-29 22:06:38.536774+00', '2026-11-29 22:06:38.545046+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 1, 0, 0, 1, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(11, '2024-01-22T00:00:00Z/2024-01-29T00:00:00Z', 1, 'start ', 2, 'link http://windows.example/feed?from=2024-01-22&to=2024-01-29&page=2', 'http://windows.example/feed?from=2024-01-22&to=2024-01-29', '2026-11-29 22:06:38.540237+00', '2026-11-29 22:06:38.546662+00', '{"uri": "https://publisher.example/package", "links": {"next": "/feed?from=2024-01-22&to=2024-01-29&page=2"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(12, '2024-01-01T00:00:00Z/2024-01-08T00:00:00Z', 1, 'start ', NULL, NULL, 'http://halves.example/feed?from=2024-01-01&to=2024-01-08', '2026-11-29 22:06:38.640473+00', '2026-11-29 22:06:38.642232+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(12, '2024-01-08T00:00:00Z/2024-01-16T00:00:00Z', 1, 'start ', NULL, NULL, 'http://halves.example/feed?from=2024-01-08&to=2024-01-16', '2026-11-29 22:06:38.64366+00', '2026-11-29 22:06:38.653099+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(13, '2024-01-01T00:00:00Z/2024-01-11T00:00:00Z buyer=a', 1, 'start ', NULL, NULL, 'http://buyers.example/of/a?from=2024-01-01&to=2024-01-11', '2026-11-29 22:06:38.744667+00', '2026-11-29 22:06:38.747055+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(13, '2024-01-01T00:00:00Z/2024-01-11T00:00:00Z buyer=b', 1, 'start ', NULL, NULL, 'http://buyers.example/of/b?from=2024-01-01&to=2024-01-11', '2026-11-29 22:06:38.748368+00', '2026-11-29 22:06:38.75932+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(13, '2024-01-11T00:00:00Z/2024-01-21T00:00:00Z buyer=a', 1, 'start ', NULL, NULL, 'http://buyers.example/of/a?from=2024-01-11&to=2024-01-21', '2026-11-29 22:06:38.75134+00', '2026-11-29 22:06:38.761018+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(13, '2024-01-11T00:00:00Z/2024-01-21T00:00:00Z buyer=b', 1, 'start ', NULL, NULL, 'http://buyers.example/of/b?from=2024-01-11&to=2024-01-21', '2026-11-29 22:06:38.754117+00', '2026-11-29 22:06:38.762509+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(14, '', 1, 'start ', 2, 'link http://changes.example/changes?page=2', 'http://changes.example/changes', '2026-11-29 22:06:38.854186+00', '2026-11-29 22:06:38.855696+00', '{"uri": "https://publisher.example/package", "links": {"next": "/changes?page=2"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(14, '', 2, 'link http://changes.example/changes?page=2', 3, 'link http://changes.example/changes?page=3', 'http://changes.example/changes?page=2', '2026-11-29 22:06:38.857835+00', '2026-11-29 22:06:38.865994+00', '{"uri": "https://publisher.example/package", "links": {"next": "/changes?page=3"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(14, '', 3, 'link http://changes.example/changes?page=3', NULL, NULL, 'http://changes.example/changes?page=3', '2026-11-29 22:06:38.860998+00', '2026-11-29 22:06:38.86808+00', '{"uri": "https://publisher.example/package", "links": {"next": "/changes?page=3"}, "releases": [], "publisher": {"name": "Scripted"}}', 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(15, '', 1, 'number 1', 2, 'number 2', 'http://tagged.example/releases?page=1', '2026-11-29 22:06:38.958234+00', '2026-11-29 22:06:38.960341+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}, "total_items": 5, "total_pages": 3}', 2, 2, 0, 0, 0, 0, 2, '"96dbd1250a659974"', 'Fri, 13 Nov 2020 08:00:00 GMT', 'faa14f77e54d4577f48d0eac08d85ba7', 0, 0),
	(15, '', 2, 'number 2', 3, 'number 3', 'http://tagged.example/releases?page=2', '2026-11-29 22:06:38.962599+00', '2026-11-29 22:06:38.970918+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}, "total_items": 5, "total_pages": 3}', 2, 2, 0, 0, 0, 0, 2, '"d21330ff7f8c1487"', 'Fri, 13 Nov 2020 08:00:00 GMT', 'faa14f77e54d4577f48d0eac08d85ba7', 0, 0),
	(15, '', 3, 'number 3', NULL, NULL, 'http://tagged.example/releases?page=3', '2026-11-29 22:06:38.965873+00', '2026-11-29 22:06:38.97271+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}, "total_items": 5, "total_pages": 3}', 1, 1, 0, 0, 0, 0, 1, '"1df7b73160d9a038"', 'Fri, 13 Nov 2020 08:00:00 GMT', 'faa14f77e54d4577f48d0eac08d85ba7', 0, 0),
	(16, '', 1, 'start ', 2, 'piece 1 0 0 3723f411d1bab5f18df726fc1018586a', 'http://archive.example/all.zip', '2026-11-29 22:06:39.149771+00', '2026-11-29 22:06:39.150801+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(17, 'file=%2Fsrv%2Floaded.json', 1, 'start ', NULL, NULL, 'file:///srv/loaded.json', '2026-11-29 22:06:39.275951+00', '2026-11-29 22:06:39.277107+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 3, 3, 0, 0, 0, 0, 3, NULL, NULL, NULL, 0, 0),
	(18, 'file=http%3A%2F%2Floaded.example%2Flarge.json', 1, 'start ', 2, 'piece 0 0 1048727 f0c9f46125508b822c5ddb716f33305b', 'http://loaded.example/large.json', '2026-11-29 22:06:39.425048+00', '2026-11-29 22:06:39.426095+00', NULL, 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(18, 'file=http%3A%2F%2Floaded.example%2Flarge.json', 2, 'piece 0 0 1048727 f0c9f46125508b822c5ddb716f33305b', 3, 'piece 0 0 2097453 422774599b453e890811e9cfe7a115ef', 'http://loaded.example/large.json', '2026-11-29 22:06:39.440004+00', '2026-11-29 22:06:39.444375+00', NULL, 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0);
INSERT INTO ocds.quarantine OVERRIDING SYSTEM VALUE VALUES
	(1, 'links', '\x5b157c7b86677a72299c1f282a26a5ea470d81a44b8ad9bc63e419882424b762', '/releases/0', 'nul-character', 'the release has \u0000 at its byte 83, which PostgreSQL cannot store', NULL, NULL, 'ocds-213czf-2', '2', 'http://links.example/releases?page=2', 1, 2, 1, '2026-11-29 22:06:37.543378+00', '2026-11-29 22:06:37.543378+00', NULL, NULL, '\x7b226f636964223a226f6364732d323133637a662d32222c226964223a2232222c2264617465223a22323032362d30312d30315430303a30303a30305a222c2274656e646572223a7b227469746c65223a22615c753030303062227d7d', '', '1.0', false, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, 'always'),
	(2, 'links', '\xe3fabd9b5166543209d8ff7d2913e3b9b1a8c3be111a73632dcde9eeef83e13c', '/releases/2', 'missing-ocid', 'the release has no ocid, or one that is neither text nor a number, or empty', NULL, NULL, NULL, 'lost', 'http://links.example/releases?page=2', 1, 2, 1, '2026-11-29 22:06:37.543378+00', '2026-11-29 22:06:37.543378+00', NULL, NULL, '\x7b226964223a226c6f7374227d', '', '1.0', false, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, 'always'),
	(4, 'gaps', '\x0d3f3aca97dcafe80c0bbaf931ab50144d92f35bdc08f7a95e14640a90cf017f', '', 'unreadable-page', 'an HTML page', NULL, NULL, NULL, NULL, 'http://gaps.example/releases?page=3', 2, 3, 1, '2026-11-29 22:06:37.651697+00', '2026-11-29 22:06:37.651697+00', NULL, NULL, '\x3c68746d6c3e736f7272793c2f68746d6c3e', '', NULL, false, NULL, 0, 'always'),
	(3, 'links', '\x5027a8cac6eb318908cfe2d7d618e7057e706c639d8eb9d6b1abd2d5d00983c5', '/releases/2', 'missing-ocid', 'the release has no ocid, or one that is neither text nor a number, or empty', NULL, NULL, NULL, 'unwanted', 'http://links.example/releases?page=3', 1, 3, 1, '2026-11-29 22:06:37.546653+00', '2026-11-29 22:06:37.546653+00', '2026-11-29 22:06:39.514247+00', 'discarded', '\x7b226964223a22756e77616e746564227d', '', '1.0', false, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, 'always');
INSERT INTO ocds.release VALUES
	('links', 'ocds-213czf-0', '0', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't0', 'Works 0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x62ae249a8a1a1b0857ce75e88c6895e6ef45e4de6a9f36d4323f95449318cc28', 1, 1, '2026-11-29 22:06:37.530682+00', '2026-11-29 22:06:37.528434+00', '{"id": "0", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-0", "tender": {"id": "t0", "title": "Works 0"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('links', 'ocds-213czf-1', '1', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6732ea6b355e8de4e649571d9508a7ca8309fc3372d05e4d36aa6151ef0c61b7', 1, 1, '2026-11-29 22:06:37.530682+00', '2026-11-29 22:06:37.528434+00', '{"id": "1", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"id": "t1", "title": "Works 1"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('links', 'ocds-213czf-3', '3', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xb5c7c122cc8208ed3758525d13baf0bf4994bb151cf2f30621d2811e8254214f', 1, 2, '2026-11-29 22:06:37.543378+00', '2026-11-29 22:06:37.532991+00', '{"id": "3", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-3", "tender": {"id": "t3", "title": "Works 3"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('links', 'ocds-213czf-4', '4', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't4', 'Works 4', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x21c1337aeeb1e61846c11207305a59c83e2b98669df0f20dffe8dd99657f725a', 1, 3, '2026-11-29 22:06:37.546653+00', '2026-11-29 22:06:37.535556+00', '{"id": "4", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-4", "tender": {"id": "t4", "title": "Works 4"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('links', 'ocds-213czf-5', '5', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't5', 'Works 5', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x8b077d0934ee4124c8f70cf0be145e1f811a4b5bd328b9e68f07d9c0a5629690', 1, 3, '2026-11-29 22:06:37.546653+00', '2026-11-29 22:06:37.535556+00', '{"id": "5", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-5", "tender": {"id": "t5", "title": "Works 5"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('gaps', 'ocds-213czf-0', '0', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't0', 'Works 0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x62ae249a8a1a1b0857ce75e88c6895e6ef45e4de6a9f36d4323f95449318cc28', 2, 1, '2026-11-29 22:06:37.636693+00', '2026-11-29 22:06:37.63497+00', '{"id": "0", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-0", "tender": {"id": "t0", "title": "Works 0"}, "initiationType": "tender"}', NULL, NULL, NULL, 'aa0e979d-3928-5f10-b2fc-b48802cfbdc2', 0),
	('gaps', 'ocds-213czf-1', '1', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6732ea6b355e8de4e649571d9508a7ca8309fc3372d05e4d36aa6151ef0c61b7', 2, 1, '2026-11-29 22:06:37.636693+00', '2026-11-29 22:06:37.63497+00', '{"id": "1", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"id": "t1", "title": "Works 1"}, "initiationType": "tender"}', NULL, NULL, NULL, 'aa0e979d-3928-5f10-b2fc-b48802cfbdc2', 0),
	('gaps', 'ocds-213czf-2', '2', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x296b1b16c3957b91c688a33a4f4ea968abf25c7b4304b34cfb7bc085295a7621', 2, 2, '2026-11-29 22:06:37.649639+00', '2026-11-29 22:06:37.637665+00', '{"id": "2", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-2", "tender": {"id": "t2", "title": "Works 2"}, "initiationType": "tender"}', NULL, NULL, NULL, 'aa0e979d-3928-5f10-b2fc-b48802cfbdc2', 0),
	('gaps', 'ocds-213czf-3', '3', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xb5c7c122cc8208ed3758525d13baf0bf4994bb151cf2f30621d2811e8254214f', 2, 2, '2026-11-29 22:06:37.649639+00', '2026-11-29 22:06:37.637665+00', '{"id": "3", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-3", "tender": {"id": "t3", "title": "Works 3"}, "initiationType": "tender"}', NULL, NULL, NULL, 'aa0e979d-3928-5f10-b2fc-b48802cfbdc2', 0),
	('gaps', 'ocds-213czf-6', '6', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't6', 'Works 6', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x2ae3bc508e4a29fe0997e3b931081047650c3611dea5b97c02161b65757f4873', 2, 4, '2026-11-29 22:06:37.653509+00', '2026-11-29 22:06:37.642652+00', '{"id": "6", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-6", "tender": {"id": "t6", "title": "Works 6"}, "initiationType": "tender"}', NULL, NULL, NULL, 'aa0e979d-3928-5f10-b2fc-b48802cfbdc2', 0),
	('gaps', 'ocds-213czf-7', '7', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't7', 'Works 7', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x0ef79dbc9f726dee2c15e2dc17a56ae629ed53b59a0a15d4c2b97e0307aa1b50', 2, 4, '2026-11-29 22:06:37.653509+00', '2026-11-29 22:06:37.642652+00', '{"id": "7", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-7", "tender": {"id": "t7", "title": "Works 7"}, "initiationType": "tender"}', NULL, NULL, NULL, 'aa0e979d-3928-5f10-b2fc-b48802cfbdc2', 0),
	('stopped', 'ocds-213czf-0', '0', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't0', 'Works 0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x62ae249a8a1a1b0857ce75e88c6895e6ef45e4de6a9f36d4323f95449318cc28', 3, 1, '2026-11-29 22:06:37.742474+00', '2026-11-29 22:06:37.740849+00', '{"id": "0", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-0", "tender": {"id": "t0", "title": "Works 0"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('stopped', 'ocds-213czf-1', '1', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6732ea6b355e8de4e649571d9508a7ca8309fc3372d05e4d36aa6151ef0c61b7', 3, 1, '2026-11-29 22:06:37.742474+00', '2026-11-29 22:06:37.740849+00', '{"id": "1", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"id": "t1", "title": "Works 1"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('stopped', 'ocds-213czf-2', '2', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x296b1b16c3957b91c688a33a4f4ea968abf25c7b4304b34cfb7bc085295a7621', 3, 2, '2026-11-29 22:06:37.752367+00', '2026-11-29 22:06:37.742911+00', '{"id": "2", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-2", "tender": {"id": "t2", "title": "Works 2"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('stopped', 'ocds-213czf-3', '3', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xb5c7c122cc8208ed3758525d13baf0bf4994bb151cf2f30621d2811e8254214f', 3, 2, '2026-11-29 22:06:37.752367+00', '2026-11-29 22:06:37.742911+00', '{"id": "3", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-3", "tender": {"id": "t3", "title": "Works 3"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('records', 'ocds-213czf-0', '0', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't0', 'Works 0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xe0d1902a29d7358c6ec5566e84ded1aaa808e87c988d70d5e3031e7de821da0a', 4, 0, '2026-11-29 22:06:37.844315+00', '2026-11-29 22:06:37.842703+00', '{"id": "0", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-0", "tender": {"id": "t0", "title": "Works 0"}, "initiationType": "tender"}', NULL, NULL, NULL, '5ca0849a-ab52-01dc-4e7f-d66d53a9b4f0', 0),
	('records', 'ocds-213czf-1', '1', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x36ae1149b613eac524343ab891c206d7d4a4bf59e6a7d24c89f27e0558b7a4db', 4, 0, '2026-11-29 22:06:37.844315+00', '2026-11-29 22:06:37.842703+00', '{"id": "1", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"id": "t1", "title": "Works 1"}, "initiationType": "tender"}', NULL, NULL, NULL, '5ca0849a-ab52-01dc-4e7f-d66d53a9b4f0', 0),
	('records', 'ocds-213czf-2', '2', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xa521e64e254baae2d58a2a7882d00b77b9634543856135d37131928ee689a015', 4, 1, '2026-11-29 22:06:37.858002+00', '2026-11-29 22:06:37.847507+00', '{"id": "2", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-2", "tender": {"id": "t2", "title": "Works 2"}, "initiationType": "tender"}', NULL, NULL, NULL, '5ca0849a-ab52-01dc-4e7f-d66d53a9b4f0', 0),
	('records', 'ocds-213czf-3', '3', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x04cfc120eb585ec27d336bb5ce4d474ae9d26aa2cbb48a72281d9b33b5d71a9c', 4, 1, '2026-11-29 22:06:37.858002+00', '2026-11-29 22:06:37.847507+00', '{"id": "3", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-3", "tender": {"id": "t3", "title": "Works 3"}, "initiationType": "tender"}', NULL, NULL, NULL, '5ca0849a-ab52-01dc-4e7f-d66d53a9b4f0', 0),
	('backfilled', 'ocds-213czf-2', '2', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x296b1b16c3957b91c688a33a4f4ea968abf25c7b4304b34cfb7bc085295a7621', 5, 2, '2026-11-29 22:06:37.943123+00', '2026-11-29 22:06:37.941393+00', '{"id": "2", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-2", "tender": {"id": "t2", "title": "Works 2"}, "initiationType": "tender"}', NULL, NULL, NULL, 'c175197e-bb8c-5f60-18df-baefb778be01', 0),
	('backfilled', 'ocds-213czf-3', '3', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xb5c7c122cc8208ed3758525d13baf0bf4994bb151cf2f30621d2811e8254214f', 5, 2, '2026-11-29 22:06:37.943123+00', '2026-11-29 22:06:37.941393+00', '{"id": "3", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-3", "tender": {"id": "t3", "title": "Works 3"}, "initiationType": "tender"}', NULL, NULL, NULL, 'c175197e-bb8c-5f60-18df-baefb778be01', 0),
	('backfilled', 'ocds-213czf-4', '4', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't4', 'Works 4', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x21c1337aeeb1e61846c11207305a59c83e2b98669df0f20dffe8dd99657f725a', 5, 3, '2026-11-29 22:06:37.955087+00', '2026-11-29 22:06:37.944679+00', '{"id": "4", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-4", "tender": {"id": "t4", "title": "Works 4"}, "initiationType": "tender"}', NULL, NULL, NULL, 'c175197e-bb8c-5f60-18df-baefb778be01', 0),
	('backfilled', 'ocds-213czf-5', '5', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't5', 'Works 5', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x8b077d0934ee4124c8f70cf0be145e1f811a4b5bd328b9e68f07d9c0a5629690', 5, 3, '2026-11-29 22:06:37.955087+00', '2026-11-29 22:06:37.944679+00', '{"id": "5", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-5", "tender": {"id": "t5", "title": "Works 5"}, "initiationType": "tender"}', NULL, NULL, NULL, 'c175197e-bb8c-5f60-18df-baefb778be01', 0),
	('axes', 'ocds-213czf-0', '0', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't0', 'Works 0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x62ae249a8a1a1b0857ce75e88c6895e6ef45e4de6a9f36d4323f95449318cc28', 6, 1, '2026-11-29 22:06:38.03787+00', '2026-11-29 22:06:38.036009+00', '{"id": "0", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-0", "tender": {"id": "t0", "title": "Works 0"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('axes', 'ocds-213czf-1', '1', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6732ea6b355e8de4e649571d9508a7ca8309fc3372d05e4d36aa6151ef0c61b7', 6, 1, '2026-11-29 22:06:38.03787+00', '2026-11-29 22:06:38.036009+00', '{"id": "1", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"id": "t1", "title": "Works 1"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('axes', 'ocds-213czf-2', '2', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x296b1b16c3957b91c688a33a4f4ea968abf25c7b4304b34cfb7bc085295a7621', 6, 2, '2026-11-29 22:06:38.050277+00', '2026-11-29 22:06:38.038709+00', '{"id": "2", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-2", "tender": {"id": "t2", "title": "Works 2"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('axes', 'ocds-213czf-3', '3', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xb5c7c122cc8208ed3758525d13baf0bf4994bb151cf2f30621d2811e8254214f', 6, 2, '2026-11-29 22:06:38.050277+00', '2026-11-29 22:06:38.038709+00', '{"id": "3", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-3", "tender": {"id": "t3", "title": "Works 3"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('axes', 'ocds-213czf-4', '4', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't4', 'Works 4', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x21c1337aeeb1e61846c11207305a59c83e2b98669df0f20dffe8dd99657f725a', 6, 3, '2026-11-29 22:06:38.052561+00', '2026-11-29 22:06:38.041154+00', '{"id": "4", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-4", "tender": {"id": "t4", "title": "Works 4"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('axes', 'ocds-213czf-6', '6', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't6', 'Works 6', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x2ae3bc508e4a29fe0997e3b931081047650c3611dea5b97c02161b65757f4873', 6, 1, '2026-11-29 22:06:38.054355+00', '2026-11-29 22:06:38.043799+00', '{"id": "6", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-6", "tender": {"id": "t6", "title": "Works 6"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 1),
	('axes', 'ocds-213czf-7', '7', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't7', 'Works 7', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x0ef79dbc9f726dee2c15e2dc17a56ae629ed53b59a0a15d4c2b97e0307aa1b50', 6, 1, '2026-11-29 22:06:38.054355+00', '2026-11-29 22:06:38.043799+00', '{"id": "7", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-7", "tender": {"id": "t7", "title": "Works 7"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 1),
	('details', 'ocds-213czf-1', '1', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6732ea6b355e8de4e649571d9508a7ca8309fc3372d05e4d36aa6151ef0c61b7', 7, 1, '2026-11-29 22:06:38.143679+00', '2026-11-29 22:06:38.137658+00', '{"id": "1", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"id": "t1", "title": "Works 1"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('details', 'ocds-213czf-2', '2', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x296b1b16c3957b91c688a33a4f4ea968abf25c7b4304b34cfb7bc085295a7621', 7, 1, '2026-11-29 22:06:38.143679+00', '2026-11-29 22:06:38.137658+00', '{"id": "2", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-2", "tender": {"id": "t2", "title": "Works 2"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('keys', 'ocds-213czf-0', '0', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't0', 'Works 0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x62ae249a8a1a1b0857ce75e88c6895e6ef45e4de6a9f36d4323f95449318cc28', 8, 1, '2026-11-29 22:06:38.23355+00', '2026-11-29 22:06:38.231612+00', '{"id": "0", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-0", "tender": {"id": "t0", "title": "Works 0"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('keys', 'ocds-213czf-1', '1', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6732ea6b355e8de4e649571d9508a7ca8309fc3372d05e4d36aa6151ef0c61b7', 8, 1, '2026-11-29 22:06:38.23355+00', '2026-11-29 22:06:38.231612+00', '{"id": "1", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"id": "t1", "title": "Works 1"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('keys', 'ocds-213czf-2', '2', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x296b1b16c3957b91c688a33a4f4ea968abf25c7b4304b34cfb7bc085295a7621', 8, 2, '2026-11-29 22:06:38.24467+00', '2026-11-29 22:06:38.234627+00', '{"id": "2", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-2", "tender": {"id": "t2", "title": "Works 2"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('keys', 'ocds-213czf-3', '3', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xb5c7c122cc8208ed3758525d13baf0bf4994bb151cf2f30621d2811e8254214f', 8, 2, '2026-11-29 22:06:38.24467+00', '2026-11-29 22:06:38.234627+00', '{"id": "3", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-3", "tender": {"id": "t3", "title": "Works 3"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('tokens', 'ocds-213czf-0', '0', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't0', 'Works 0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x62ae249a8a1a1b0857ce75e88c6895e6ef45e4de6a9f36d4323f95449318cc28', 9, 1, '2026-11-29 22:06:38.329183+00', '2026-11-29 22:06:38.327398+00', '{"id": "0", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-0", "tender": {"id": "t0", "title": "Works 0"}, "initiationType": "tender"}', NULL, NULL, NULL, 'b82c3d27-64fd-3b53-0ef9-d306462c3b1e', 0),
	('tokens', 'ocds-213czf-1', '1', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6732ea6b355e8de4e649571d9508a7ca8309fc3372d05e4d36aa6151ef0c61b7', 9, 1, '2026-11-29 22:06:38.329183+00', '2026-11-29 22:06:38.327398+00', '{"id": "1", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"id": "t1", "title": "Works 1"}, "initiationType": "tender"}', NULL, NULL, NULL, 'b82c3d27-64fd-3b53-0ef9-d306462c3b1e', 0),
	('tokens', 'ocds-213czf-2', '2', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x296b1b16c3957b91c688a33a4f4ea968abf25c7b4304b34cfb7bc085295a7621', 9, 2, '2026-11-29 22:06:38.339977+00', '2026-11-29 22:06:38.330461+00', '{"id": "2", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-2", "tender": {"id": "t2", "title": "Works 2"}, "initiationType": "tender"}', NULL, NULL, NULL, '4d11e198-4e6e-da35-aed0-93789ed8641c', 0),
	('tokens', 'ocds-213czf-3', '3', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xb5c7c122cc8208ed3758525d13baf0bf4994bb151cf2f30621d2811e8254214f', 9, 2, '2026-11-29 22:06:38.339977+00', '2026-11-29 22:06:38.330461+00', '{"id": "3", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-3", "tender": {"id": "t3", "title": "Works 3"}, "initiationType": "tender"}', NULL, NULL, NULL, '4d11e198-4e6e-da35-aed0-93789ed8641c', 0),
	('windows', 'ocds-213czf-2024-01-01-a', '2024-01-01-a', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-01-a', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x375ba6909a0537c6b18f279ab138328813d9fab79b0c311b2dfee2c974240a0c', 10, 1, '2026-11-29 22:06:38.420987+00', '2026-11-29 22:06:38.418871+00', '{"id": "2024-01-01-a", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-01-a", "tender": {"title": "Works 2024-01-01-a"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('windows', 'ocds-213czf-2024-01-01-b', '2024-01-01-b', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-01-b', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xf6b17a8919a11b9c5df7cdcb8a0d8c563f1ce6b089e0226bdee854c35745b23f', 10, 1, '2026-11-29 22:06:38.420987+00', '2026-11-29 22:06:38.418871+00', '{"id": "2024-01-01-b", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-01-b", "tender": {"title": "Works 2024-01-01-b"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('windows', 'ocds-213czf-2024-01-01-c', '2024-01-01-c', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-01-c', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xa39f038ea47bf183315fb9ee132cc549d5c6385c9f4d7608014aca126929fcff', 10, 2, '2026-11-29 22:06:38.434889+00', '2026-11-29 22:06:38.421261+00', '{"id": "2024-01-01-c", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-01-c", "tender": {"title": "Works 2024-01-01-c"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('windows', 'ocds-213czf-2024-01-08-a', '2024-01-08-a', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-08-a', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x0a2a6ff0b5dd925a5bd234341bbebcd585e07292ed19223af3c5dd0fecace89e', 10, 1, '2026-11-29 22:06:38.436931+00', '2026-11-29 22:06:38.424068+00', '{"id": "2024-01-08-a", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-08-a", "tender": {"title": "Works 2024-01-08-a"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 1),
	('windows', 'ocds-213czf-2024-01-08-b', '2024-01-08-b', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-08-b', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x169283adba6b3cc2e3026b471b5322a4acab2f30861dc16a39b746637036ee65', 10, 1, '2026-11-29 22:06:38.436931+00', '2026-11-29 22:06:38.424068+00', '{"id": "2024-01-08-b", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-08-b", "tender": {"title": "Works 2024-01-08-b"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 1),
	('windows', 'ocds-213czf-2024-01-08-c', '2024-01-08-c', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-08-c', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x1634cba58d989d3e9ef1ec11c1838e5aa5659b9c1f83f5aad6656c40aeaee87d', 10, 2, '2026-11-29 22:06:38.438624+00', '2026-11-29 22:06:38.427864+00', '{"id": "2024-01-08-c", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-08-c", "tender": {"title": "Works 2024-01-08-c"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 1),
	('windows', 'ocds-213czf-2024-01-15-a', '2024-01-15-a', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-15-a', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6e70a3f762687aaf9a4e0ac11cbc8b12879bc4614ce26d79f23ac6a9afb02fbc', 10, 1, '2026-11-29 22:06:38.44021+00', '2026-11-29 22:06:38.431035+00', '{"id": "2024-01-15-a", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-15-a", "tender": {"title": "Works 2024-01-15-a"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 2),
	('windows', 'ocds-213czf-2024-01-15-b', '2024-01-15-b', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-15-b', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x61110a78f4eb17b50736fe1ceec58539506ce6f6e3e1f3abec5323a9f5581f79', 10, 1, '2026-11-29 22:06:38.44021+00', '2026-11-29 22:06:38.431035+00', '{"id": "2024-01-15-b", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-15-b", "tender": {"title": "Works 2024-01-15-b"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 2),
	('windows', 'ocds-213czf-2024-01-15-c', '2024-01-15-c', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-15-c', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x8be7519fcb5c9cb7b3bfdad7e747427ef361815c41e7698f350ae6857284eec4', 10, 2, '2026-11-29 22:06:38.44199+00', '2026-11-29 22:06:38.433817+00', '{"id": "2024-01-15-c", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-15-c", "tender": {"title": "Works 2024-01-15-c"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 2),
	('windows', 'ocds-213czf-2024-01-22-a', '2024-01-22-a', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-22-a', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xa58dd8a518b8e6da46c36495503f48ed8dddc079d02a1d74a5220a041e1aaea3', 11, 1, '2026-11-29 22:06:38.546662+00', '2026-11-29 22:06:38.540237+00', '{"id": "2024-01-22-a", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-22-a", "tender": {"title": "Works 2024-01-22-a"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 1),
	('windows', 'ocds-213czf-2024-01-22-b', '2024-01-22-b', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-22-b', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xd0a29933db047afaed1f906feba803c09531382168fe076fe8c0bfb653475f21', 11, 1, '2026-11-29 22:06:38.546662+00', '2026-11-29 22:06:38.540237+00', '{"id": "2024-01-22-b", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-22-b", "tender": {"title": "Works 2024-01-22-b"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 1),
	('halves', 'ocds-213czf-2024-01-01', '2024-01-01', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x8882d47dc7d32c6ca04cfde9551b07c3ebb6272c30baa8c58f0f9952895f86f2', 12, 1, '2026-11-29 22:06:38.642232+00', '2026-11-29 22:06:38.640473+00', '{"id": "2024-01-01", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-01", "tender": {"title": "Works 2024-01-01"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('halves', 'ocds-213czf-2024-01-08', '2024-01-08', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-08', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x72bb57fc67c2fc1b1b314325c570d5b3b400c42b38d4e8561c203c665c80a5bf', 12, 1, '2026-11-29 22:06:38.653099+00', '2026-11-29 22:06:38.64366+00', '{"id": "2024-01-08", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-08", "tender": {"title": "Works 2024-01-08"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('buyers', 'ocds-213czf-a-2024-01-01', 'a-2024-01-01', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works a-2024-01-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x4d3f76719c12ee356236da8ce1ff5240552fb9d7a01c84187eec4a8ee7a7985b', 13, 1, '2026-11-29 22:06:38.747055+00', '2026-11-29 22:06:38.744667+00', '{"id": "a-2024-01-01", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-a-2024-01-01", "tender": {"title": "Works a-2024-01-01"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('buyers', 'ocds-213czf-b-2024-01-01', 'b-2024-01-01', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works b-2024-01-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x61fdc88167d619e865429284c1c62945e0ec8f6645433eb05b8219339196e988', 13, 1, '2026-11-29 22:06:38.75932+00', '2026-11-29 22:06:38.748368+00', '{"id": "b-2024-01-01", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-b-2024-01-01", "tender": {"title": "Works b-2024-01-01"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 1),
	('buyers', 'ocds-213czf-a-2024-01-11', 'a-2024-01-11', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works a-2024-01-11', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x555f1aed62f62ae6b08120472f2a2590947754225b7deb18c2886ed11b605235', 13, 1, '2026-11-29 22:06:38.761018+00', '2026-11-29 22:06:38.75134+00', '{"id": "a-2024-01-11", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-a-2024-01-11", "tender": {"title": "Works a-2024-01-11"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 2),
	('buyers', 'ocds-213czf-b-2024-01-11', 'b-2024-01-11', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works b-2024-01-11', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x81f72e3860eb0d41cb5171695c757051a51806faa0eb1028fb12114735f3b6c9', 13, 1, '2026-11-29 22:06:38.762509+00', '2026-11-29 22:06:38.754117+00', '{"id": "b-2024-01-11", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-b-2024-01-11", "tender": {"title": "Works b-2024-01-11"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 3),
	('changes', 'ocds-213czf-0', '0', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't0', 'Works 0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x62ae249a8a1a1b0857ce75e88c6895e6ef45e4de6a9f36d4323f95449318cc28', 14, 1, '2026-11-29 22:06:38.855696+00', '2026-11-29 22:06:38.854186+00', '{"id": "0", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-0", "tender": {"id": "t0", "title": "Works 0"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('changes', 'ocds-213czf-1', '1', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6732ea6b355e8de4e649571d9508a7ca8309fc3372d05e4d36aa6151ef0c61b7', 14, 1, '2026-11-29 22:06:38.855696+00', '2026-11-29 22:06:38.854186+00', '{"id": "1", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"id": "t1", "title": "Works 1"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('changes', 'ocds-213czf-2', '2', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x296b1b16c3957b91c688a33a4f4ea968abf25c7b4304b34cfb7bc085295a7621', 14, 2, '2026-11-29 22:06:38.865994+00', '2026-11-29 22:06:38.857835+00', '{"id": "2", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-2", "tender": {"id": "t2", "title": "Works 2"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('changes', 'ocds-213czf-3', '3', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xb5c7c122cc8208ed3758525d13baf0bf4994bb151cf2f30621d2811e8254214f', 14, 2, '2026-11-29 22:06:38.865994+00', '2026-11-29 22:06:38.857835+00', '{"id": "3", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-3", "tender": {"id": "t3", "title": "Works 3"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('changes', 'ocds-213czf-4', '4', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't4', 'Works 4', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x21c1337aeeb1e61846c11207305a59c83e2b98669df0f20dffe8dd99657f725a', 14, 3, '2026-11-29 22:06:38.86808+00', '2026-11-29 22:06:38.860998+00', '{"id": "4", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-4", "tender": {"id": "t4", "title": "Works 4"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('tagged', 'ocds-213czf-0', '0', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't0', 'Works 0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x62ae249a8a1a1b0857ce75e88c6895e6ef45e4de6a9f36d4323f95449318cc28', 15, 1, '2026-11-29 22:06:38.960341+00', '2026-11-29 22:06:38.958234+00', '{"id": "0", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-0", "tender": {"id": "t0", "title": "Works 0"}, "initiationType": "tender"}', NULL, NULL, NULL, '27ba0902-86c4-b288-dc99-9b6a826fae19', 0),
	('tagged', 'ocds-213czf-1', '1', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6732ea6b355e8de4e649571d9508a7ca8309fc3372d05e4d36aa6151ef0c61b7', 15, 1, '2026-11-29 22:06:38.960341+00', '2026-11-29 22:06:38.958234+00', '{"id": "1", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"id": "t1", "title": "Works 1"}, "initiationType": "tender"}', NULL, NULL, NULL, '27ba0902-86c4-b288-dc99-9b6a826fae19', 0),
	('tagged', 'ocds-213czf-2', '2', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x296b1b16c3957b91c688a33a4f4ea968abf25c7b4304b34cfb7bc085295a7621', 15, 2, '2026-11-29 22:06:38.970918+00', '2026-11-29 22:06:38.962599+00', '{"id": "2", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-2", "tender": {"id": "t2", "title": "Works 2"}, "initiationType": "tender"}', NULL, NULL, NULL, '27ba0902-86c4-b288-dc99-9b6a826fae19', 0),
	('tagged', 'ocds-213czf-3', '3', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xb5c7c122cc8208ed3758525d13baf0bf4994bb151cf2f30621d2811e8254214f', 15, 2, '2026-11-29 22:06:38.970918+00', '2026-11-29 22:06:38.962599+00', '{"id": "3", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-3", "tender": {"id": "t3", "title": "Works 3"}, "initiationType": "tender"}', NULL, NULL, NULL, '27ba0902-86c4-b288-dc99-9b6a826fae19', 0),
	('tagged', 'ocds-213czf-4', '4', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't4', 'Works 4', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x21c1337aeeb1e61846c11207305a59c83e2b98669df0f20dffe8dd99657f725a', 15, 3, '2026-11-29 22:06:38.97271+00', '2026-11-29 22:06:38.965873+00', '{"id": "4", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-4", "tender": {"id": "t4", "title": "Works 4"}, "initiationType": "tender"}', NULL, NULL, NULL, '27ba0902-86c4-b288-dc99-9b6a826fae19', 0),
	('archive', 'ocds-213czf-0', '0', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't0', 'Works 0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x62ae249a8a1a1b0857ce75e88c6895e6ef45e4de6a9f36d4323f95449318cc28', 16, 1, '2026-11-29 22:06:39.150801+00', '2026-11-29 22:06:39.149771+00', '{"id": "0", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-0", "tender": {"id": "t0", "title": "Works 0"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('archive', 'ocds-213czf-1', '1', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6732ea6b355e8de4e649571d9508a7ca8309fc3372d05e4d36aa6151ef0c61b7', 16, 1, '2026-11-29 22:06:39.150801+00', '2026-11-29 22:06:39.149771+00', '{"id": "1", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"id": "t1", "title": "Works 1"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('loaded', 'ocds-213czf-1', '1', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6732ea6b355e8de4e649571d9508a7ca8309fc3372d05e4d36aa6151ef0c61b7', 17, 1, '2026-11-29 22:06:39.277107+00', '2026-11-29 22:06:39.275951+00', '{"id": "1", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"id": "t1", "title": "Works 1"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('loaded', 'ocds-213czf-2', '2', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x296b1b16c3957b91c688a33a4f4ea968abf25c7b4304b34cfb7bc085295a7621', 17, 1, '2026-11-29 22:06:39.277107+00', '2026-11-29 22:06:39.275951+00', '{"id": "2", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-2", "tender": {"id": "t2", "title": "Works 2"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('loaded', 'ocds-213czf-3', '3', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xb5c7c122cc8208ed3758525d13baf0bf4994bb151cf2f30621d2811e8254214f', 17, 1, '2026-11-29 22:06:39.277107+00', '2026-11-29 22:06:39.275951+00', '{"id": "3", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-3", "tender": {"id": "t3", "title": "Works 3"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0),
	('loaded', 'ocds-213czf-10', '10', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't10', 'Works 10', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xfdf470a0d010b02b1bb1fc5fa398d8571712e8a985c514f3e1d086b2f1efeaf3', 18, 1, '2026-11-29 22:06:39.426095+00', '2026-11-29 22:06:39.425048+00', '{"id": "10", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-10", "tender": {"id": "t10", "title": "Works 10"}, "initiationType": "tender"}', NULL, NULL, NULL, NULL, 0),
	('loaded', 'ocds-213czf-11', '11', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't11', 'Works 11', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6ff8e6002bf1e5a303150bd8004e13bb2f2dbb0770e4a6056c1c2afca0b234e3', 18, 2, '2026-11-29 22:06:39.444375+00', '2026-11-29 22:06:39.440004+00', '{"id": "11", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-11", "tender": {"id": "t11", "title": "Works 11"}, "initiationType": "tender"}', NULL, NULL, NULL, NULL, 0);
INSERT INTO ocds.request OVERRIDING SYSTEM VALUE VALUES
	(1, 3, 1, 1, 'http://stopped.example/releases', '2026-11-29 22:06:37.737859+00', 200, 3, 407, NULL),
	(2, 3, 2, 1, 'http://stopped.example/releases?page=2', '2026-11-29 22:06:37.741571+00', 200, 1, 407, NULL),
	(3, 10, 1, 1, 'http://windows.example/feed?from=2024-01-01&to=2024-01-08', '2026-11-29 22:06:38.416235+00', 200, 3, 436, NULL),
	(4, 10, 2, 1, 'http://windows.example/feed?from=2024-01-01&to=2024-01-08&page=2', '2026-11-29 22:06:38.419691+00', 200, 1, 231, NULL),
	(5, 10, 1, 1, 'http://windows.example/feed?from=2024-01-08&to=2024-01-15', '2026-11-29 22:06:38.42178+00', 200, 2, 436, NULL),
	(6, 10, 2, 1, 'http://windows.example/feed?from=2024-01-08&to=2024-01-15&page=2', '2026-11-29 22:06:38.425248+00', 200, 2, 231, NULL),
	(7, 10, 1, 1, 'http://windows.example/feed?from=2024-01-15&to=2024-01-16', '2026-11-29 22:06:38.428552+00', 200, 2, 436, NULL),
	(8, 10, 2, 1, 'http://windows.example/feed?from=2024-01-15&to=2024-01-16&page=2', '2026-11-29 22:06:38.431523+00', 200, 2, 231, NULL),
	(9, 13, 1, 1, 'http://buyers.example/list', '2026-11-29 22:06:38.732644+00', 200, 3, 20, NULL),
	(10, 13, 1, 1, 'http://buyers.example/of/a?from=2024-01-01&to=2024-01-11', '2026-11-29 22:06:38.739974+00', 200, 5, 231, NULL),
	(11, 13, 1, 1, 'http://buyers.example/of/b?from=2024-01-01&to=2024-01-11', '2026-11-29 22:06:38.746117+00', 200, 2, 231, NULL),
	(12, 13, 1, 1, 'http://buyers.example/of/a?from=2024-01-11&to=2024-01-21', '2026-11-29 22:06:38.749413+00', 200, 2, 231, NULL),
	(13, 13, 1, 1, 'http://buyers.example/of/b?from=2024-01-11&to=2024-01-21', '2026-11-29 22:06:38.751834+00', 200, 2, 231, NULL),
	(14, 14, 1, 1, 'http://changes.example/changes', '2026-11-29 22:06:38.850734+00', 200, 3, 415, NULL),
	(15, 14, 2, 1, 'http://changes.example/changes?page=2', '2026-11-29 22:06:38.854751+00', 200, 3, 415, NULL),
	(16, 14, 3, 1, 'http://changes.example/changes?page=3', '2026-11-29 22:06:38.858235+00', 200, 2, 269, NULL),
	(17, 15, 1, 1, 'http://tagged.example/releases?page=1', '2026-11-29 22:06:38.95543+00', 200, 3, 412, NULL),
	(18, 15, 2, 1, 'http://tagged.example/releases?page=2', '2026-11-29 22:06:38.959332+00', 200, 3, 412, NULL),
	(19, 15, 3, 1, 'http://tagged.example/releases?page=3', '2026-11-29 22:06:38.963662+00', 200, 2, 266, NULL);
INSERT INTO ocds.run OVERRIDING SYSTEM VALUE VALUES
	(1, 'links', 'incremental', 'running', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://links.example/releases"} {"page":{"mode":"link","pointer":"/links/next","stop":"no_link"}}', NULL, NULL, false, 1, 'somewhere process 1', '2026-11-29 22:06:37.504984+00', 12577, '2026-11-29 22:06:37.494287+00', '2026-11-29 22:06:37.504984+00', '2026-11-29 22:06:37.504984+00', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, false, 0.2, '1795989997.272416', NULL, NULL, NULL, NULL, false),
	(16, 'archive', 'incremental', 'running', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://archive.example/all.zip"} {"page":{"mode":"file"}}', NULL, NULL, false, 1, 'somewhere process 1', '2026-11-29 22:06:39.041064+00', 12667, '2026-11-29 22:06:39.030728+00', '2026-11-29 22:06:39.041064+00', '2026-11-29 22:06:39.041064+00', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, false, 0.2, '1795989997.272416', NULL, NULL, NULL, NULL, false),
	(2, 'gaps', 'incremental', 'running', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://gaps.example/releases"} {"page":{"mode":"number","param":"page","start":1,"total_pages":"/total_pages"}}', NULL, NULL, false, 1, 'somewhere process 1', '2026-11-29 22:06:37.610462+00', 12583, '2026-11-29 22:06:37.599882+00', '2026-11-29 22:06:37.610462+00', '2026-11-29 22:06:37.610462+00', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, false, 0.2, '1795989997.272416', NULL, NULL, NULL, NULL, false),
	(3, 'stopped', 'incremental', 'truncated', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://stopped.example/releases"} {"page":{"mode":"link","pointer":"/links/next","stop":"no_link"}}', NULL, NULL, false, 1, 'somewhere process 1', '2026-11-29 22:06:37.717119+00', 12589, '2026-11-29 22:06:37.705812+00', '2026-11-29 22:06:37.756372+00', '2026-11-29 22:06:37.717119+00', '2026-11-29 22:06:37.756372+00', 2, 0, 814, NULL, NULL, NULL, NULL, NULL, false, 0.2, '1795989997.272416', NULL, NULL, NULL, NULL, false),
	(4, 'records', 'incremental', 'running', '{"items":{"kind":"record","pointer":["/records/*"]},"url":"http://records.example/records"} {"page":{"mode":"number","param":"page","start":0,"total_pages":"/total_pages"}}', NULL, NULL, false, 1, 'somewhere process 1', '2026-11-29 22:06:37.819828+00', 12595, '2026-11-29 22:06:37.80943+00', '2026-11-29 22:06:37.819828+00', '2026-11-29 22:06:37.819828+00', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, false, 0.2, '1795989997.272416', NULL, NULL, NULL, NULL, false),
	(5, 'backfilled', 'backfill', 'running', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://backfilled.example/releases"} {"page":{"mode":"offset","param":"offset","size":2,"start":0,"total_items":"/total_items"}}', 2, 5, false, 1, 'somewhere process 1', '2026-11-29 22:06:37.9207+00', 12601, '2026-11-29 22:06:37.910805+00', '2026-11-29 22:06:37.9207+00', '2026-11-29 22:06:37.9207+00', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, false, 0.2, '1795989997.272416', NULL, NULL, NULL, NULL, false),
	(6, 'axes', 'incremental', 'running', '{"axis":{"kind":["tender","award & more"]},"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://axes.example/{axis.kind}"} {"page":{"mode":"link","pointer":"/links/next","stop":"no_link"}}', NULL, NULL, false, 1, 'somewhere process 1', '2026-11-29 22:06:38.012989+00', 12607, '2026-11-29 22:06:38.003606+00', '2026-11-29 22:06:38.012989+00', '2026-11-29 22:06:38.012989+00', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, false, 0.2, '1795989997.272416', NULL, NULL, NULL, NULL, false),
	(7, 'details', 'incremental', 'running', '{"detail":{"each":"/named/*","url":"http://details.example/of/{item}","value":""},"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://details.example/index"} {"detail":{"together":2},"page":{"mode":"none"}}', NULL, NULL, false, 1, 'somewhere process 1', '2026-11-29 22:06:38.115005+00', 12613, '2026-11-29 22:06:38.105307+00', '2026-11-29 22:06:38.115005+00', '2026-11-29 22:06:38.115005+00', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, false, 0.2, '1795989997.272416', NULL, NULL, NULL, NULL, false),
	(8, 'keys', 'incremental', 'running', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://keys.example/releases?key={env.RECORDED_KEY}"} {"page":{"mode":"link","pointer":"/links/next","stop":"no_link"}}', NULL, NULL, false, 1, 'somewhere process 1', '2026-11-29 22:06:38.209718+00', 12619, '2026-11-29 22:06:38.200869+00', '2026-11-29 22:06:38.209718+00', '2026-11-29 22:06:38.209718+00', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, false, 0.2, '1795989997.272416', NULL, NULL, NULL, NULL, false),
	(9, 'tokens', 'incremental', 'running', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"query":{"key":"{env.RECORDED_KEY}"},"url":"http://tokens.example/releases"} {"page":{"mode":"token","param":"after","pointer":"/next","start":"t1","stop":"no_link"}}', NULL, NULL, false, 1, 'somewhere process 1', '2026-11-29 22:06:38.304166+00', 12625, '2026-11-29 22:06:38.294309+00', '2026-11-29 22:06:38.304166+00', '2026-11-29 22:06:38.304166+00', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, false, 0.2, '1795989997.272416', NULL, NULL, NULL, NULL, false),
	(10, 'windows', 'incremental', 'complete', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://windows.example/feed?from={from}&to={to}","window":{"basis":"updated","from":"2024-01-01T00:00:00","zone":"UTC"}} {"page":{"mode":"link","pointer":"/links/next","stop":"no_link"},"window":{"basis":"updated","format":"%Y-%m-%d","from":"2024-01-01T00:00:00","order":"ascending","overlap":"1d","step":"7d","until":"2024-02-10T00:00:00"}} until 2024-01-16T00:00:00Z', NULL, NULL, true, 1, 'somewhere process 1', '2026-11-29 22:06:38.396916+00', 12631, '2026-11-29 22:06:38.387156+00', '2026-11-29 22:06:38.445459+00', '2026-11-29 22:06:38.396916+00', '2026-11-29 22:06:38.445459+00', 6, 0, 2001, NULL, '2024-01-01 00:00:00+00', '2024-01-16 00:00:00+00', 6, '2026-11-29 22:06:38.505566+00', false, 0.2, '1795989997.272416', NULL, NULL, NULL, NULL, false),
	(11, 'windows', 'incremental', 'running', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://windows.example/feed?from={from}&to={to}","window":{"basis":"updated","from":"2024-01-01T00:00:00","zone":"UTC"}} {"page":{"mode":"link","pointer":"/links/next","stop":"no_link"},"window":{"basis":"updated","format":"%Y-%m-%d","from":"2024-01-01T00:00:00","order":"ascending","overlap":"1d","step":"7d","until":"2024-02-10T00:00:00"}}', NULL, NULL, false, 1, 'somewhere process 1', '2026-11-29 22:06:38.505566+00', 12637, '2026-11-29 22:06:38.495633+00', '2026-11-29 22:06:38.505566+00', '2026-11-29 22:06:38.505566+00', NULL, 0, 0, 0, NULL, '2024-01-15 00:00:00+00', '2024-02-10 00:00:00+00', NULL, NULL, false, 0.2, '1795989997.272416', NULL, NULL, NULL, NULL, false),
	(12, 'halves', 'incremental', 'running', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://halves.example/feed?from={from}&to={to}","window":{"basis":"updated","from":"2024-01-01T00:00:00","zone":"UTC"}} {"page":{"mode":"none"},"window":{"basis":"updated","format":"%Y-%m-%d","from":"2024-01-01T00:00:00","order":"ascending","overlap":"1d","split_when":{"smallest":"1d","status":[400]},"until":"2024-01-31T00:00:00"}}', NULL, NULL, false, 1, 'somewhere process 1', '2026-11-29 22:06:38.610911+00', 12643, '2026-11-29 22:06:38.599573+00', '2026-11-29 22:06:38.610911+00', '2026-11-29 22:06:38.610911+00', NULL, 0, 0, 0, NULL, '2024-01-01 00:00:00+00', '2024-01-31 00:00:00+00', NULL, NULL, false, 0.2, '1795989997.272416', NULL, NULL, NULL, NULL, false),
	(14, 'changes', 'incremental', 'complete', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://changes.example/changes"} {"page":{"mode":"link","pointer":"/links/next","stop":"same_url"}}', NULL, NULL, true, 1, 'somewhere process 1', '2026-11-29 22:06:38.829354+00', 12655, '2026-11-29 22:06:38.81853+00', '2026-11-29 22:06:38.87165+00', '2026-11-29 22:06:38.829354+00', '2026-11-29 22:06:38.87165+00', 3, 0, 1099, NULL, NULL, NULL, 3, NULL, false, 0.2, '1795989997.272416', NULL, NULL, NULL, NULL, false),
	(13, 'buyers', 'incremental', 'complete', '{"axis":{"buyer":{"each":"/buyers/*","page":{"mode":"none"},"url":"http://buyers.example/list","value":""}},"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://buyers.example/of/{axis.buyer}?from={from}&to={to}","window":{"basis":"updated","from":"2024-01-01T00:00:00","zone":"UTC"}} {"page":{"mode":"none"},"window":{"basis":"updated","format":"%Y-%m-%d","from":"2024-01-01T00:00:00","order":"ascending","overlap":"1d","step":"10d","until":"2024-01-21T00:00:00"}}', NULL, NULL, true, 1, 'somewhere process 1', '2026-11-29 22:06:38.713453+00', 12649, '2026-11-29 22:06:38.703899+00', '2026-11-29 22:06:38.765644+00', '2026-11-29 22:06:38.713453+00', '2026-11-29 22:06:38.765644+00', 5, 0, 944, NULL, '2024-01-01 00:00:00+00', '2024-01-21 00:00:00+00', 4, NULL, false, 0.2, '1795989997.272416', NULL, NULL, NULL, NULL, false),
	(15, 'tagged', 'incremental', 'complete', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://tagged.example/releases"} {"page":{"mode":"number","param":"page","start":1,"total_pages":"/total_pages"}}', NULL, NULL, true, 1, 'somewhere process 1', '2026-11-29 22:06:38.934416+00', 12661, '2026-11-29 22:06:38.924388+00', '2026-11-29 22:06:38.976897+00', '2026-11-29 22:06:38.934416+00', '2026-11-29 22:06:38.976897+00', 3, 0, 1090, NULL, NULL, NULL, 3, NULL, false, 0.2, '1795989997.272416', NULL, NULL, NULL, NULL, false),
	(17, 'loaded', 'load', 'complete', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://loaded.example/"} {"page":{"mode":"none"}} /srv/loaded.json 526 1795989997.438994771', NULL, NULL, true, 1, 'somewhere process 1', '2026-11-29 22:06:39.257548+00', 12674, '2026-11-29 22:06:39.24739+00', '2026-11-29 22:06:39.287464+00', '2026-11-29 22:06:39.257548+00', '2026-11-29 22:06:39.287464+00', 0, 0, 526, NULL, NULL, NULL, 1, '2026-11-29 22:06:39.348242+00', false, 0.2, '1795989997.272416', NULL, NULL, NULL, NULL, false),
	(18, 'loaded', 'load', 'running', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://loaded.example/"} {"page":{"mode":"none"}} http://loaded.example/large.json ', NULL, NULL, false, 1, 'somewhere process 1', '2026-11-29 22:06:39.348242+00', 12680, '2026-11-29 22:06:39.338304+00', '2026-11-29 22:06:39.348242+00', '2026-11-29 22:06:39.348242+00', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, false, 0.2, '1795989997.272416', NULL, NULL, NULL, NULL, false);
INSERT INTO ocds.watermark VALUES
	('windows', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://windows.example/feed?from={from}&to={to}","window":{"basis":"updated","from":"2024-01-01T00:00:00","zone":"UTC"}}', '2024-01-16 00:00:00+00', NULL, 10, '2026-11-29 22:06:38.445459+00'),
	('buyers', '{"axis":{"buyer":{"each":"/buyers/*","page":{"mode":"none"},"url":"http://buyers.example/list","value":""}},"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://buyers.example/of/{axis.buyer}?from={from}&to={to}","window":{"basis":"updated","from":"2024-01-01T00:00:00","zone":"UTC"}}', '2024-01-21 00:00:00+00', NULL, 13, '2026-11-29 22:06:38.765644+00'),
	('changes', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://changes.example/changes"}', NULL, 'link http://changes.example/changes?page=3', 14, '2026-11-29 22:06:38.87165+00');
SELECT pg_catalog.setval('ocds.quarantine_id_seq', 4, true);
SELECT pg_catalog.setval('ocds.request_id_seq', 19, true);
SELECT pg_catalog.setval('ocds.run_id_seq', 18, true);
ALTER TABLE ONLY ocds.compiled_release
    ADD CONSTRAINT compiled_release_pkey PRIMARY KEY (ocid, source);
ALTER TABLE ONLY ocds.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (version);
ALTER TABLE ONLY ocds.package
    ADD CONSTRAINT package_pkey PRIMARY KEY (source, id);
ALTER TABLE ONLY ocds.page
    ADD CONSTRAINT page_pkey PRIMARY KEY (run_id, chain, number);
ALTER TABLE ONLY ocds.quarantine
    ADD CONSTRAINT quarantine_document_key UNIQUE (source, document_hash, pointer);
ALTER TABLE ONLY ocds.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ocds.release_history
    ADD CONSTRAINT release_history_pkey PRIMARY KEY (ocid, release_id, source, replaced_at);
ALTER TABLE ONLY ocds.release
    ADD CONSTRAINT release_pkey PRIMARY KEY (ocid, release_id, source);
ALTER TABLE ONLY ocds.request
    ADD CONSTRAINT request_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ocds.run
    ADD CONSTRAINT run_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ocds.watermark
    ADD CONSTRAINT watermark_pkey PRIMARY KEY (source);
CREATE INDEX compiled_release_unread_idx ON ocds.compiled_release USING btree (source) WHERE (unread IS NOT NULL);
CREATE INDEX quarantine_document_idx ON ocds.quarantine USING btree (source, md5(url)) WHERE ((reason = ANY (ARRAY['missing-document'::text, 'unfetched-document'::text, 'unreadable-document'::text])) AND (resolved_at IS NULL));
CREATE INDEX quarantine_open_idx ON ocds.quarantine USING btree (source, md5(ocid)) WHERE (resolved_at IS NULL);
CREATE INDEX quarantine_unreadable_idx ON ocds.quarantine USING btree (source, page_number) WHERE ((reason = ANY (ARRAY['unreadable-page'::text, 'refused-page'::text])) AND (resolved_at IS NULL));
CREATE INDEX release_buyer_id_idx ON ocds.release USING btree (buyer_id);
CREATE INDEX release_source_date_idx ON ocds.release USING btree (source, date);
CREATE INDEX release_unread_idx ON ocds.release USING btree (source) WHERE (unread IS NOT NULL);
CREATE INDEX request_run_idx ON ocds.request USING btree (run_id);
CREATE UNIQUE INDEX run_running_key ON ocds.run USING btree (source) WHERE (state = 'running'::text);
CREATE INDEX run_source_idx ON ocds.run USING btree (source, id);
ALTER TABLE ONLY ocds.page
    ADD CONSTRAINT page_run_id_fkey FOREIGN KEY (run_id) REFERENCES ocds.run(id) ON DELETE CASCADE;
ALTER TABLE ONLY ocds.request
    ADD CONSTRAINT request_run_id_fkey FOREIGN KEY (run_id) REFERENCES ocds.run(id) ON DELETE CASCADE;
