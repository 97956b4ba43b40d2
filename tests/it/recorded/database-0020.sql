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
CREATE TABLE ocds.award (
    ocid text NOT NULL,
    source text NOT NULL,
    "position" integer NOT NULL,
    award_id text,
    title text,
    description text,
    status text,
    date timestamp with time zone,
    value numeric,
    currency text,
    period_start timestamp with time zone,
    period_end timestamp with time zone,
    period_days integer,
    suppliers integer,
    supplier_names text[],
    items integer,
    documents integer
)
WITH (autovacuum_vacuum_scale_factor='0.05');
COMMENT ON TABLE ocds.award IS 'An award of a process.';
COMMENT ON COLUMN ocds.award.ocid IS 'ocid of the process';
COMMENT ON COLUMN ocds.award.source IS 'name of the source';
COMMENT ON COLUMN ocds.award."position" IS 'position in its list, counted from 0';
COMMENT ON COLUMN ocds.award.award_id IS 'awards/id';
COMMENT ON COLUMN ocds.award.title IS 'awards/title';
COMMENT ON COLUMN ocds.award.description IS 'awards/description';
COMMENT ON COLUMN ocds.award.status IS 'awards/status';
COMMENT ON COLUMN ocds.award.date IS 'awards/date';
COMMENT ON COLUMN ocds.award.value IS 'awards/value/amount';
COMMENT ON COLUMN ocds.award.currency IS 'awards/value/currency';
COMMENT ON COLUMN ocds.award.period_start IS 'awards/contractPeriod/startDate';
COMMENT ON COLUMN ocds.award.period_end IS 'awards/contractPeriod/endDate';
COMMENT ON COLUMN ocds.award.period_days IS 'durationInDays, or else the whole days of 24 hours between the dates, of awards/contractPeriod';
COMMENT ON COLUMN ocds.award.suppliers IS 'number of awards/suppliers';
COMMENT ON COLUMN ocds.award.supplier_names IS 'suppliers/name, or else the name of the party with the id';
COMMENT ON COLUMN ocds.award.items IS 'number of awards/items';
COMMENT ON COLUMN ocds.award.documents IS 'number of awards/documents';
CREATE TABLE ocds.compile_queue (
    ocid text NOT NULL,
    source text NOT NULL,
    id bigint NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='20000', autovacuum_vacuum_insert_scale_factor='0.2');
COMMENT ON TABLE ocds.compile_queue IS 'A change of a process that is not compiled yet.';
COMMENT ON COLUMN ocds.compile_queue.ocid IS 'ocid of the process';
COMMENT ON COLUMN ocds.compile_queue.source IS 'name of the source';
COMMENT ON COLUMN ocds.compile_queue.id IS 'number of the change';
ALTER TABLE ocds.compile_queue ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ocds.compile_queue_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE ocds.process (
    ocid text NOT NULL,
    source text NOT NULL,
    origin text NOT NULL,
    releases integer NOT NULL,
    release_id text,
    first_date timestamp with time zone,
    last_date timestamp with time zone,
    changed_at timestamp with time zone NOT NULL,
    content_hash bytea NOT NULL,
    merge_error text,
    repeated_ids integer,
    tags text[],
    language text,
    initiation_type text,
    title text,
    description text,
    buyer_id text,
    buyer_scheme_id text,
    buyer_name text,
    procuring_entity_id text,
    procuring_entity_scheme_id text,
    procuring_entity_name text,
    budget_amount numeric,
    budget_currency text,
    budget_project text,
    planning_rationale text,
    tender_id text,
    tender_title text,
    tender_description text,
    tender_status text,
    tender_value numeric,
    tender_currency text,
    tender_min_value numeric,
    tender_min_currency text,
    tender_max_value numeric,
    tender_max_currency text,
    procurement_method text,
    procurement_method_details text,
    procurement_method_rationale text,
    main_procurement_category text,
    additional_procurement_categories text[],
    award_criteria text,
    submission_method text[],
    eligibility_criteria text,
    tender_start timestamp with time zone,
    tender_end timestamp with time zone,
    tender_days integer,
    enquiry_start timestamp with time zone,
    enquiry_end timestamp with time zone,
    enquiry_days integer,
    award_period_start timestamp with time zone,
    award_period_end timestamp with time zone,
    award_period_days integer,
    contract_period_start timestamp with time zone,
    contract_period_end timestamp with time zone,
    contract_period_days integer,
    number_of_tenderers integer,
    tenderers integer,
    tender_items integer,
    lots integer,
    documents integer,
    documents_by_type jsonb,
    milestones integer,
    milestones_by_type jsonb,
    awards integer,
    active_awards integer,
    awards_without_status integer,
    first_award_date timestamp with time zone,
    last_award_date timestamp with time zone,
    award_value numeric,
    award_currency text,
    award_value_by_currency jsonb,
    award_value_active numeric,
    award_currency_active text,
    award_value_active_by_currency jsonb,
    suppliers integer,
    supplier_names text[],
    contracts integer,
    first_signed timestamp with time zone,
    last_signed timestamp with time zone,
    contract_value numeric,
    contract_currency text,
    contract_value_by_currency jsonb,
    contract_end timestamp with time zone,
    transactions integer,
    spent numeric,
    spent_currency text,
    spent_by_currency jsonb,
    parties_by_role jsonb,
    related_processes integer,
    unread text[],
    merged jsonb,
    absent_since timestamp with time zone
)
WITH (autovacuum_vacuum_scale_factor='0.05');
COMMENT ON TABLE ocds.process IS 'A contracting process in its current state.';
COMMENT ON COLUMN ocds.process.ocid IS 'ocid of the process';
COMMENT ON COLUMN ocds.process.source IS 'name of the source';
COMMENT ON COLUMN ocds.process.origin IS 'merged from several releases, the content of a single one, or the publisher''s compiled release';
COMMENT ON COLUMN ocds.process.releases IS 'number of stored releases';
COMMENT ON COLUMN ocds.process.release_id IS 'id of the release that is the content, if it is a single one';
COMMENT ON COLUMN ocds.process.first_date IS 'earliest date of the releases';
COMMENT ON COLUMN ocds.process.last_date IS 'latest date of the releases';
COMMENT ON COLUMN ocds.process.changed_at IS 'when the content here last changed';
COMMENT ON COLUMN ocds.process.content_hash IS 'BLAKE3 of the content and of what else the rows depend on';
COMMENT ON COLUMN ocds.process.merge_error IS 'why the releases could not be merged or the rows not be stored';
COMMENT ON COLUMN ocds.process.repeated_ids IS 'number of entries of arrays that repeat the id of an earlier one of the same release, and were merged into it';
COMMENT ON COLUMN ocds.process.tags IS 'distinct tags of the releases';
COMMENT ON COLUMN ocds.process.language IS 'language';
COMMENT ON COLUMN ocds.process.initiation_type IS 'initiationType';
COMMENT ON COLUMN ocds.process.title IS 'title';
COMMENT ON COLUMN ocds.process.description IS 'description';
COMMENT ON COLUMN ocds.process.buyer_id IS 'buyer/id';
COMMENT ON COLUMN ocds.process.buyer_scheme_id IS 'identifier of the buyer, as scheme-id';
COMMENT ON COLUMN ocds.process.buyer_name IS 'buyer/name, or else the name of the party';
COMMENT ON COLUMN ocds.process.procuring_entity_id IS 'tender/procuringEntity/id';
COMMENT ON COLUMN ocds.process.procuring_entity_scheme_id IS 'identifier of the procuring entity, as scheme-id';
COMMENT ON COLUMN ocds.process.procuring_entity_name IS 'tender/procuringEntity/name, or else the name of the party';
COMMENT ON COLUMN ocds.process.budget_amount IS 'planning/budget/amount/amount';
COMMENT ON COLUMN ocds.process.budget_currency IS 'planning/budget/amount/currency';
COMMENT ON COLUMN ocds.process.budget_project IS 'planning/budget/project';
COMMENT ON COLUMN ocds.process.planning_rationale IS 'planning/rationale';
COMMENT ON COLUMN ocds.process.tender_id IS 'tender/id';
COMMENT ON COLUMN ocds.process.tender_title IS 'tender/title';
COMMENT ON COLUMN ocds.process.tender_description IS 'tender/description';
COMMENT ON COLUMN ocds.process.tender_status IS 'tender/status';
COMMENT ON COLUMN ocds.process.tender_value IS 'tender/value/amount';
COMMENT ON COLUMN ocds.process.tender_currency IS 'tender/value/currency';
COMMENT ON COLUMN ocds.process.tender_min_value IS 'tender/minValue/amount';
COMMENT ON COLUMN ocds.process.tender_min_currency IS 'tender/minValue/currency';
COMMENT ON COLUMN ocds.process.tender_max_value IS 'tender/maxValue/amount';
COMMENT ON COLUMN ocds.process.tender_max_currency IS 'tender/maxValue/currency';
COMMENT ON COLUMN ocds.process.procurement_method IS 'tender/procurementMethod';
COMMENT ON COLUMN ocds.process.procurement_method_details IS 'tender/procurementMethodDetails';
COMMENT ON COLUMN ocds.process.procurement_method_rationale IS 'tender/procurementMethodRationale';
COMMENT ON COLUMN ocds.process.main_procurement_category IS 'tender/mainProcurementCategory';
COMMENT ON COLUMN ocds.process.additional_procurement_categories IS 'tender/additionalProcurementCategories';
COMMENT ON COLUMN ocds.process.award_criteria IS 'tender/awardCriteria';
COMMENT ON COLUMN ocds.process.submission_method IS 'tender/submissionMethod';
COMMENT ON COLUMN ocds.process.eligibility_criteria IS 'tender/eligibilityCriteria';
COMMENT ON COLUMN ocds.process.tender_start IS 'tender/tenderPeriod/startDate';
COMMENT ON COLUMN ocds.process.tender_end IS 'tender/tenderPeriod/endDate';
COMMENT ON COLUMN ocds.process.tender_days IS 'durationInDays, or else the whole days of 24 hours between the dates, of tender/tenderPeriod';
COMMENT ON COLUMN ocds.process.enquiry_start IS 'tender/enquiryPeriod/startDate';
COMMENT ON COLUMN ocds.process.enquiry_end IS 'tender/enquiryPeriod/endDate';
COMMENT ON COLUMN ocds.process.enquiry_days IS 'durationInDays, or else the whole days of 24 hours between the dates, of tender/enquiryPeriod';
COMMENT ON COLUMN ocds.process.award_period_start IS 'tender/awardPeriod/startDate';
COMMENT ON COLUMN ocds.process.award_period_end IS 'tender/awardPeriod/endDate';
COMMENT ON COLUMN ocds.process.award_period_days IS 'durationInDays, or else the whole days of 24 hours between the dates, of tender/awardPeriod';
COMMENT ON COLUMN ocds.process.contract_period_start IS 'tender/contractPeriod/startDate';
COMMENT ON COLUMN ocds.process.contract_period_end IS 'tender/contractPeriod/endDate';
COMMENT ON COLUMN ocds.process.contract_period_days IS 'durationInDays, or else the whole days of 24 hours between the dates, of tender/contractPeriod';
COMMENT ON COLUMN ocds.process.number_of_tenderers IS 'tender/numberOfTenderers';
COMMENT ON COLUMN ocds.process.tenderers IS 'number of tender/tenderers';
COMMENT ON COLUMN ocds.process.tender_items IS 'number of tender/items';
COMMENT ON COLUMN ocds.process.lots IS 'number of tender/lots';
COMMENT ON COLUMN ocds.process.documents IS 'number of documents of all parts';
COMMENT ON COLUMN ocds.process.documents_by_type IS 'number of documents by documentType';
COMMENT ON COLUMN ocds.process.milestones IS 'number of milestones of all parts';
COMMENT ON COLUMN ocds.process.milestones_by_type IS 'number of milestones by type';
COMMENT ON COLUMN ocds.process.awards IS 'number of awards';
COMMENT ON COLUMN ocds.process.active_awards IS 'number of awards with the status active';
COMMENT ON COLUMN ocds.process.awards_without_status IS 'number of awards without a status';
COMMENT ON COLUMN ocds.process.first_award_date IS 'earliest awards/date of the awards that count: not cancelled, unsuccessful or pending';
COMMENT ON COLUMN ocds.process.last_award_date IS 'latest awards/date of the awards that count';
COMMENT ON COLUMN ocds.process.award_value IS 'sum of awards/value of the awards that count; null if they have several currencies';
COMMENT ON COLUMN ocds.process.award_currency IS 'currency of award_value';
COMMENT ON COLUMN ocds.process.award_value_by_currency IS 'sums of awards/value of the awards that count, if they have several currencies';
COMMENT ON COLUMN ocds.process.award_value_active IS 'sum of awards/value of the active awards; null if they have several currencies';
COMMENT ON COLUMN ocds.process.award_currency_active IS 'currency of award_value_active';
COMMENT ON COLUMN ocds.process.award_value_active_by_currency IS 'sums of awards/value of the active awards, if they have several currencies';
COMMENT ON COLUMN ocds.process.suppliers IS 'number of distinct suppliers of the awards that count, told apart by id, or else by scheme-id or name';
COMMENT ON COLUMN ocds.process.supplier_names IS 'distinct names of the suppliers of the awards that count';
COMMENT ON COLUMN ocds.process.contracts IS 'number of contracts';
COMMENT ON COLUMN ocds.process.first_signed IS 'earliest contracts/dateSigned of the contracts that count: not cancelled, unsuccessful or pending';
COMMENT ON COLUMN ocds.process.last_signed IS 'latest contracts/dateSigned of the contracts that count';
COMMENT ON COLUMN ocds.process.contract_value IS 'sum of contracts/value of the contracts that count; null if they have several currencies';
COMMENT ON COLUMN ocds.process.contract_currency IS 'currency of contract_value';
COMMENT ON COLUMN ocds.process.contract_value_by_currency IS 'sums of contracts/value of the contracts that count, if they have several currencies';
COMMENT ON COLUMN ocds.process.contract_end IS 'latest contracts/period/endDate of the contracts that count';
COMMENT ON COLUMN ocds.process.transactions IS 'number of transactions of all contracts';
COMMENT ON COLUMN ocds.process.spent IS 'sum of the values of all transactions; null if they have several currencies';
COMMENT ON COLUMN ocds.process.spent_currency IS 'currency of spent';
COMMENT ON COLUMN ocds.process.spent_by_currency IS 'sums of the values of all transactions, if they have several currencies';
COMMENT ON COLUMN ocds.process.parties_by_role IS 'number of parties by role';
COMMENT ON COLUMN ocds.process.related_processes IS 'number of relatedProcesses';
COMMENT ON COLUMN ocds.process.unread IS 'columns whose value is there and could not be read as a date or a number, as table.column';
COMMENT ON COLUMN ocds.process.merged IS 'the merged release; null if it is the stored release or the publisher''s one, see the view compiled_release';
COMMENT ON COLUMN ocds.process.absent_since IS 'since when the publisher serves nothing of the process any more; null while it does';
CREATE TABLE ocds.publisher_compiled (
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
    absent_since timestamp with time zone,
    CONSTRAINT compiled_release_origin_check CHECK ((origin = 'publisher'::text))
);
COMMENT ON COLUMN ocds.publisher_compiled.absent_since IS 'when the first complete walk of the feed began that did not meet the compiled release, if the one after it did not either; null while the publisher serves it';
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
    chain_number integer DEFAULT 0 NOT NULL,
    absent_since timestamp with time zone
);
COMMENT ON COLUMN ocds.release.absent_since IS 'when the first complete walk of the feed began that did not meet the release, if the one after it did not either; null while the publisher serves it';
CREATE VIEW ocds.compiled_release AS
 SELECT process.ocid,
    process.source,
    process.origin,
    process.releases,
    process.last_date,
    process.changed_at,
    COALESCE(process.merged, (release.data || jsonb_build_object('id', (process.ocid ||
        CASE
            WHEN (jsonb_typeof((release.data -> 'date'::text)) = ANY (ARRAY['string'::text, 'number'::text, 'boolean'::text])) THEN ('-'::text || (release.data ->> 'date'::text))
            ELSE ''::text
        END), 'tag', jsonb_build_array('compiled'))), publisher_compiled.data) AS data
   FROM ((ocds.process
     LEFT JOIN ocds.release ON (((process.merged IS NULL) AND (process.origin = 'single'::text) AND (release.ocid = process.ocid) AND (release.release_id = process.release_id) AND (release.source = process.source))))
     LEFT JOIN ocds.publisher_compiled ON (((process.merged IS NULL) AND (process.origin = 'publisher'::text) AND (publisher_compiled.ocid = process.ocid) AND (publisher_compiled.source = process.source))));
COMMENT ON VIEW ocds.compiled_release IS 'The compiled release of each process. Until a process whose only release has changed is compiled again, data is already the new one.';
COMMENT ON COLUMN ocds.compiled_release.data IS 'the compiled release, whole';
CREATE TABLE ocds.contract (
    ocid text NOT NULL,
    source text NOT NULL,
    "position" integer NOT NULL,
    contract_id text,
    award_id text,
    award_position integer,
    title text,
    description text,
    status text,
    date_signed timestamp with time zone,
    value numeric,
    currency text,
    period_start timestamp with time zone,
    period_end timestamp with time zone,
    period_days integer,
    items integer,
    documents integer,
    milestones integer,
    transactions integer
)
WITH (autovacuum_vacuum_scale_factor='0.05');
COMMENT ON TABLE ocds.contract IS 'A contract of a process.';
COMMENT ON COLUMN ocds.contract.ocid IS 'ocid of the process';
COMMENT ON COLUMN ocds.contract.source IS 'name of the source';
COMMENT ON COLUMN ocds.contract."position" IS 'position in its list, counted from 0';
COMMENT ON COLUMN ocds.contract.contract_id IS 'contracts/id';
COMMENT ON COLUMN ocds.contract.award_id IS 'contracts/awardID';
COMMENT ON COLUMN ocds.contract.award_position IS 'position of the first award with the id awardID';
COMMENT ON COLUMN ocds.contract.title IS 'contracts/title';
COMMENT ON COLUMN ocds.contract.description IS 'contracts/description';
COMMENT ON COLUMN ocds.contract.status IS 'contracts/status';
COMMENT ON COLUMN ocds.contract.date_signed IS 'contracts/dateSigned';
COMMENT ON COLUMN ocds.contract.value IS 'contracts/value/amount';
COMMENT ON COLUMN ocds.contract.currency IS 'contracts/value/currency';
COMMENT ON COLUMN ocds.contract.period_start IS 'contracts/period/startDate';
COMMENT ON COLUMN ocds.contract.period_end IS 'contracts/period/endDate';
COMMENT ON COLUMN ocds.contract.period_days IS 'durationInDays, or else the whole days of 24 hours between the dates, of contracts/period';
COMMENT ON COLUMN ocds.contract.items IS 'number of contracts/items';
COMMENT ON COLUMN ocds.contract.documents IS 'number of contracts/documents and contracts/implementation/documents';
COMMENT ON COLUMN ocds.contract.milestones IS 'number of contracts/milestones and contracts/implementation/milestones';
COMMENT ON COLUMN ocds.contract.transactions IS 'number of contracts/implementation/transactions';
CREATE TABLE ocds.document (
    ocid text NOT NULL,
    source text NOT NULL,
    section text NOT NULL,
    section_position integer NOT NULL,
    "position" integer NOT NULL,
    document_id text,
    document_type text,
    title text,
    url text,
    format text,
    language text,
    date_published timestamp with time zone,
    date_modified timestamp with time zone
)
WITH (autovacuum_vacuum_scale_factor='0.05');
COMMENT ON TABLE ocds.document IS 'A document of a part of a process.';
COMMENT ON COLUMN ocds.document.ocid IS 'ocid of the process';
COMMENT ON COLUMN ocds.document.source IS 'name of the source';
COMMENT ON COLUMN ocds.document.section IS 'the part of the process: planning, tender, award, contract or implementation';
COMMENT ON COLUMN ocds.document.section_position IS 'position of the award or contract around it, counted from 0; 0 in another part';
COMMENT ON COLUMN ocds.document."position" IS 'position in its list, counted from 0';
COMMENT ON COLUMN ocds.document.document_id IS 'id';
COMMENT ON COLUMN ocds.document.document_type IS 'documentType';
COMMENT ON COLUMN ocds.document.title IS 'title';
COMMENT ON COLUMN ocds.document.url IS 'url';
COMMENT ON COLUMN ocds.document.format IS 'format';
COMMENT ON COLUMN ocds.document.language IS 'language';
COMMENT ON COLUMN ocds.document.date_published IS 'datePublished';
COMMENT ON COLUMN ocds.document.date_modified IS 'dateModified';
CREATE TABLE ocds.item (
    ocid text NOT NULL,
    source text NOT NULL,
    section text NOT NULL,
    section_position integer NOT NULL,
    "position" integer NOT NULL,
    item_id text,
    description text,
    classification_scheme text,
    classification_id text,
    classification_description text,
    additional_classifications text[],
    quantity numeric,
    unit text,
    unit_value numeric,
    unit_currency text
)
WITH (autovacuum_vacuum_scale_factor='0.05');
COMMENT ON TABLE ocds.item IS 'An item of a tender, an award or a contract.';
COMMENT ON COLUMN ocds.item.ocid IS 'ocid of the process';
COMMENT ON COLUMN ocds.item.source IS 'name of the source';
COMMENT ON COLUMN ocds.item.section IS 'the part of the process: tender, award or contract';
COMMENT ON COLUMN ocds.item.section_position IS 'position of the award or contract around it, counted from 0; 0 in another part';
COMMENT ON COLUMN ocds.item."position" IS 'position in its list, counted from 0';
COMMENT ON COLUMN ocds.item.item_id IS 'id';
COMMENT ON COLUMN ocds.item.description IS 'description';
COMMENT ON COLUMN ocds.item.classification_scheme IS 'classification/scheme';
COMMENT ON COLUMN ocds.item.classification_id IS 'classification/id';
COMMENT ON COLUMN ocds.item.classification_description IS 'classification/description';
COMMENT ON COLUMN ocds.item.additional_classifications IS 'additionalClassifications, each as scheme-id';
COMMENT ON COLUMN ocds.item.quantity IS 'quantity';
COMMENT ON COLUMN ocds.item.unit IS 'unit/name';
COMMENT ON COLUMN ocds.item.unit_value IS 'unit/value/amount';
COMMENT ON COLUMN ocds.item.unit_currency IS 'unit/value/currency';
CREATE TABLE ocds.lot (
    ocid text NOT NULL,
    source text NOT NULL,
    "position" integer NOT NULL,
    lot_id text,
    title text,
    status text,
    value numeric,
    currency text
)
WITH (autovacuum_vacuum_scale_factor='0.05');
COMMENT ON TABLE ocds.lot IS 'A lot of a tender.';
COMMENT ON COLUMN ocds.lot.ocid IS 'ocid of the process';
COMMENT ON COLUMN ocds.lot.source IS 'name of the source';
COMMENT ON COLUMN ocds.lot."position" IS 'position in its list, counted from 0';
COMMENT ON COLUMN ocds.lot.lot_id IS 'tender/lots/id';
COMMENT ON COLUMN ocds.lot.title IS 'tender/lots/title';
COMMENT ON COLUMN ocds.lot.status IS 'tender/lots/status';
COMMENT ON COLUMN ocds.lot.value IS 'tender/lots/value/amount';
COMMENT ON COLUMN ocds.lot.currency IS 'tender/lots/value/currency';
CREATE TABLE ocds.migration (
    version integer NOT NULL,
    name text NOT NULL,
    checksum bytea NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE ocds.milestone (
    ocid text NOT NULL,
    source text NOT NULL,
    section text NOT NULL,
    section_position integer NOT NULL,
    "position" integer NOT NULL,
    milestone_id text,
    milestone_type text,
    title text,
    status text,
    due_date timestamp with time zone,
    date_met timestamp with time zone,
    date_modified timestamp with time zone
)
WITH (autovacuum_vacuum_scale_factor='0.05');
COMMENT ON TABLE ocds.milestone IS 'A milestone of a part of a process.';
COMMENT ON COLUMN ocds.milestone.ocid IS 'ocid of the process';
COMMENT ON COLUMN ocds.milestone.source IS 'name of the source';
COMMENT ON COLUMN ocds.milestone.section IS 'the part of the process: planning, tender, contract or implementation';
COMMENT ON COLUMN ocds.milestone.section_position IS 'position of the award or contract around it, counted from 0; 0 in another part';
COMMENT ON COLUMN ocds.milestone."position" IS 'position in its list, counted from 0';
COMMENT ON COLUMN ocds.milestone.milestone_id IS 'id';
COMMENT ON COLUMN ocds.milestone.milestone_type IS 'type';
COMMENT ON COLUMN ocds.milestone.title IS 'title';
COMMENT ON COLUMN ocds.milestone.status IS 'status';
COMMENT ON COLUMN ocds.milestone.due_date IS 'dueDate';
COMMENT ON COLUMN ocds.milestone.date_met IS 'dateMet';
COMMENT ON COLUMN ocds.milestone.date_modified IS 'dateModified';
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
CREATE TABLE ocds.party (
    ocid text NOT NULL,
    source text NOT NULL,
    "position" integer NOT NULL,
    party_id text,
    name text,
    roles text[],
    identifier_scheme text,
    identifier text,
    scheme_id text,
    street text,
    locality text,
    region text,
    postal_code text,
    country text
)
WITH (autovacuum_vacuum_scale_factor='0.05');
COMMENT ON TABLE ocds.party IS 'An organisation that takes part in a process. Contacts are left out, because they are people.';
COMMENT ON COLUMN ocds.party.ocid IS 'ocid of the process';
COMMENT ON COLUMN ocds.party.source IS 'name of the source';
COMMENT ON COLUMN ocds.party."position" IS 'position in its list, counted from 0';
COMMENT ON COLUMN ocds.party.party_id IS 'parties/id';
COMMENT ON COLUMN ocds.party.name IS 'parties/name';
COMMENT ON COLUMN ocds.party.roles IS 'parties/roles';
COMMENT ON COLUMN ocds.party.identifier_scheme IS 'parties/identifier/scheme';
COMMENT ON COLUMN ocds.party.identifier IS 'parties/identifier/id';
COMMENT ON COLUMN ocds.party.scheme_id IS 'scheme-id of parties/identifier';
COMMENT ON COLUMN ocds.party.street IS 'parties/address/streetAddress';
COMMENT ON COLUMN ocds.party.locality IS 'parties/address/locality';
COMMENT ON COLUMN ocds.party.region IS 'parties/address/region';
COMMENT ON COLUMN ocds.party.postal_code IS 'parties/address/postalCode';
COMMENT ON COLUMN ocds.party.country IS 'parties/address/countryName';
CREATE TABLE ocds.process_gone (
    ocid text NOT NULL,
    source text NOT NULL,
    gone_at timestamp with time zone NOT NULL
);
COMMENT ON TABLE ocds.process_gone IS 'A process that had rows and has none any more.';
COMMENT ON COLUMN ocds.process_gone.ocid IS 'ocid of the process';
COMMENT ON COLUMN ocds.process_gone.source IS 'name of the source';
COMMENT ON COLUMN ocds.process_gone.gone_at IS 'when its rows were deleted';
CREATE VIEW ocds.process_unread AS
 SELECT process.source,
    column_name.column_name,
    count(*) AS processes
   FROM (ocds.process
     CROSS JOIN LATERAL unnest(process.unread) column_name(column_name))
  WHERE (process.unread IS NOT NULL)
  GROUP BY process.source, column_name.column_name;
COMMENT ON VIEW ocds.process_unread IS 'The columns of processes whose value is there and could not be read as a date or a number.';
COMMENT ON COLUMN ocds.process_unread.column_name IS 'table.column';
COMMENT ON COLUMN ocds.process_unread.processes IS 'number of processes';
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
CREATE TABLE ocds.related_process (
    ocid text NOT NULL,
    source text NOT NULL,
    section text NOT NULL,
    section_position integer NOT NULL,
    "position" integer NOT NULL,
    related_id text,
    relationship text[],
    title text,
    scheme text,
    identifier text,
    uri text
)
WITH (autovacuum_vacuum_scale_factor='0.05');
COMMENT ON TABLE ocds.related_process IS 'A process that is related to a process or to one of its contracts.';
COMMENT ON COLUMN ocds.related_process.ocid IS 'ocid of the process';
COMMENT ON COLUMN ocds.related_process.source IS 'name of the source';
COMMENT ON COLUMN ocds.related_process.section IS 'the part of the process: process or contract';
COMMENT ON COLUMN ocds.related_process.section_position IS 'position of the award or contract around it, counted from 0; 0 in another part';
COMMENT ON COLUMN ocds.related_process."position" IS 'position in its list, counted from 0';
COMMENT ON COLUMN ocds.related_process.related_id IS 'id';
COMMENT ON COLUMN ocds.related_process.relationship IS 'relationship';
COMMENT ON COLUMN ocds.related_process.title IS 'title';
COMMENT ON COLUMN ocds.related_process.scheme IS 'scheme';
COMMENT ON COLUMN ocds.related_process.identifier IS 'identifier';
COMMENT ON COLUMN ocds.related_process.uri IS 'uri';
CREATE VIEW ocds.release_award AS
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
CREATE VIEW ocds.release_contract AS
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
CREATE VIEW ocds.release_item AS
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
CREATE VIEW ocds.release_party AS
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
    unserved bigint,
    CONSTRAINT run_kind_check CHECK ((kind = ANY (ARRAY['incremental'::text, 'backfill'::text, 'load'::text, 'replay'::text, 'purge'::text, 'compile'::text]))),
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
CREATE TABLE ocds.source (
    name text NOT NULL,
    compile_rules text NOT NULL,
    compiled_at timestamp with time zone,
    loads bigint[] DEFAULT '{}'::bigint[] NOT NULL
);
COMMENT ON TABLE ocds.source IS 'A source whose releases are stored.';
COMMENT ON COLUMN ocds.source.name IS 'name of the source';
COMMENT ON COLUMN ocds.source.compile_rules IS 'what the rows of processes depend on besides the releases';
COMMENT ON COLUMN ocds.source.compiled_at IS 'when no process of the source was left in the queue';
COMMENT ON COLUMN ocds.source.loads IS 'runs that have loaded files';
CREATE TABLE ocds.supplier (
    ocid text NOT NULL,
    source text NOT NULL,
    award_position integer NOT NULL,
    "position" integer NOT NULL,
    party_id text,
    name text,
    identifier_scheme text,
    identifier text,
    scheme_id text,
    party_position integer,
    award_value numeric,
    award_currency text,
    joint integer
)
WITH (autovacuum_vacuum_scale_factor='0.05');
COMMENT ON TABLE ocds.supplier IS 'A supplier of an award. The value is that of the whole award, also if it is joint.';
COMMENT ON COLUMN ocds.supplier.ocid IS 'ocid of the process';
COMMENT ON COLUMN ocds.supplier.source IS 'name of the source';
COMMENT ON COLUMN ocds.supplier.award_position IS 'position of the award, counted from 0';
COMMENT ON COLUMN ocds.supplier."position" IS 'position in its list, counted from 0';
COMMENT ON COLUMN ocds.supplier.party_id IS 'id';
COMMENT ON COLUMN ocds.supplier.name IS 'name, or else the name of the party with this id';
COMMENT ON COLUMN ocds.supplier.identifier_scheme IS 'identifier/scheme, or else that of the party';
COMMENT ON COLUMN ocds.supplier.identifier IS 'identifier/id, or else that of the party';
COMMENT ON COLUMN ocds.supplier.scheme_id IS 'identifier/scheme and identifier/id, joined by a hyphen';
COMMENT ON COLUMN ocds.supplier.party_position IS 'position of the party with this id';
COMMENT ON COLUMN ocds.supplier.award_value IS 'value/amount of the award';
COMMENT ON COLUMN ocds.supplier.award_currency IS 'value/currency of the award';
COMMENT ON COLUMN ocds.supplier.joint IS 'number of suppliers of the award';
CREATE TABLE ocds.tenderer (
    ocid text NOT NULL,
    source text NOT NULL,
    "position" integer NOT NULL,
    party_id text,
    name text,
    identifier_scheme text,
    identifier text,
    scheme_id text,
    party_position integer
)
WITH (autovacuum_vacuum_scale_factor='0.05');
COMMENT ON TABLE ocds.tenderer IS 'An organisation that submitted a tender.';
COMMENT ON COLUMN ocds.tenderer.ocid IS 'ocid of the process';
COMMENT ON COLUMN ocds.tenderer.source IS 'name of the source';
COMMENT ON COLUMN ocds.tenderer."position" IS 'position in its list, counted from 0';
COMMENT ON COLUMN ocds.tenderer.party_id IS 'id';
COMMENT ON COLUMN ocds.tenderer.name IS 'name, or else the name of the party with this id';
COMMENT ON COLUMN ocds.tenderer.identifier_scheme IS 'identifier/scheme, or else that of the party';
COMMENT ON COLUMN ocds.tenderer.identifier IS 'identifier/id, or else that of the party';
COMMENT ON COLUMN ocds.tenderer.scheme_id IS 'identifier/scheme and identifier/id, joined by a hyphen';
COMMENT ON COLUMN ocds.tenderer.party_position IS 'position of the party with this id';
CREATE TABLE ocds.transaction (
    ocid text NOT NULL,
    source text NOT NULL,
    contract_position integer NOT NULL,
    "position" integer NOT NULL,
    transaction_id text,
    date timestamp with time zone,
    value numeric,
    currency text,
    payer_id text,
    payer_name text,
    payee_id text,
    payee_name text
)
WITH (autovacuum_vacuum_scale_factor='0.05');
COMMENT ON TABLE ocds.transaction IS 'A payment under a contract.';
COMMENT ON COLUMN ocds.transaction.ocid IS 'ocid of the process';
COMMENT ON COLUMN ocds.transaction.source IS 'name of the source';
COMMENT ON COLUMN ocds.transaction.contract_position IS 'position of the contract, counted from 0';
COMMENT ON COLUMN ocds.transaction."position" IS 'position in its list, counted from 0';
COMMENT ON COLUMN ocds.transaction.transaction_id IS 'contracts/implementation/transactions/id';
COMMENT ON COLUMN ocds.transaction.date IS 'contracts/implementation/transactions/date';
COMMENT ON COLUMN ocds.transaction.value IS 'contracts/implementation/transactions/value/amount, or else contracts/implementation/transactions/amount/amount';
COMMENT ON COLUMN ocds.transaction.currency IS 'contracts/implementation/transactions/value/currency, or else contracts/implementation/transactions/amount/currency';
COMMENT ON COLUMN ocds.transaction.payer_id IS 'payer/id; in version 1.0 providerOrganization/id';
COMMENT ON COLUMN ocds.transaction.payer_name IS 'payer/name, or else the name of the party; in version 1.0 providerOrganization';
COMMENT ON COLUMN ocds.transaction.payee_id IS 'payee/id; in version 1.0 receiverOrganization/id';
COMMENT ON COLUMN ocds.transaction.payee_name IS 'payee/name, or else the name of the party; in version 1.0 receiverOrganization';
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
         SELECT publisher_compiled.source,
            publisher_compiled.unread
           FROM ocds.publisher_compiled
          WHERE (publisher_compiled.unread IS NOT NULL)) release
     CROSS JOIN LATERAL unnest(release.unread) column_name(column_name))
  GROUP BY release.source, column_name.column_name;
CREATE TABLE ocds.walked_page (
    run_id bigint NOT NULL,
    chain text NOT NULL,
    number bigint NOT NULL,
    is_whole boolean NOT NULL,
    keys bytea NOT NULL
);
ALTER TABLE ONLY ocds.walked_page ALTER COLUMN keys SET STORAGE EXTERNAL;
COMMENT ON TABLE ocds.walked_page IS 'The keys of the releases that a page of a complete walk has met.';
COMMENT ON COLUMN ocds.walked_page.run_id IS 'the run that walked';
COMMENT ON COLUMN ocds.walked_page.chain IS 'the chain of the page';
COMMENT ON COLUMN ocds.walked_page.number IS 'the number of the page';
COMMENT ON COLUMN ocds.walked_page.is_whole IS 'false if something was on the page whose key is unknown';
COMMENT ON COLUMN ocds.walked_page.keys IS 'the first 8 bytes of the BLAKE3 of each key';
CREATE TABLE ocds.watermark (
    source text NOT NULL,
    scope text NOT NULL,
    reached timestamp with time zone,
    cursor text,
    run_id bigint NOT NULL,
    moved_at timestamp with time zone NOT NULL
);
INSERT INTO ocds.compile_queue OVERRIDING SYSTEM VALUE VALUES
	('ocds-213czf-0', 'links', 1),
	('ocds-213czf-1', 'links', 2),
	('ocds-213czf-3', 'links', 3),
	('ocds-213czf-4', 'links', 4),
	('ocds-213czf-5', 'links', 5),
	('ocds-213czf-0', 'gaps', 6),
	('ocds-213czf-1', 'gaps', 7),
	('ocds-213czf-2', 'gaps', 8),
	('ocds-213czf-3', 'gaps', 9),
	('ocds-213czf-6', 'gaps', 10),
	('ocds-213czf-7', 'gaps', 11),
	('ocds-213czf-0', 'records', 16),
	('ocds-213czf-1', 'records', 17),
	('ocds-213czf-2', 'records', 18),
	('ocds-213czf-3', 'records', 19),
	('ocds-213czf-2', 'backfilled', 20),
	('ocds-213czf-3', 'backfilled', 21),
	('ocds-213czf-4', 'backfilled', 22),
	('ocds-213czf-5', 'backfilled', 23),
	('ocds-213czf-0', 'axes', 24),
	('ocds-213czf-1', 'axes', 25),
	('ocds-213czf-2', 'axes', 26),
	('ocds-213czf-3', 'axes', 27),
	('ocds-213czf-4', 'axes', 28),
	('ocds-213czf-6', 'axes', 29),
	('ocds-213czf-7', 'axes', 30),
	('ocds-213czf-1', 'details', 31),
	('ocds-213czf-2', 'details', 32),
	('ocds-213czf-0', 'keys', 33),
	('ocds-213czf-1', 'keys', 34),
	('ocds-213czf-2', 'keys', 35),
	('ocds-213czf-3', 'keys', 36),
	('ocds-213czf-0', 'tokens', 37),
	('ocds-213czf-1', 'tokens', 38),
	('ocds-213czf-2', 'tokens', 39),
	('ocds-213czf-3', 'tokens', 40),
	('ocds-213czf-2024-01-22-a', 'windows', 50),
	('ocds-213czf-2024-01-22-b', 'windows', 51),
	('ocds-213czf-2024-01-01', 'halves', 52),
	('ocds-213czf-2024-01-08', 'halves', 53),
	('ocds-213czf-0', 'archive', 68),
	('ocds-213czf-1', 'archive', 69),
	('ocds-213czf-10', 'loaded', 73),
	('ocds-213czf-11', 'loaded', 74);
INSERT INTO ocds.migration VALUES
	(1, 'ledger_and_releases', '\x9942b65a45738135c9d343c8a58e59bd4ef08333ef17ed02066d149d11517769', '2026-12-01 04:32:12.769412+00'),
	(2, 'views', '\xac160e362c8a54f7246ed41b0907a5952cf1ce9771cf6b14474851c790435dd8', '2026-12-01 04:32:12.769412+00'),
	(3, 'release_key', '\x7de08aaf050b0886aa549801746a78476eb6add9a153de37174174851cd78caf', '2026-12-01 04:32:12.769412+00'),
	(4, 'purge_and_request', '\xbf6ea288673ea08349376d95d8d1358ed053c58bac0cd009a9d11339ab10b201', '2026-12-01 04:32:12.769412+00'),
	(5, 'windows', '\x0087ad81902823968f29689781f2bf21648bca37f1032b8ceecbc74c7c5ff8b6', '2026-12-01 04:32:12.769412+00'),
	(6, 'items', '\x1cae37183c3279279ac3136f0ab632d2a6776facf4ac6db9e3d1c82891f13459', '2026-12-01 04:32:12.769412+00'),
	(7, 'validators', '\xb3fd777714c9406854eff01ed47968d0531d4b8bd63e52bb301c92f496f2f7be', '2026-12-01 04:32:12.769412+00'),
	(8, 'load', '\xde80b554959e1031b974fe7ed7c84422ee3faa17081642906f18673be51ef538', '2026-12-01 04:32:12.769412+00'),
	(9, 'lost_commits', '\x520da5fc1e3cea334d2902a482bbf0c302f7732f49d585a57a62af6a8d533157', '2026-12-01 04:32:12.769412+00'),
	(10, 'redacted_rejects', '\x19c5917ec6bf380e299cdd6d3cf668491479514359b2e4276d66b4808ed2abd4', '2026-12-01 04:32:12.769412+00'),
	(11, 'amounts', '\xc39e07064acc30c7713963fc12f3782321d45781f3940dccb1a68af9df2c666d', '2026-12-01 04:32:12.769412+00'),
	(12, 'refused_positions', '\x9edeada50705e39a2b09208c102d29e48e2ce39737d7823e7cb2f55197853db6', '2026-12-01 04:32:12.769412+00'),
	(13, 'passed_over', '\xd27f36eaafcdc6ba2b7b266207f8f2ff197446f58e92791d4fb232554ea1834d', '2026-12-01 04:32:12.769412+00'),
	(14, 'unread', '\xbef01abeba1c5ec058cf419f25bd4d2d418d139c7b53c1d5f2687b3e8eb32300', '2026-12-01 04:32:12.769412+00'),
	(15, 'packages', '\xc064306e1ab34be0faefed77e7199ea223c76acfe4030557644c391f8b668aba', '2026-12-01 04:32:12.769412+00'),
	(16, 'peru_compras_watermark', '\x441d2cf553509a1cd7f586c41558d6cf62fd4c9a876bdcba4d9477eb7d02ef70', '2026-12-01 04:32:12.769412+00'),
	(17, 'overwrite', '\x2c33c1aea94712694dd13e138052551c8877f50c54117a6250cdce937760f93f', '2026-12-01 04:32:12.769412+00'),
	(18, 'publisher_compiled', '\x08122795f95d5ef9079fe56529c57247a372ccef8d944d12719b7992d34decaf', '2026-12-01 04:32:12.769412+00'),
	(19, 'processes', '\x169cae812d69197439ecdfbd50fb3fc62eaa8b1e631b7756fb351bdc55ce9944', '2026-12-01 04:32:12.769412+00'),
	(20, 'absent_releases', '\xdc124870da6fbd99d6fe6101feb9539c24dac54b6bd5d6ea8ac39d034f950728', '2026-12-01 04:32:12.769412+00');
INSERT INTO ocds.package VALUES
	('links', 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}}', '2026-12-01 04:32:12.96609+00'),
	('gaps', 'aa0e979d-3928-5f10-b2fc-b48802cfbdc2', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}, "total_items": 9, "total_pages": 5}', '2026-12-01 04:32:13.089477+00'),
	('stopped', 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}}', '2026-12-01 04:32:13.214429+00'),
	('records', '5ca0849a-ab52-01dc-4e7f-d66d53a9b4f0', '{"version": "1.1", "total_pages": 4}', '2026-12-01 04:32:13.390828+00'),
	('backfilled', 'c175197e-bb8c-5f60-18df-baefb778be01', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}, "total_items": 11, "total_pages": 6}', '2026-12-01 04:32:13.520794+00'),
	('axes', 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}}', '2026-12-01 04:32:13.648788+00'),
	('details', 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}}', '2026-12-01 04:32:13.783955+00'),
	('keys', 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}}', '2026-12-01 04:32:13.917294+00'),
	('tokens', 'b82c3d27-64fd-3b53-0ef9-d306462c3b1e', '{"uri": "https://publisher.example/package", "next": "t2", "publisher": {"name": "Scripted"}}', '2026-12-01 04:32:14.051371+00'),
	('tokens', '4d11e198-4e6e-da35-aed0-93789ed8641c', '{"uri": "https://publisher.example/package", "next": "t3", "publisher": {"name": "Scripted"}}', '2026-12-01 04:32:14.06904+00'),
	('windows', 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}}', '2026-12-01 04:32:14.185364+00'),
	('halves', 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}}', '2026-12-01 04:32:14.511419+00'),
	('buyers', 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}}', '2026-12-01 04:32:14.628361+00'),
	('changes', 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}}', '2026-12-01 04:32:14.770234+00'),
	('tagged', '27ba0902-86c4-b288-dc99-9b6a826fae19', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}, "total_items": 5, "total_pages": 3}', '2026-12-01 04:32:14.931922+00'),
	('archive', 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}}', '2026-12-01 04:32:15.23086+00'),
	('loaded', 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', '{"uri": "https://publisher.example/package", "publisher": {"name": "Scripted"}}', '2026-12-01 04:32:15.387011+00');
INSERT INTO ocds.page VALUES
	(1, '', 1, 'start ', 2, 'link http://links.example/releases?page=2', 'http://links.example/releases', '2026-12-01 04:32:12.964302+00', '2026-12-01 04:32:12.96609+00', '{"uri": "https://publisher.example/package", "links": {"next": "?page=2"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(1, '', 2, 'link http://links.example/releases?page=2', 3, 'link http://links.example/releases?page=3', 'http://links.example/releases?page=2', '2026-12-01 04:32:12.967896+00', '2026-12-01 04:32:12.983296+00', '{"uri": "https://publisher.example/package", "links": {"next": "?page=3"}, "releases": [], "publisher": {"name": "Scripted"}}', 3, 1, 0, 0, 0, 2, 3, NULL, NULL, NULL, 0, 0),
	(1, '', 3, 'link http://links.example/releases?page=3', 4, 'link http://links.example/releases?page=4', 'http://links.example/releases?page=3', '2026-12-01 04:32:12.971881+00', '2026-12-01 04:32:12.986956+00', '{"uri": "https://publisher.example/package", "links": {"next": "?page=4"}, "releases": [], "publisher": {"name": "Scripted"}}', 3, 2, 0, 0, 0, 1, 3, NULL, NULL, NULL, 0, 0),
	(2, '', 1, 'number 1', 2, 'number 2', 'http://gaps.example/releases?page=1', '2026-12-01 04:32:13.087702+00', '2026-12-01 04:32:13.089477+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}, "total_items": 9, "total_pages": 5}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(2, '', 2, 'number 2', 3, 'number 3', 'http://gaps.example/releases?page=2', '2026-12-01 04:32:13.091844+00', '2026-12-01 04:32:13.108325+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}, "total_items": 9, "total_pages": 5}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(2, '', 4, 'number 4', 5, 'number 5', 'http://gaps.example/releases?page=4', '2026-12-01 04:32:13.099058+00', '2026-12-01 04:32:13.113791+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}, "total_items": 9, "total_pages": 5}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(3, '', 1, 'start ', 2, 'link http://stopped.example/releases?page=2', 'http://stopped.example/releases', '2026-12-01 04:32:13.212509+00', '2026-12-01 04:32:13.214429+00', '{"uri": "https://publisher.example/package", "links": {"next": "?page=2"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(3, '', 2, 'link http://stopped.example/releases?page=2', 3, 'link http://stopped.example/releases?page=3', 'http://stopped.example/releases?page=2', '2026-12-01 04:32:13.215691+00', '2026-12-01 04:32:13.237337+00', '{"uri": "https://publisher.example/package", "links": {"next": "?page=3"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(4, '', 0, 'number 0', 1, 'number 1', 'http://records.example/records?page=0', '2026-12-01 04:32:13.388706+00', '2026-12-01 04:32:13.390828+00', '{"records": [], "version": "1.1", "total_pages": 4}', 4, 4, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(4, '', 1, 'number 1', 2, 'number 2', 'http://records.example/records?page=1', '2026-12-01 04:32:13.392903+00', '2026-12-01 04:32:13.409033+00', '{"records": [], "version": "1.1", "total_pages": 4}', 4, 4, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(5, '', 2, 'offset 2', 3, 'offset 4', 'http://backfilled.example/releases?offset=2', '2026-12-01 04:32:13.519048+00', '2026-12-01 04:32:13.520794+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}, "total_items": 11, "total_pages": 6}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(5, '', 3, 'offset 4', 4, 'offset 6', 'http://backfilled.example/releases?offset=4', '2026-12-01 04:32:13.521829+00', '2026-12-01 04:32:13.536095+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}, "total_items": 11, "total_pages": 6}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(6, 'kind=tender', 1, 'start ', 2, 'link http://axes.example/tender?page=2', 'http://axes.example/tender', '2026-12-01 04:32:13.647074+00', '2026-12-01 04:32:13.648788+00', '{"uri": "https://publisher.example/package", "links": {"next": "?page=2"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(6, 'kind=tender', 2, 'link http://axes.example/tender?page=2', 3, 'link http://axes.example/tender?page=3', 'http://axes.example/tender?page=2', '2026-12-01 04:32:13.649889+00', '2026-12-01 04:32:13.664614+00', '{"uri": "https://publisher.example/package", "links": {"next": "?page=3"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(6, 'kind=tender', 3, 'link http://axes.example/tender?page=3', NULL, NULL, 'http://axes.example/tender?page=3', '2026-12-01 04:32:13.652164+00', '2026-12-01 04:32:13.66714+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(6, 'kind=award+%26+more', 1, 'start ', 2, 'link http://axes.example/award%20%26%20more?page=2', 'http://axes.example/award%20%26%20more', '2026-12-01 04:32:13.657015+00', '2026-12-01 04:32:13.669553+00', '{"uri": "https://publisher.example/package", "links": {"next": "?page=2"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(7, '', 1, 'detail 0 - start ', 2, 'detail 2 18c9864410e6d374 start ', 'http://details.example/index', '2026-12-01 04:32:13.777775+00', '2026-12-01 04:32:13.783955+00', NULL, 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(8, '', 1, 'start ', 2, 'link http://keys.example/releases?key={env.RECORDED_KEY}&page=2', 'http://keys.example/releases?key={env.RECORDED_KEY}', '2026-12-01 04:32:13.91539+00', '2026-12-01 04:32:13.917294+00', '{"uri": "https://publisher.example/package", "links": {"next": "http://keys.example/releases?key={env.RECORDED_KEY}&page=2"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(8, '', 2, 'link http://keys.example/releases?key={env.RECORDED_KEY}&page=2', 3, 'link http://keys.example/releases?key={env.RECORDED_KEY}&page=3', 'http://keys.example/releases?key={env.RECORDED_KEY}&page=2', '2026-12-01 04:32:13.917581+00', '2026-12-01 04:32:13.934953+00', '{"uri": "https://publisher.example/package", "links": {"next": "http://keys.example/releases?key={env.RECORDED_KEY}&page=3"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(9, '', 1, 'token t1', 2, 'token t2', 'http://tokens.example/releases?key={env.RECORDED_KEY}&after=t1', '2026-12-01 04:32:14.04962+00', '2026-12-01 04:32:14.051371+00', '{"uri": "https://publisher.example/package", "next": "t2", "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(9, '', 2, 'token t2', 3, 'token t3', 'http://tokens.example/releases?key={env.RECORDED_KEY}&after=t2', '2026-12-01 04:32:14.052424+00', '2026-12-01 04:32:14.06904+00', '{"uri": "https://publisher.example/package", "next": "t3", "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(10, '2024-01-01T00:00:00Z/2024-01-08T00:00:00Z', 1, 'start ', 2, 'link http://windows.example/feed?from=2024-01-01&to=2024-01-08&page=2', 'http://windows.example/feed?from=2024-01-01&to=2024-01-08', '2026-12-01 04:32:14.183079+00', '2026-12-01 04:32:14.185364+00', '{"uri": "https://publisher.example/package", "links": {"next": "/feed?from=2024-01-01&to=2024-01-08&page=2"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(10, '2024-01-01T00:00:00Z/2024-01-08T00:00:00Z', 2, 'link http://windows.example/feed?from=2024-01-01&to=2024-01-08&page=2', NULL, NULL, 'http://windows.example/feed?from=2024-01-01&to=2024-01-08&page=2', '2026-12-01 04:32:14.187238+00', '2026-12-01 04:32:14.207457+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(10, '2024-01-08T00:00:00Z/2024-01-15T00:00:00Z', 1, 'start ', 2, 'link http://windows.example/feed?from=2024-01-08&to=2024-01-15&page=2', 'http://windows.example/feed?from=2024-01-08&to=2024-01-15', '2026-12-01 04:32:14.193767+00', '2026-12-01 04:32:14.21051+00', '{"uri": "https://publisher.example/package", "links": {"next": "/feed?from=2024-01-08&to=2024-01-15&page=2"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(10, '2024-01-08T00:00:00Z/2024-01-15T00:00:00Z', 2, 'link http://windows.example/feed?from=2024-01-08&to=2024-01-15&page=2', NULL, NULL, 'http://windows.example/feed?from=2024-01-08&to=2024-01-15&page=2', '2026-12-01 04:32:14.199269+00', '2026-12-01 04:32:14.213346+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(10, '2024-01-15T00:00:00Z/2024-01-16T00:00:00Z', 1, 'start ', 2, 'link http://windows.example/feed?from=2024-01-15&to=2024-01-16&page=2', 'http://windows.example/feed?from=2024-01-15&to=2024-01-16', '2026-12-01 04:32:14.203535+00', '2026-12-01 04:32:14.216003+00', '{"uri": "https://publisher.example/package", "links": {"next": "/feed?from=2024-01-15&to=2024-01-16&page=2"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(10, '2024-01-15T00:00:00Z/2024-01-16T00:00:00Z', 2, 'link http://windows.example/feed?from=2024-01-15&to=2024-01-16&page=2', NULL, NULL, 'http://windows.example/feed?from=2024-01-15&to=2024-01-16&page=2', '2026-12-01 04:32:14.206905+00', '2026-12-01 04:32:14.218988+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(11, '2024-01-15T00:00:00Z/2024-01-22T00:00:00Z', 1, 'start ', 2, 'link http://windows.example/feed?from=2024-01-15&to=2024-01-22&page=2', 'http://windows.example/feed?from=2024-01-15&to=2024-01-22', '2026-12-01 04:32:14.371072+00', '2026-12-01 04:32:14.37319+00', '{"uri": "https://publisher.example/package", "links": {"next": "/feed?from=2024-01-15&to=2024-01-22&page=2"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 0, 0, 2, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(11, '2024-01-15T00:00:00Z/2024-01-22T00:00:00Z', 2, 'link http://windows.example/feed?from=2024-01-15&to=2024-01-22&page=2', NULL, NULL, 'http://windows.example/feed?from=2024-01-15&to=2024-01-22&page=2', '2026-12-01 04:32:14.374661+00', '2026-12-01 04:32:14.391407+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 1, 0, 0, 1, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(11, '2024-01-22T00:00:00Z/2024-01-29T00:00:00Z', 1, 'start ', 2, 'link http://windows.example/feed?from=2024-01-22&to=2024-01-29&page=2', 'http://windows.example/feed?from=2024-01-22&to=2024-01-29', '2026-12-01 04:32:14.377342+00', '2026-12-01 04:32:14.395921+00', '{"uri": "https://publisher.example/package", "links": {"next": "/feed?from=2024-01-22&to=2024-01-29&page=2"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(12, '2024-01-01T00:00:00Z/2024-01-08T00:00:00Z', 1, 'start ', NULL, NULL, 'http://halves.example/feed?from=2024-01-01&to=2024-01-08', '2026-12-01 04:32:14.509544+00', '2026-12-01 04:32:14.511419+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(12, '2024-01-08T00:00:00Z/2024-01-16T00:00:00Z', 1, 'start ', NULL, NULL, 'http://halves.example/feed?from=2024-01-08&to=2024-01-16', '2026-12-01 04:32:14.513019+00', '2026-12-01 04:32:14.528518+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(13, '2024-01-01T00:00:00Z/2024-01-11T00:00:00Z buyer=a', 1, 'start ', NULL, NULL, 'http://buyers.example/of/a?from=2024-01-01&to=2024-01-11', '2026-12-01 04:32:14.626608+00', '2026-12-01 04:32:14.628361+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(13, '2024-01-01T00:00:00Z/2024-01-11T00:00:00Z buyer=b', 1, 'start ', NULL, NULL, 'http://buyers.example/of/b?from=2024-01-01&to=2024-01-11', '2026-12-01 04:32:14.631334+00', '2026-12-01 04:32:14.64391+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(13, '2024-01-11T00:00:00Z/2024-01-21T00:00:00Z buyer=a', 1, 'start ', NULL, NULL, 'http://buyers.example/of/a?from=2024-01-11&to=2024-01-21', '2026-12-01 04:32:14.635682+00', '2026-12-01 04:32:14.646018+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(13, '2024-01-11T00:00:00Z/2024-01-21T00:00:00Z buyer=b', 1, 'start ', NULL, NULL, 'http://buyers.example/of/b?from=2024-01-11&to=2024-01-21', '2026-12-01 04:32:14.639916+00', '2026-12-01 04:32:14.647942+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(14, '', 1, 'start ', 2, 'link http://changes.example/changes?page=2', 'http://changes.example/changes', '2026-12-01 04:32:14.768641+00', '2026-12-01 04:32:14.770234+00', '{"uri": "https://publisher.example/package", "links": {"next": "/changes?page=2"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(14, '', 2, 'link http://changes.example/changes?page=2', 3, 'link http://changes.example/changes?page=3', 'http://changes.example/changes?page=2', '2026-12-01 04:32:14.772038+00', '2026-12-01 04:32:14.786018+00', '{"uri": "https://publisher.example/package", "links": {"next": "/changes?page=3"}, "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(14, '', 3, 'link http://changes.example/changes?page=3', NULL, NULL, 'http://changes.example/changes?page=3', '2026-12-01 04:32:14.775817+00', '2026-12-01 04:32:14.788453+00', '{"uri": "https://publisher.example/package", "links": {"next": "/changes?page=3"}, "releases": [], "publisher": {"name": "Scripted"}}', 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(15, '', 1, 'number 1', 2, 'number 2', 'http://tagged.example/releases?page=1', '2026-12-01 04:32:14.929993+00', '2026-12-01 04:32:14.931922+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}, "total_items": 5, "total_pages": 3}', 2, 2, 0, 0, 0, 0, 2, '"96dbd1250a659974"', 'Fri, 13 Nov 2020 08:00:00 GMT', 'b13797e5759b9d6457628ab5636e923f', 0, 0),
	(15, '', 2, 'number 2', 3, 'number 3', 'http://tagged.example/releases?page=2', '2026-12-01 04:32:14.933134+00', '2026-12-01 04:32:14.946542+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}, "total_items": 5, "total_pages": 3}', 2, 2, 0, 0, 0, 0, 2, '"d21330ff7f8c1487"', 'Fri, 13 Nov 2020 08:00:00 GMT', 'b13797e5759b9d6457628ab5636e923f', 0, 0),
	(15, '', 3, 'number 3', NULL, NULL, 'http://tagged.example/releases?page=3', '2026-12-01 04:32:14.936592+00', '2026-12-01 04:32:14.949597+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}, "total_items": 5, "total_pages": 3}', 1, 1, 0, 0, 0, 0, 1, '"1df7b73160d9a038"', 'Fri, 13 Nov 2020 08:00:00 GMT', 'b13797e5759b9d6457628ab5636e923f', 0, 0),
	(16, '', 1, 'start ', 2, 'piece 1 0 0 3723f411d1bab5f18df726fc1018586a', 'http://archive.example/all.zip', '2026-12-01 04:32:15.223381+00', '2026-12-01 04:32:15.23086+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 2, 2, 0, 0, 0, 0, 2, NULL, NULL, NULL, 0, 0),
	(17, 'file=%2Fsrv%2Floaded.json', 1, 'start ', NULL, NULL, 'file:///srv/loaded.json', '2026-12-01 04:32:15.386248+00', '2026-12-01 04:32:15.387011+00', '{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}', 3, 3, 0, 0, 0, 0, 3, NULL, NULL, NULL, 0, 0),
	(18, 'file=http%3A%2F%2Floaded.example%2Flarge.json', 1, 'start ', 2, 'piece 0 0 1048727 f0c9f46125508b822c5ddb716f33305b', 'http://loaded.example/large.json', '2026-12-01 04:32:15.556007+00', '2026-12-01 04:32:15.558717+00', NULL, 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0),
	(18, 'file=http%3A%2F%2Floaded.example%2Flarge.json', 2, 'piece 0 0 1048727 f0c9f46125508b822c5ddb716f33305b', 3, 'piece 0 0 2097453 422774599b453e890811e9cfe7a115ef', 'http://loaded.example/large.json', '2026-12-01 04:32:15.576403+00', '2026-12-01 04:32:15.583003+00', NULL, 1, 1, 0, 0, 0, 0, 1, NULL, NULL, NULL, 0, 0);
INSERT INTO ocds.process VALUES
	('ocds-213czf-0', 'stopped', 'single', 1, '0', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-12-01 04:32:13.270209+00', '\xe2d2786d21786d7231a50647eca834b73e9b90f42504ca124e9374e5bb12e277', NULL, 0, '{tender}', NULL, 'tender', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 't0', 'Works 0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-1', 'stopped', 'single', 1, '1', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-12-01 04:32:13.270209+00', '\x2b3991180e397de79ad5b6175858a90412199aff0a106804e08835c11376a640', NULL, 0, '{tender}', NULL, 'tender', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-2', 'stopped', 'single', 1, '2', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-12-01 04:32:13.270209+00', '\x42462f29acfc9b415b8e0aa1f332cea19859e98ff2a74dd2adde25bf3b07a109', NULL, 0, '{tender}', NULL, 'tender', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-3', 'stopped', 'single', 1, '3', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-12-01 04:32:13.270209+00', '\x91b5675cd7385fcd7eadb35cd6f2c41f8299d84f10c659e37cb9bbce3c34bb0c', NULL, 0, '{tender}', NULL, 'tender', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-2024-01-01-a', 'windows', 'single', 1, '2024-01-01-a', '2024-01-01 00:00:00+00', '2024-01-01 00:00:00+00', '2026-12-01 04:32:14.237343+00', '\xa02ce0de6ce8d5679b09c413115afc3a49b879987f9971e080fb6314652de28c', NULL, 0, '{tender}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-01-a', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-2024-01-01-b', 'windows', 'single', 1, '2024-01-01-b', '2024-01-01 00:00:00+00', '2024-01-01 00:00:00+00', '2026-12-01 04:32:14.237343+00', '\xa3230c6202584eac3202b7f93113562038566918f68013464ad983efae1ec883', NULL, 0, '{tender}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-01-b', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-2024-01-01-c', 'windows', 'single', 1, '2024-01-01-c', '2024-01-01 00:00:00+00', '2024-01-01 00:00:00+00', '2026-12-01 04:32:14.237343+00', '\xe5dd038db77dcbb82b282dd96439f85f70174b31c7e0e02bc653747b9eeeddbb', NULL, 0, '{tender}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-01-c', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-2024-01-08-a', 'windows', 'single', 1, '2024-01-08-a', '2024-01-01 00:00:00+00', '2024-01-01 00:00:00+00', '2026-12-01 04:32:14.237343+00', '\xfc1a6aaac6738b4b86ec7b89f167108e979ab79e96091850316cfba62c2f1094', NULL, 0, '{tender}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-08-a', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-2024-01-08-b', 'windows', 'single', 1, '2024-01-08-b', '2024-01-01 00:00:00+00', '2024-01-01 00:00:00+00', '2026-12-01 04:32:14.237343+00', '\x1105fe54e3f1e33370f05dcb3e951c2fe054934a38a55b539b6bf899bb2725a8', NULL, 0, '{tender}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-08-b', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-2024-01-08-c', 'windows', 'single', 1, '2024-01-08-c', '2024-01-01 00:00:00+00', '2024-01-01 00:00:00+00', '2026-12-01 04:32:14.237343+00', '\xaba3f8c7f5fff447f1d34729ddb03eb75f8c1d7dcf7e2f87ca6cbe3a0c4f3724', NULL, 0, '{tender}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-08-c', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-2024-01-15-a', 'windows', 'single', 1, '2024-01-15-a', '2024-01-01 00:00:00+00', '2024-01-01 00:00:00+00', '2026-12-01 04:32:14.237343+00', '\x255e7ceb303a8fd9249d0f79aa1729d22ce19971b5196ee52364ce39e606b6b4', NULL, 0, '{tender}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-15-a', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-2024-01-15-b', 'windows', 'single', 1, '2024-01-15-b', '2024-01-01 00:00:00+00', '2024-01-01 00:00:00+00', '2026-12-01 04:32:14.237343+00', '\x57db09c467f03231a944831932b50ad2294a4605f180ccd56e46f75d087ba38d', NULL, 0, '{tender}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-15-b', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-2024-01-15-c', 'windows', 'single', 1, '2024-01-15-c', '2024-01-01 00:00:00+00', '2024-01-01 00:00:00+00', '2026-12-01 04:32:14.237343+00', '\x866db809d56de4c33d0656f3497b6783f22263b4ff3b8ea554ad55781b7aa53e', NULL, 0, '{tender}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-15-c', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-a-2024-01-01', 'buyers', 'single', 1, 'a-2024-01-01', '2024-01-01 00:00:00+00', '2024-01-01 00:00:00+00', '2026-12-01 04:32:14.662023+00', '\x70b9d5f5b273c9666e379677902dac6c7e40224cc87dde3c34904ab00cab5edf', NULL, 0, '{tender}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Works a-2024-01-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-a-2024-01-11', 'buyers', 'single', 1, 'a-2024-01-11', '2024-01-01 00:00:00+00', '2024-01-01 00:00:00+00', '2026-12-01 04:32:14.662023+00', '\x2e242249c59dc9edb9ca9053e8c7faf3e99849c4e95b0d708a12fb097f98e6d3', NULL, 0, '{tender}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Works a-2024-01-11', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-b-2024-01-01', 'buyers', 'single', 1, 'b-2024-01-01', '2024-01-01 00:00:00+00', '2024-01-01 00:00:00+00', '2026-12-01 04:32:14.662023+00', '\xb2763f6c7c850c20312ced61abee1a15543c839b00f6d3954d72d14aec2d4597', NULL, 0, '{tender}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Works b-2024-01-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-b-2024-01-11', 'buyers', 'single', 1, 'b-2024-01-11', '2024-01-01 00:00:00+00', '2024-01-01 00:00:00+00', '2026-12-01 04:32:14.662023+00', '\x3eaa1f6ad399964667dff63fa812b3eb66ff99b07c70fe8caa6dfec1621a69be', NULL, 0, '{tender}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Works b-2024-01-11', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-0', 'changes', 'single', 1, '0', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-12-01 04:32:14.804996+00', '\xe2d2786d21786d7231a50647eca834b73e9b90f42504ca124e9374e5bb12e277', NULL, 0, '{tender}', NULL, 'tender', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 't0', 'Works 0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-1', 'changes', 'single', 1, '1', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-12-01 04:32:14.804996+00', '\x2b3991180e397de79ad5b6175858a90412199aff0a106804e08835c11376a640', NULL, 0, '{tender}', NULL, 'tender', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-2', 'changes', 'single', 1, '2', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-12-01 04:32:14.804996+00', '\x42462f29acfc9b415b8e0aa1f332cea19859e98ff2a74dd2adde25bf3b07a109', NULL, 0, '{tender}', NULL, 'tender', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-3', 'changes', 'single', 1, '3', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-12-01 04:32:14.804996+00', '\x91b5675cd7385fcd7eadb35cd6f2c41f8299d84f10c659e37cb9bbce3c34bb0c', NULL, 0, '{tender}', NULL, 'tender', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-4', 'changes', 'single', 1, '4', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-12-01 04:32:14.804996+00', '\x2a25aedd1a41d5522a4461a44aff807d3685777e967cd46ca4ab7d13350adc13', NULL, 0, '{tender}', NULL, 'tender', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 't4', 'Works 4', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-0', 'tagged', 'single', 1, '0', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-12-01 04:32:14.969241+00', '\xe2d2786d21786d7231a50647eca834b73e9b90f42504ca124e9374e5bb12e277', NULL, 0, '{tender}', NULL, 'tender', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 't0', 'Works 0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-1', 'tagged', 'single', 1, '1', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-12-01 04:32:14.969241+00', '\x2b3991180e397de79ad5b6175858a90412199aff0a106804e08835c11376a640', NULL, 0, '{tender}', NULL, 'tender', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-2', 'tagged', 'single', 1, '2', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-12-01 04:32:14.969241+00', '\x42462f29acfc9b415b8e0aa1f332cea19859e98ff2a74dd2adde25bf3b07a109', NULL, 0, '{tender}', NULL, 'tender', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-3', 'tagged', 'single', 1, '3', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-12-01 04:32:14.969241+00', '\x91b5675cd7385fcd7eadb35cd6f2c41f8299d84f10c659e37cb9bbce3c34bb0c', NULL, 0, '{tender}', NULL, 'tender', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-4', 'tagged', 'single', 1, '4', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-12-01 04:32:14.969241+00', '\x2a25aedd1a41d5522a4461a44aff807d3685777e967cd46ca4ab7d13350adc13', NULL, 0, '{tender}', NULL, 'tender', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 't4', 'Works 4', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-1', 'loaded', 'single', 1, '1', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-12-01 04:32:15.414266+00', '\x2b3991180e397de79ad5b6175858a90412199aff0a106804e08835c11376a640', NULL, 0, '{tender}', NULL, 'tender', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-2', 'loaded', 'single', 1, '2', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-12-01 04:32:15.414266+00', '\x42462f29acfc9b415b8e0aa1f332cea19859e98ff2a74dd2adde25bf3b07a109', NULL, 0, '{tender}', NULL, 'tender', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL),
	('ocds-213czf-3', 'loaded', 'single', 1, '3', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-12-01 04:32:15.414266+00', '\x91b5675cd7385fcd7eadb35cd6f2c41f8299d84f10c659e37cb9bbce3c34bb0c', NULL, 0, '{tender}', NULL, 'tender', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL);
INSERT INTO ocds.publisher_compiled VALUES
	('records', 'ocds-213czf-0', 'publisher', '2026-01-01 00:00:00+00', '{compiled}', '\x6dc952d7906cf5fbe54b34157bacbb8ac52968bdee598fbf33003525439bc31b', NULL, 4, 0, '2026-12-01 04:32:13.390828+00', '2026-12-01 04:32:13.388706+00', '{"id": "compiled", "tag": ["compiled"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-0", "tender": {"title": "Works 0"}}', NULL, NULL, '5ca0849a-ab52-01dc-4e7f-d66d53a9b4f0', 0, NULL),
	('records', 'ocds-213czf-1', 'publisher', '2026-01-01 00:00:00+00', '{compiled}', '\x7d22948511a1454487ff05e097004cc8e95ee465a374be0b18a092529cb716a8', NULL, 4, 0, '2026-12-01 04:32:13.390828+00', '2026-12-01 04:32:13.388706+00', '{"id": "compiled", "tag": ["compiled"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"title": "Works 1"}}', NULL, NULL, '5ca0849a-ab52-01dc-4e7f-d66d53a9b4f0', 0, NULL),
	('records', 'ocds-213czf-2', 'publisher', '2026-01-01 00:00:00+00', '{compiled}', '\x8595cc332dc0056acf0fa4d7665383c831c00725a3ec6f5b0baa8483164504df', NULL, 4, 1, '2026-12-01 04:32:13.409033+00', '2026-12-01 04:32:13.392903+00', '{"id": "compiled", "tag": ["compiled"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-2", "tender": {"title": "Works 2"}}', NULL, NULL, '5ca0849a-ab52-01dc-4e7f-d66d53a9b4f0', 0, NULL),
	('records', 'ocds-213czf-3', 'publisher', '2026-01-01 00:00:00+00', '{compiled}', '\x6f5003cfaf7b9e680ec8096105543c7f5d3c619e15a3aa5b202a0ca7bfecbb05', NULL, 4, 1, '2026-12-01 04:32:13.409033+00', '2026-12-01 04:32:13.392903+00', '{"id": "compiled", "tag": ["compiled"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-3", "tender": {"title": "Works 3"}}', NULL, NULL, '5ca0849a-ab52-01dc-4e7f-d66d53a9b4f0', 0, NULL);
INSERT INTO ocds.quarantine OVERRIDING SYSTEM VALUE VALUES
	(1, 'links', '\x5b157c7b86677a72299c1f282a26a5ea470d81a44b8ad9bc63e419882424b762', '/releases/0', 'nul-character', 'the release has \u0000 at its byte 83, which PostgreSQL cannot store', NULL, NULL, 'ocds-213czf-2', '2', 'http://links.example/releases?page=2', 1, 2, 1, '2026-12-01 04:32:12.983296+00', '2026-12-01 04:32:12.983296+00', NULL, NULL, '\x7b226f636964223a226f6364732d323133637a662d32222c226964223a2232222c2264617465223a22323032362d30312d30315430303a30303a30305a222c2274656e646572223a7b227469746c65223a22615c753030303062227d7d', '', '1.0', false, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, 'always'),
	(2, 'links', '\xe3fabd9b5166543209d8ff7d2913e3b9b1a8c3be111a73632dcde9eeef83e13c', '/releases/2', 'missing-ocid', 'the release has no ocid, or one that is neither text nor a number, or empty', NULL, NULL, NULL, 'lost', 'http://links.example/releases?page=2', 1, 2, 1, '2026-12-01 04:32:12.983296+00', '2026-12-01 04:32:12.983296+00', NULL, NULL, '\x7b226964223a226c6f7374227d', '', '1.0', false, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, 'always'),
	(4, 'gaps', '\x0d3f3aca97dcafe80c0bbaf931ab50144d92f35bdc08f7a95e14640a90cf017f', '', 'unreadable-page', 'an HTML page', NULL, NULL, NULL, NULL, 'http://gaps.example/releases?page=3', 2, 3, 1, '2026-12-01 04:32:13.111384+00', '2026-12-01 04:32:13.111384+00', NULL, NULL, '\x3c68746d6c3e736f7272793c2f68746d6c3e', '', NULL, false, NULL, 0, 'always'),
	(3, 'links', '\x5027a8cac6eb318908cfe2d7d618e7057e706c639d8eb9d6b1abd2d5d00983c5', '/releases/2', 'missing-ocid', 'the release has no ocid, or one that is neither text nor a number, or empty', NULL, NULL, NULL, 'unwanted', 'http://links.example/releases?page=3', 1, 3, 1, '2026-12-01 04:32:12.986956+00', '2026-12-01 04:32:12.986956+00', '2026-12-01 04:32:15.665769+00', 'discarded', '\x7b226964223a22756e77616e746564227d', '', '1.0', false, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, 'always');
INSERT INTO ocds.release VALUES
	('links', 'ocds-213czf-0', '0', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't0', 'Works 0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x62ae249a8a1a1b0857ce75e88c6895e6ef45e4de6a9f36d4323f95449318cc28', 1, 1, '2026-12-01 04:32:12.96609+00', '2026-12-01 04:32:12.964302+00', '{"id": "0", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-0", "tender": {"id": "t0", "title": "Works 0"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('links', 'ocds-213czf-1', '1', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6732ea6b355e8de4e649571d9508a7ca8309fc3372d05e4d36aa6151ef0c61b7', 1, 1, '2026-12-01 04:32:12.96609+00', '2026-12-01 04:32:12.964302+00', '{"id": "1", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"id": "t1", "title": "Works 1"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('links', 'ocds-213czf-3', '3', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xb5c7c122cc8208ed3758525d13baf0bf4994bb151cf2f30621d2811e8254214f', 1, 2, '2026-12-01 04:32:12.983296+00', '2026-12-01 04:32:12.967896+00', '{"id": "3", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-3", "tender": {"id": "t3", "title": "Works 3"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('links', 'ocds-213czf-4', '4', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't4', 'Works 4', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x21c1337aeeb1e61846c11207305a59c83e2b98669df0f20dffe8dd99657f725a', 1, 3, '2026-12-01 04:32:12.986956+00', '2026-12-01 04:32:12.971881+00', '{"id": "4", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-4", "tender": {"id": "t4", "title": "Works 4"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('links', 'ocds-213czf-5', '5', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't5', 'Works 5', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x8b077d0934ee4124c8f70cf0be145e1f811a4b5bd328b9e68f07d9c0a5629690', 1, 3, '2026-12-01 04:32:12.986956+00', '2026-12-01 04:32:12.971881+00', '{"id": "5", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-5", "tender": {"id": "t5", "title": "Works 5"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('gaps', 'ocds-213czf-0', '0', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't0', 'Works 0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x62ae249a8a1a1b0857ce75e88c6895e6ef45e4de6a9f36d4323f95449318cc28', 2, 1, '2026-12-01 04:32:13.089477+00', '2026-12-01 04:32:13.087702+00', '{"id": "0", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-0", "tender": {"id": "t0", "title": "Works 0"}, "initiationType": "tender"}', NULL, NULL, NULL, 'aa0e979d-3928-5f10-b2fc-b48802cfbdc2', 0, NULL),
	('gaps', 'ocds-213czf-1', '1', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6732ea6b355e8de4e649571d9508a7ca8309fc3372d05e4d36aa6151ef0c61b7', 2, 1, '2026-12-01 04:32:13.089477+00', '2026-12-01 04:32:13.087702+00', '{"id": "1", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"id": "t1", "title": "Works 1"}, "initiationType": "tender"}', NULL, NULL, NULL, 'aa0e979d-3928-5f10-b2fc-b48802cfbdc2', 0, NULL),
	('gaps', 'ocds-213czf-2', '2', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x296b1b16c3957b91c688a33a4f4ea968abf25c7b4304b34cfb7bc085295a7621', 2, 2, '2026-12-01 04:32:13.108325+00', '2026-12-01 04:32:13.091844+00', '{"id": "2", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-2", "tender": {"id": "t2", "title": "Works 2"}, "initiationType": "tender"}', NULL, NULL, NULL, 'aa0e979d-3928-5f10-b2fc-b48802cfbdc2', 0, NULL),
	('gaps', 'ocds-213czf-3', '3', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xb5c7c122cc8208ed3758525d13baf0bf4994bb151cf2f30621d2811e8254214f', 2, 2, '2026-12-01 04:32:13.108325+00', '2026-12-01 04:32:13.091844+00', '{"id": "3", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-3", "tender": {"id": "t3", "title": "Works 3"}, "initiationType": "tender"}', NULL, NULL, NULL, 'aa0e979d-3928-5f10-b2fc-b48802cfbdc2', 0, NULL),
	('gaps', 'ocds-213czf-6', '6', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't6', 'Works 6', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x2ae3bc508e4a29fe0997e3b931081047650c3611dea5b97c02161b65757f4873', 2, 4, '2026-12-01 04:32:13.113791+00', '2026-12-01 04:32:13.099058+00', '{"id": "6", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-6", "tender": {"id": "t6", "title": "Works 6"}, "initiationType": "tender"}', NULL, NULL, NULL, 'aa0e979d-3928-5f10-b2fc-b48802cfbdc2', 0, NULL),
	('gaps', 'ocds-213czf-7', '7', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't7', 'Works 7', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x0ef79dbc9f726dee2c15e2dc17a56ae629ed53b59a0a15d4c2b97e0307aa1b50', 2, 4, '2026-12-01 04:32:13.113791+00', '2026-12-01 04:32:13.099058+00', '{"id": "7", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-7", "tender": {"id": "t7", "title": "Works 7"}, "initiationType": "tender"}', NULL, NULL, NULL, 'aa0e979d-3928-5f10-b2fc-b48802cfbdc2', 0, NULL),
	('stopped', 'ocds-213czf-0', '0', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't0', 'Works 0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x62ae249a8a1a1b0857ce75e88c6895e6ef45e4de6a9f36d4323f95449318cc28', 3, 1, '2026-12-01 04:32:13.214429+00', '2026-12-01 04:32:13.212509+00', '{"id": "0", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-0", "tender": {"id": "t0", "title": "Works 0"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('stopped', 'ocds-213czf-1', '1', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6732ea6b355e8de4e649571d9508a7ca8309fc3372d05e4d36aa6151ef0c61b7', 3, 1, '2026-12-01 04:32:13.214429+00', '2026-12-01 04:32:13.212509+00', '{"id": "1", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"id": "t1", "title": "Works 1"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('stopped', 'ocds-213czf-2', '2', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x296b1b16c3957b91c688a33a4f4ea968abf25c7b4304b34cfb7bc085295a7621', 3, 2, '2026-12-01 04:32:13.237337+00', '2026-12-01 04:32:13.215691+00', '{"id": "2", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-2", "tender": {"id": "t2", "title": "Works 2"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('stopped', 'ocds-213czf-3', '3', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xb5c7c122cc8208ed3758525d13baf0bf4994bb151cf2f30621d2811e8254214f', 3, 2, '2026-12-01 04:32:13.237337+00', '2026-12-01 04:32:13.215691+00', '{"id": "3", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-3", "tender": {"id": "t3", "title": "Works 3"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('records', 'ocds-213czf-0', '0', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't0', 'Works 0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xe0d1902a29d7358c6ec5566e84ded1aaa808e87c988d70d5e3031e7de821da0a', 4, 0, '2026-12-01 04:32:13.390828+00', '2026-12-01 04:32:13.388706+00', '{"id": "0", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-0", "tender": {"id": "t0", "title": "Works 0"}, "initiationType": "tender"}', NULL, NULL, NULL, '5ca0849a-ab52-01dc-4e7f-d66d53a9b4f0', 0, NULL),
	('records', 'ocds-213czf-1', '1', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x36ae1149b613eac524343ab891c206d7d4a4bf59e6a7d24c89f27e0558b7a4db', 4, 0, '2026-12-01 04:32:13.390828+00', '2026-12-01 04:32:13.388706+00', '{"id": "1", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"id": "t1", "title": "Works 1"}, "initiationType": "tender"}', NULL, NULL, NULL, '5ca0849a-ab52-01dc-4e7f-d66d53a9b4f0', 0, NULL),
	('records', 'ocds-213czf-2', '2', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xa521e64e254baae2d58a2a7882d00b77b9634543856135d37131928ee689a015', 4, 1, '2026-12-01 04:32:13.409033+00', '2026-12-01 04:32:13.392903+00', '{"id": "2", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-2", "tender": {"id": "t2", "title": "Works 2"}, "initiationType": "tender"}', NULL, NULL, NULL, '5ca0849a-ab52-01dc-4e7f-d66d53a9b4f0', 0, NULL),
	('records', 'ocds-213czf-3', '3', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x04cfc120eb585ec27d336bb5ce4d474ae9d26aa2cbb48a72281d9b33b5d71a9c', 4, 1, '2026-12-01 04:32:13.409033+00', '2026-12-01 04:32:13.392903+00', '{"id": "3", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-3", "tender": {"id": "t3", "title": "Works 3"}, "initiationType": "tender"}', NULL, NULL, NULL, '5ca0849a-ab52-01dc-4e7f-d66d53a9b4f0', 0, NULL),
	('backfilled', 'ocds-213czf-2', '2', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x296b1b16c3957b91c688a33a4f4ea968abf25c7b4304b34cfb7bc085295a7621', 5, 2, '2026-12-01 04:32:13.520794+00', '2026-12-01 04:32:13.519048+00', '{"id": "2", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-2", "tender": {"id": "t2", "title": "Works 2"}, "initiationType": "tender"}', NULL, NULL, NULL, 'c175197e-bb8c-5f60-18df-baefb778be01', 0, NULL),
	('backfilled', 'ocds-213czf-3', '3', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xb5c7c122cc8208ed3758525d13baf0bf4994bb151cf2f30621d2811e8254214f', 5, 2, '2026-12-01 04:32:13.520794+00', '2026-12-01 04:32:13.519048+00', '{"id": "3", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-3", "tender": {"id": "t3", "title": "Works 3"}, "initiationType": "tender"}', NULL, NULL, NULL, 'c175197e-bb8c-5f60-18df-baefb778be01', 0, NULL),
	('backfilled', 'ocds-213czf-4', '4', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't4', 'Works 4', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x21c1337aeeb1e61846c11207305a59c83e2b98669df0f20dffe8dd99657f725a', 5, 3, '2026-12-01 04:32:13.536095+00', '2026-12-01 04:32:13.521829+00', '{"id": "4", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-4", "tender": {"id": "t4", "title": "Works 4"}, "initiationType": "tender"}', NULL, NULL, NULL, 'c175197e-bb8c-5f60-18df-baefb778be01', 0, NULL),
	('backfilled', 'ocds-213czf-5', '5', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't5', 'Works 5', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x8b077d0934ee4124c8f70cf0be145e1f811a4b5bd328b9e68f07d9c0a5629690', 5, 3, '2026-12-01 04:32:13.536095+00', '2026-12-01 04:32:13.521829+00', '{"id": "5", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-5", "tender": {"id": "t5", "title": "Works 5"}, "initiationType": "tender"}', NULL, NULL, NULL, 'c175197e-bb8c-5f60-18df-baefb778be01', 0, NULL),
	('axes', 'ocds-213czf-0', '0', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't0', 'Works 0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x62ae249a8a1a1b0857ce75e88c6895e6ef45e4de6a9f36d4323f95449318cc28', 6, 1, '2026-12-01 04:32:13.648788+00', '2026-12-01 04:32:13.647074+00', '{"id": "0", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-0", "tender": {"id": "t0", "title": "Works 0"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('axes', 'ocds-213czf-1', '1', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6732ea6b355e8de4e649571d9508a7ca8309fc3372d05e4d36aa6151ef0c61b7', 6, 1, '2026-12-01 04:32:13.648788+00', '2026-12-01 04:32:13.647074+00', '{"id": "1", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"id": "t1", "title": "Works 1"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('axes', 'ocds-213czf-2', '2', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x296b1b16c3957b91c688a33a4f4ea968abf25c7b4304b34cfb7bc085295a7621', 6, 2, '2026-12-01 04:32:13.664614+00', '2026-12-01 04:32:13.649889+00', '{"id": "2", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-2", "tender": {"id": "t2", "title": "Works 2"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('axes', 'ocds-213czf-3', '3', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xb5c7c122cc8208ed3758525d13baf0bf4994bb151cf2f30621d2811e8254214f', 6, 2, '2026-12-01 04:32:13.664614+00', '2026-12-01 04:32:13.649889+00', '{"id": "3", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-3", "tender": {"id": "t3", "title": "Works 3"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('axes', 'ocds-213czf-4', '4', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't4', 'Works 4', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x21c1337aeeb1e61846c11207305a59c83e2b98669df0f20dffe8dd99657f725a', 6, 3, '2026-12-01 04:32:13.66714+00', '2026-12-01 04:32:13.652164+00', '{"id": "4", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-4", "tender": {"id": "t4", "title": "Works 4"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('axes', 'ocds-213czf-6', '6', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't6', 'Works 6', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x2ae3bc508e4a29fe0997e3b931081047650c3611dea5b97c02161b65757f4873', 6, 1, '2026-12-01 04:32:13.669553+00', '2026-12-01 04:32:13.657015+00', '{"id": "6", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-6", "tender": {"id": "t6", "title": "Works 6"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 1, NULL),
	('axes', 'ocds-213czf-7', '7', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't7', 'Works 7', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x0ef79dbc9f726dee2c15e2dc17a56ae629ed53b59a0a15d4c2b97e0307aa1b50', 6, 1, '2026-12-01 04:32:13.669553+00', '2026-12-01 04:32:13.657015+00', '{"id": "7", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-7", "tender": {"id": "t7", "title": "Works 7"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 1, NULL),
	('details', 'ocds-213czf-1', '1', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6732ea6b355e8de4e649571d9508a7ca8309fc3372d05e4d36aa6151ef0c61b7', 7, 1, '2026-12-01 04:32:13.783955+00', '2026-12-01 04:32:13.777775+00', '{"id": "1", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"id": "t1", "title": "Works 1"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('details', 'ocds-213czf-2', '2', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x296b1b16c3957b91c688a33a4f4ea968abf25c7b4304b34cfb7bc085295a7621', 7, 1, '2026-12-01 04:32:13.783955+00', '2026-12-01 04:32:13.777775+00', '{"id": "2", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-2", "tender": {"id": "t2", "title": "Works 2"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('keys', 'ocds-213czf-0', '0', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't0', 'Works 0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x62ae249a8a1a1b0857ce75e88c6895e6ef45e4de6a9f36d4323f95449318cc28', 8, 1, '2026-12-01 04:32:13.917294+00', '2026-12-01 04:32:13.91539+00', '{"id": "0", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-0", "tender": {"id": "t0", "title": "Works 0"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('keys', 'ocds-213czf-1', '1', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6732ea6b355e8de4e649571d9508a7ca8309fc3372d05e4d36aa6151ef0c61b7', 8, 1, '2026-12-01 04:32:13.917294+00', '2026-12-01 04:32:13.91539+00', '{"id": "1", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"id": "t1", "title": "Works 1"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('keys', 'ocds-213czf-2', '2', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x296b1b16c3957b91c688a33a4f4ea968abf25c7b4304b34cfb7bc085295a7621', 8, 2, '2026-12-01 04:32:13.934953+00', '2026-12-01 04:32:13.917581+00', '{"id": "2", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-2", "tender": {"id": "t2", "title": "Works 2"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('keys', 'ocds-213czf-3', '3', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xb5c7c122cc8208ed3758525d13baf0bf4994bb151cf2f30621d2811e8254214f', 8, 2, '2026-12-01 04:32:13.934953+00', '2026-12-01 04:32:13.917581+00', '{"id": "3", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-3", "tender": {"id": "t3", "title": "Works 3"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('tokens', 'ocds-213czf-0', '0', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't0', 'Works 0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x62ae249a8a1a1b0857ce75e88c6895e6ef45e4de6a9f36d4323f95449318cc28', 9, 1, '2026-12-01 04:32:14.051371+00', '2026-12-01 04:32:14.04962+00', '{"id": "0", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-0", "tender": {"id": "t0", "title": "Works 0"}, "initiationType": "tender"}', NULL, NULL, NULL, 'b82c3d27-64fd-3b53-0ef9-d306462c3b1e', 0, NULL),
	('tokens', 'ocds-213czf-1', '1', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6732ea6b355e8de4e649571d9508a7ca8309fc3372d05e4d36aa6151ef0c61b7', 9, 1, '2026-12-01 04:32:14.051371+00', '2026-12-01 04:32:14.04962+00', '{"id": "1", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"id": "t1", "title": "Works 1"}, "initiationType": "tender"}', NULL, NULL, NULL, 'b82c3d27-64fd-3b53-0ef9-d306462c3b1e', 0, NULL),
	('tokens', 'ocds-213czf-2', '2', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x296b1b16c3957b91c688a33a4f4ea968abf25c7b4304b34cfb7bc085295a7621', 9, 2, '2026-12-01 04:32:14.06904+00', '2026-12-01 04:32:14.052424+00', '{"id": "2", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-2", "tender": {"id": "t2", "title": "Works 2"}, "initiationType": "tender"}', NULL, NULL, NULL, '4d11e198-4e6e-da35-aed0-93789ed8641c', 0, NULL),
	('tokens', 'ocds-213czf-3', '3', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xb5c7c122cc8208ed3758525d13baf0bf4994bb151cf2f30621d2811e8254214f', 9, 2, '2026-12-01 04:32:14.06904+00', '2026-12-01 04:32:14.052424+00', '{"id": "3", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-3", "tender": {"id": "t3", "title": "Works 3"}, "initiationType": "tender"}', NULL, NULL, NULL, '4d11e198-4e6e-da35-aed0-93789ed8641c', 0, NULL),
	('windows', 'ocds-213czf-2024-01-01-a', '2024-01-01-a', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-01-a', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x375ba6909a0537c6b18f279ab138328813d9fab79b0c311b2dfee2c974240a0c', 10, 1, '2026-12-01 04:32:14.185364+00', '2026-12-01 04:32:14.183079+00', '{"id": "2024-01-01-a", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-01-a", "tender": {"title": "Works 2024-01-01-a"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('windows', 'ocds-213czf-2024-01-01-b', '2024-01-01-b', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-01-b', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xf6b17a8919a11b9c5df7cdcb8a0d8c563f1ce6b089e0226bdee854c35745b23f', 10, 1, '2026-12-01 04:32:14.185364+00', '2026-12-01 04:32:14.183079+00', '{"id": "2024-01-01-b", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-01-b", "tender": {"title": "Works 2024-01-01-b"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('windows', 'ocds-213czf-2024-01-01-c', '2024-01-01-c', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-01-c', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xa39f038ea47bf183315fb9ee132cc549d5c6385c9f4d7608014aca126929fcff', 10, 2, '2026-12-01 04:32:14.207457+00', '2026-12-01 04:32:14.187238+00', '{"id": "2024-01-01-c", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-01-c", "tender": {"title": "Works 2024-01-01-c"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('windows', 'ocds-213czf-2024-01-08-a', '2024-01-08-a', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-08-a', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x0a2a6ff0b5dd925a5bd234341bbebcd585e07292ed19223af3c5dd0fecace89e', 10, 1, '2026-12-01 04:32:14.21051+00', '2026-12-01 04:32:14.193767+00', '{"id": "2024-01-08-a", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-08-a", "tender": {"title": "Works 2024-01-08-a"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 1, NULL),
	('windows', 'ocds-213czf-2024-01-08-b', '2024-01-08-b', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-08-b', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x169283adba6b3cc2e3026b471b5322a4acab2f30861dc16a39b746637036ee65', 10, 1, '2026-12-01 04:32:14.21051+00', '2026-12-01 04:32:14.193767+00', '{"id": "2024-01-08-b", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-08-b", "tender": {"title": "Works 2024-01-08-b"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 1, NULL),
	('windows', 'ocds-213czf-2024-01-08-c', '2024-01-08-c', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-08-c', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x1634cba58d989d3e9ef1ec11c1838e5aa5659b9c1f83f5aad6656c40aeaee87d', 10, 2, '2026-12-01 04:32:14.213346+00', '2026-12-01 04:32:14.199269+00', '{"id": "2024-01-08-c", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-08-c", "tender": {"title": "Works 2024-01-08-c"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 1, NULL),
	('windows', 'ocds-213czf-2024-01-15-a', '2024-01-15-a', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-15-a', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6e70a3f762687aaf9a4e0ac11cbc8b12879bc4614ce26d79f23ac6a9afb02fbc', 10, 1, '2026-12-01 04:32:14.216003+00', '2026-12-01 04:32:14.203535+00', '{"id": "2024-01-15-a", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-15-a", "tender": {"title": "Works 2024-01-15-a"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 2, NULL),
	('windows', 'ocds-213czf-2024-01-15-b', '2024-01-15-b', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-15-b', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x61110a78f4eb17b50736fe1ceec58539506ce6f6e3e1f3abec5323a9f5581f79', 10, 1, '2026-12-01 04:32:14.216003+00', '2026-12-01 04:32:14.203535+00', '{"id": "2024-01-15-b", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-15-b", "tender": {"title": "Works 2024-01-15-b"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 2, NULL),
	('windows', 'ocds-213czf-2024-01-15-c', '2024-01-15-c', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-15-c', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x8be7519fcb5c9cb7b3bfdad7e747427ef361815c41e7698f350ae6857284eec4', 10, 2, '2026-12-01 04:32:14.218988+00', '2026-12-01 04:32:14.206905+00', '{"id": "2024-01-15-c", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-15-c", "tender": {"title": "Works 2024-01-15-c"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 2, NULL),
	('windows', 'ocds-213czf-2024-01-22-a', '2024-01-22-a', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-22-a', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xa58dd8a518b8e6da46c36495503f48ed8dddc079d02a1d74a5220a041e1aaea3', 11, 1, '2026-12-01 04:32:14.395921+00', '2026-12-01 04:32:14.377342+00', '{"id": "2024-01-22-a", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-22-a", "tender": {"title": "Works 2024-01-22-a"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 1, NULL),
	('windows', 'ocds-213czf-2024-01-22-b', '2024-01-22-b', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-22-b', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xd0a29933db047afaed1f906feba803c09531382168fe076fe8c0bfb653475f21', 11, 1, '2026-12-01 04:32:14.395921+00', '2026-12-01 04:32:14.377342+00', '{"id": "2024-01-22-b", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-22-b", "tender": {"title": "Works 2024-01-22-b"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 1, NULL),
	('halves', 'ocds-213czf-2024-01-01', '2024-01-01', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x8882d47dc7d32c6ca04cfde9551b07c3ebb6272c30baa8c58f0f9952895f86f2', 12, 1, '2026-12-01 04:32:14.511419+00', '2026-12-01 04:32:14.509544+00', '{"id": "2024-01-01", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-01", "tender": {"title": "Works 2024-01-01"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('halves', 'ocds-213czf-2024-01-08', '2024-01-08', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works 2024-01-08', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x72bb57fc67c2fc1b1b314325c570d5b3b400c42b38d4e8561c203c665c80a5bf', 12, 1, '2026-12-01 04:32:14.528518+00', '2026-12-01 04:32:14.513019+00', '{"id": "2024-01-08", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-2024-01-08", "tender": {"title": "Works 2024-01-08"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('buyers', 'ocds-213czf-a-2024-01-01', 'a-2024-01-01', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works a-2024-01-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x4d3f76719c12ee356236da8ce1ff5240552fb9d7a01c84187eec4a8ee7a7985b', 13, 1, '2026-12-01 04:32:14.628361+00', '2026-12-01 04:32:14.626608+00', '{"id": "a-2024-01-01", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-a-2024-01-01", "tender": {"title": "Works a-2024-01-01"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('buyers', 'ocds-213czf-b-2024-01-01', 'b-2024-01-01', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works b-2024-01-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x61fdc88167d619e865429284c1c62945e0ec8f6645433eb05b8219339196e988', 13, 1, '2026-12-01 04:32:14.64391+00', '2026-12-01 04:32:14.631334+00', '{"id": "b-2024-01-01", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-b-2024-01-01", "tender": {"title": "Works b-2024-01-01"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 1, NULL),
	('buyers', 'ocds-213czf-a-2024-01-11', 'a-2024-01-11', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works a-2024-01-11', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x555f1aed62f62ae6b08120472f2a2590947754225b7deb18c2886ed11b605235', 13, 1, '2026-12-01 04:32:14.646018+00', '2026-12-01 04:32:14.635682+00', '{"id": "a-2024-01-11", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-a-2024-01-11", "tender": {"title": "Works a-2024-01-11"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 2, NULL),
	('buyers', 'ocds-213czf-b-2024-01-11', 'b-2024-01-11', '2024-01-01 00:00:00+00', '{tender}', NULL, NULL, NULL, NULL, NULL, 'Works b-2024-01-11', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x81f72e3860eb0d41cb5171695c757051a51806faa0eb1028fb12114735f3b6c9', 13, 1, '2026-12-01 04:32:14.647942+00', '2026-12-01 04:32:14.639916+00', '{"id": "b-2024-01-11", "tag": ["tender"], "date": "2024-01-01T00:00:00Z", "ocid": "ocds-213czf-b-2024-01-11", "tender": {"title": "Works b-2024-01-11"}}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 3, NULL),
	('changes', 'ocds-213czf-0', '0', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't0', 'Works 0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x62ae249a8a1a1b0857ce75e88c6895e6ef45e4de6a9f36d4323f95449318cc28', 14, 1, '2026-12-01 04:32:14.770234+00', '2026-12-01 04:32:14.768641+00', '{"id": "0", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-0", "tender": {"id": "t0", "title": "Works 0"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('changes', 'ocds-213czf-1', '1', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6732ea6b355e8de4e649571d9508a7ca8309fc3372d05e4d36aa6151ef0c61b7', 14, 1, '2026-12-01 04:32:14.770234+00', '2026-12-01 04:32:14.768641+00', '{"id": "1", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"id": "t1", "title": "Works 1"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('changes', 'ocds-213czf-2', '2', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x296b1b16c3957b91c688a33a4f4ea968abf25c7b4304b34cfb7bc085295a7621', 14, 2, '2026-12-01 04:32:14.786018+00', '2026-12-01 04:32:14.772038+00', '{"id": "2", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-2", "tender": {"id": "t2", "title": "Works 2"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('changes', 'ocds-213czf-3', '3', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xb5c7c122cc8208ed3758525d13baf0bf4994bb151cf2f30621d2811e8254214f', 14, 2, '2026-12-01 04:32:14.786018+00', '2026-12-01 04:32:14.772038+00', '{"id": "3", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-3", "tender": {"id": "t3", "title": "Works 3"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('changes', 'ocds-213czf-4', '4', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't4', 'Works 4', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x21c1337aeeb1e61846c11207305a59c83e2b98669df0f20dffe8dd99657f725a', 14, 3, '2026-12-01 04:32:14.788453+00', '2026-12-01 04:32:14.775817+00', '{"id": "4", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-4", "tender": {"id": "t4", "title": "Works 4"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('tagged', 'ocds-213czf-0', '0', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't0', 'Works 0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x62ae249a8a1a1b0857ce75e88c6895e6ef45e4de6a9f36d4323f95449318cc28', 15, 1, '2026-12-01 04:32:14.931922+00', '2026-12-01 04:32:14.929993+00', '{"id": "0", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-0", "tender": {"id": "t0", "title": "Works 0"}, "initiationType": "tender"}', NULL, NULL, NULL, '27ba0902-86c4-b288-dc99-9b6a826fae19', 0, NULL),
	('tagged', 'ocds-213czf-1', '1', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6732ea6b355e8de4e649571d9508a7ca8309fc3372d05e4d36aa6151ef0c61b7', 15, 1, '2026-12-01 04:32:14.931922+00', '2026-12-01 04:32:14.929993+00', '{"id": "1", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"id": "t1", "title": "Works 1"}, "initiationType": "tender"}', NULL, NULL, NULL, '27ba0902-86c4-b288-dc99-9b6a826fae19', 0, NULL),
	('tagged', 'ocds-213czf-2', '2', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x296b1b16c3957b91c688a33a4f4ea968abf25c7b4304b34cfb7bc085295a7621', 15, 2, '2026-12-01 04:32:14.946542+00', '2026-12-01 04:32:14.933134+00', '{"id": "2", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-2", "tender": {"id": "t2", "title": "Works 2"}, "initiationType": "tender"}', NULL, NULL, NULL, '27ba0902-86c4-b288-dc99-9b6a826fae19', 0, NULL),
	('tagged', 'ocds-213czf-3', '3', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xb5c7c122cc8208ed3758525d13baf0bf4994bb151cf2f30621d2811e8254214f', 15, 2, '2026-12-01 04:32:14.946542+00', '2026-12-01 04:32:14.933134+00', '{"id": "3", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-3", "tender": {"id": "t3", "title": "Works 3"}, "initiationType": "tender"}', NULL, NULL, NULL, '27ba0902-86c4-b288-dc99-9b6a826fae19', 0, NULL),
	('tagged', 'ocds-213czf-4', '4', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't4', 'Works 4', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x21c1337aeeb1e61846c11207305a59c83e2b98669df0f20dffe8dd99657f725a', 15, 3, '2026-12-01 04:32:14.949597+00', '2026-12-01 04:32:14.936592+00', '{"id": "4", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-4", "tender": {"id": "t4", "title": "Works 4"}, "initiationType": "tender"}', NULL, NULL, NULL, '27ba0902-86c4-b288-dc99-9b6a826fae19', 0, NULL),
	('archive', 'ocds-213czf-0', '0', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't0', 'Works 0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x62ae249a8a1a1b0857ce75e88c6895e6ef45e4de6a9f36d4323f95449318cc28', 16, 1, '2026-12-01 04:32:15.23086+00', '2026-12-01 04:32:15.223381+00', '{"id": "0", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-0", "tender": {"id": "t0", "title": "Works 0"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('archive', 'ocds-213czf-1', '1', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6732ea6b355e8de4e649571d9508a7ca8309fc3372d05e4d36aa6151ef0c61b7', 16, 1, '2026-12-01 04:32:15.23086+00', '2026-12-01 04:32:15.223381+00', '{"id": "1", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"id": "t1", "title": "Works 1"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('loaded', 'ocds-213czf-1', '1', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't1', 'Works 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6732ea6b355e8de4e649571d9508a7ca8309fc3372d05e4d36aa6151ef0c61b7', 17, 1, '2026-12-01 04:32:15.387011+00', '2026-12-01 04:32:15.386248+00', '{"id": "1", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-1", "tender": {"id": "t1", "title": "Works 1"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('loaded', 'ocds-213czf-2', '2', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't2', 'Works 2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x296b1b16c3957b91c688a33a4f4ea968abf25c7b4304b34cfb7bc085295a7621', 17, 1, '2026-12-01 04:32:15.387011+00', '2026-12-01 04:32:15.386248+00', '{"id": "2", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-2", "tender": {"id": "t2", "title": "Works 2"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('loaded', 'ocds-213czf-3', '3', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't3', 'Works 3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xb5c7c122cc8208ed3758525d13baf0bf4994bb151cf2f30621d2811e8254214f', 17, 1, '2026-12-01 04:32:15.387011+00', '2026-12-01 04:32:15.386248+00', '{"id": "3", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-3", "tender": {"id": "t3", "title": "Works 3"}, "initiationType": "tender"}', NULL, NULL, NULL, 'fb2d493e-0e62-89f1-4d2b-fdb2b39b0625', 0, NULL),
	('loaded', 'ocds-213czf-10', '10', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't10', 'Works 10', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\xfdf470a0d010b02b1bb1fc5fa398d8571712e8a985c514f3e1d086b2f1efeaf3', 18, 1, '2026-12-01 04:32:15.558717+00', '2026-12-01 04:32:15.556007+00', '{"id": "10", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-10", "tender": {"id": "t10", "title": "Works 10"}, "initiationType": "tender"}', NULL, NULL, NULL, NULL, 0, NULL),
	('loaded', 'ocds-213czf-11', '11', '2026-01-01 00:00:00+00', '{tender}', 'tender', NULL, NULL, NULL, 't11', 'Works 11', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '\x6ff8e6002bf1e5a303150bd8004e13bb2f2dbb0770e4a6056c1c2afca0b234e3', 18, 2, '2026-12-01 04:32:15.583003+00', '2026-12-01 04:32:15.576403+00', '{"id": "11", "tag": ["tender"], "date": "2026-01-01T00:00:00Z", "ocid": "ocds-213czf-11", "tender": {"id": "t11", "title": "Works 11"}, "initiationType": "tender"}', NULL, NULL, NULL, NULL, 0, NULL);
INSERT INTO ocds.request OVERRIDING SYSTEM VALUE VALUES
	(1, 3, 1, 1, 'http://stopped.example/releases', '2026-12-01 04:32:13.208999+00', 200, 4, 407, NULL),
	(2, 3, 2, 1, 'http://stopped.example/releases?page=2', '2026-12-01 04:32:13.213345+00', 200, 2, 407, NULL),
	(3, 10, 1, 1, 'http://windows.example/feed?from=2024-01-01&to=2024-01-08', '2026-12-01 04:32:14.179844+00', 200, 3, 436, NULL),
	(4, 10, 2, 1, 'http://windows.example/feed?from=2024-01-01&to=2024-01-08&page=2', '2026-12-01 04:32:14.18423+00', 200, 3, 231, NULL),
	(5, 10, 1, 1, 'http://windows.example/feed?from=2024-01-08&to=2024-01-15', '2026-12-01 04:32:14.189369+00', 200, 4, 436, NULL),
	(6, 10, 2, 1, 'http://windows.example/feed?from=2024-01-08&to=2024-01-15&page=2', '2026-12-01 04:32:14.194809+00', 200, 4, 231, NULL),
	(7, 10, 1, 1, 'http://windows.example/feed?from=2024-01-15&to=2024-01-16', '2026-12-01 04:32:14.200113+00', 200, 3, 436, NULL),
	(8, 10, 2, 1, 'http://windows.example/feed?from=2024-01-15&to=2024-01-16&page=2', '2026-12-01 04:32:14.204338+00', 200, 3, 231, NULL),
	(9, 13, 1, 1, 'http://buyers.example/list', '2026-12-01 04:32:14.615957+00', 200, 2, 20, NULL),
	(10, 13, 1, 1, 'http://buyers.example/of/a?from=2024-01-01&to=2024-01-11', '2026-12-01 04:32:14.624025+00', 200, 3, 231, NULL),
	(11, 13, 1, 1, 'http://buyers.example/of/b?from=2024-01-01&to=2024-01-11', '2026-12-01 04:32:14.627427+00', 200, 4, 231, NULL),
	(12, 13, 1, 1, 'http://buyers.example/of/a?from=2024-01-11&to=2024-01-21', '2026-12-01 04:32:14.633085+00', 200, 2, 231, NULL),
	(13, 13, 1, 1, 'http://buyers.example/of/b?from=2024-01-11&to=2024-01-21', '2026-12-01 04:32:14.637273+00', 200, 3, 231, NULL),
	(14, 14, 1, 1, 'http://changes.example/changes', '2026-12-01 04:32:14.764975+00', 200, 3, 415, NULL),
	(15, 14, 2, 1, 'http://changes.example/changes?page=2', '2026-12-01 04:32:14.769328+00', 200, 2, 415, NULL),
	(16, 14, 3, 1, 'http://changes.example/changes?page=3', '2026-12-01 04:32:14.772506+00', 200, 3, 269, NULL),
	(17, 15, 1, 1, 'http://tagged.example/releases?page=1', '2026-12-01 04:32:14.925903+00', 200, 4, 412, NULL),
	(18, 15, 2, 1, 'http://tagged.example/releases?page=2', '2026-12-01 04:32:14.93088+00', 200, 2, 412, NULL),
	(19, 15, 3, 1, 'http://tagged.example/releases?page=3', '2026-12-01 04:32:14.933583+00', 200, 3, 266, NULL);
INSERT INTO ocds.run OVERRIDING SYSTEM VALUE VALUES
	(1, 'links', 'incremental', 'running', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://links.example/releases"} {"page":{"mode":"link","pointer":"/links/next","stop":"no_link"}}', NULL, NULL, false, 1, 'somewhere process 1', '2026-12-01 04:32:12.935877+00', 25080, '2026-12-01 04:32:12.92195+00', '2026-12-01 04:32:12.935877+00', '2026-12-01 04:32:12.935877+00', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, false, 0.2, '1796099532.629614', NULL, NULL, NULL, NULL, false, NULL),
	(16, 'archive', 'incremental', 'running', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://archive.example/all.zip"} {"page":{"mode":"file"}}', NULL, NULL, false, 1, 'somewhere process 1', '2026-12-01 04:32:15.045002+00', 25170, '2026-12-01 04:32:15.034151+00', '2026-12-01 04:32:15.267057+00', '2026-12-01 04:32:15.045002+00', NULL, 1, 0, 3147154, NULL, NULL, NULL, NULL, NULL, false, 0.2, '1796099532.629614', NULL, NULL, NULL, NULL, false, NULL),
	(2, 'gaps', 'incremental', 'running', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://gaps.example/releases"} {"page":{"mode":"number","param":"page","start":1,"total_pages":"/total_pages"}}', NULL, NULL, false, 1, 'somewhere process 1', '2026-12-01 04:32:13.05518+00', 25086, '2026-12-01 04:32:13.043724+00', '2026-12-01 04:32:13.05518+00', '2026-12-01 04:32:13.05518+00', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, false, 0.2, '1796099532.629614', NULL, NULL, NULL, NULL, false, NULL),
	(3, 'stopped', 'incremental', 'truncated', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://stopped.example/releases"} {"page":{"mode":"link","pointer":"/links/next","stop":"no_link"}}', NULL, NULL, false, 1, 'somewhere process 1', '2026-12-01 04:32:13.17731+00', 25092, '2026-12-01 04:32:13.164395+00', '2026-12-01 04:32:13.280003+00', '2026-12-01 04:32:13.17731+00', '2026-12-01 04:32:13.280003+00', 2, 0, 814, NULL, NULL, NULL, NULL, NULL, false, 0.2, '1796099532.629614', NULL, NULL, NULL, NULL, false, NULL),
	(4, 'records', 'incremental', 'running', '{"items":{"kind":"record","pointer":["/records/*"]},"url":"http://records.example/records"} {"page":{"mode":"number","param":"page","start":0,"total_pages":"/total_pages"}}', NULL, NULL, false, 1, 'somewhere process 1', '2026-12-01 04:32:13.356659+00', 25098, '2026-12-01 04:32:13.342698+00', '2026-12-01 04:32:13.356659+00', '2026-12-01 04:32:13.356659+00', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, false, 0.2, '1796099532.629614', NULL, NULL, NULL, NULL, false, NULL),
	(5, 'backfilled', 'backfill', 'running', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://backfilled.example/releases"} {"page":{"mode":"offset","param":"offset","size":2,"start":0,"total_items":"/total_items"}}', 2, 5, false, 1, 'somewhere process 1', '2026-12-01 04:32:13.490692+00', 25104, '2026-12-01 04:32:13.475999+00', '2026-12-01 04:32:13.490692+00', '2026-12-01 04:32:13.490692+00', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, false, 0.2, '1796099532.629614', NULL, NULL, NULL, NULL, false, NULL),
	(6, 'axes', 'incremental', 'running', '{"axis":{"kind":["tender","award & more"]},"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://axes.example/{axis.kind}"} {"page":{"mode":"link","pointer":"/links/next","stop":"no_link"}}', NULL, NULL, false, 1, 'somewhere process 1', '2026-12-01 04:32:13.612264+00', 25110, '2026-12-01 04:32:13.59878+00', '2026-12-01 04:32:13.612264+00', '2026-12-01 04:32:13.612264+00', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, false, 0.2, '1796099532.629614', NULL, NULL, NULL, NULL, false, NULL),
	(7, 'details', 'incremental', 'running', '{"detail":{"each":"/named/*","url":"http://details.example/of/{item}","value":""},"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://details.example/index"} {"detail":{"together":2},"page":{"mode":"none"}}', NULL, NULL, false, 1, 'somewhere process 1', '2026-12-01 04:32:13.744449+00', 25116, '2026-12-01 04:32:13.731081+00', '2026-12-01 04:32:13.744449+00', '2026-12-01 04:32:13.744449+00', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, false, 0.2, '1796099532.629614', NULL, NULL, NULL, NULL, false, NULL),
	(8, 'keys', 'incremental', 'running', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://keys.example/releases?key={env.RECORDED_KEY}"} {"page":{"mode":"link","pointer":"/links/next","stop":"no_link"}}', NULL, NULL, false, 1, 'somewhere process 1', '2026-12-01 04:32:13.883909+00', 25122, '2026-12-01 04:32:13.87022+00', '2026-12-01 04:32:13.883909+00', '2026-12-01 04:32:13.883909+00', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, false, 0.2, '1796099532.629614', NULL, NULL, NULL, NULL, false, NULL),
	(9, 'tokens', 'incremental', 'running', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"query":{"key":"{env.RECORDED_KEY}"},"url":"http://tokens.example/releases"} {"page":{"mode":"token","param":"after","pointer":"/next","start":"t1","stop":"no_link"}}', NULL, NULL, false, 1, 'somewhere process 1', '2026-12-01 04:32:14.016923+00', 25128, '2026-12-01 04:32:14.002921+00', '2026-12-01 04:32:14.016923+00', '2026-12-01 04:32:14.016923+00', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, false, 0.2, '1796099532.629614', NULL, NULL, NULL, NULL, false, NULL),
	(10, 'windows', 'incremental', 'complete', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://windows.example/feed?from={from}&to={to}","window":{"basis":"updated","from":"2024-01-01T00:00:00","zone":"UTC"}} {"page":{"mode":"link","pointer":"/links/next","stop":"no_link"},"window":{"basis":"updated","format":"%Y-%m-%d","from":"2024-01-01T00:00:00","order":"ascending","overlap":"1d","step":"7d","until":"2024-02-10T00:00:00"}} until 2024-01-16T00:00:00Z', NULL, NULL, true, 1, 'somewhere process 1', '2026-12-01 04:32:14.14204+00', 25134, '2026-12-01 04:32:14.126685+00', '2026-12-01 04:32:14.247269+00', '2026-12-01 04:32:14.14204+00', '2026-12-01 04:32:14.247269+00', 6, 0, 2001, NULL, '2024-01-01 00:00:00+00', '2024-01-16 00:00:00+00', 6, '2026-12-01 04:32:14.328571+00', false, 0.2, '1796099532.629614', NULL, NULL, NULL, NULL, false, NULL),
	(11, 'windows', 'incremental', 'running', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://windows.example/feed?from={from}&to={to}","window":{"basis":"updated","from":"2024-01-01T00:00:00","zone":"UTC"}} {"page":{"mode":"link","pointer":"/links/next","stop":"no_link"},"window":{"basis":"updated","format":"%Y-%m-%d","from":"2024-01-01T00:00:00","order":"ascending","overlap":"1d","step":"7d","until":"2024-02-10T00:00:00"}}', NULL, NULL, false, 1, 'somewhere process 1', '2026-12-01 04:32:14.328571+00', 25140, '2026-12-01 04:32:14.315271+00', '2026-12-01 04:32:14.328571+00', '2026-12-01 04:32:14.328571+00', NULL, 0, 0, 0, NULL, '2024-01-15 00:00:00+00', '2024-02-10 00:00:00+00', NULL, NULL, false, 0.2, '1796099532.629614', NULL, NULL, NULL, NULL, false, NULL),
	(12, 'halves', 'incremental', 'running', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://halves.example/feed?from={from}&to={to}","window":{"basis":"updated","from":"2024-01-01T00:00:00","zone":"UTC"}} {"page":{"mode":"none"},"window":{"basis":"updated","format":"%Y-%m-%d","from":"2024-01-01T00:00:00","order":"ascending","overlap":"1d","split_when":{"smallest":"1d","status":[400]},"until":"2024-01-31T00:00:00"}}', NULL, NULL, false, 1, 'somewhere process 1', '2026-12-01 04:32:14.473122+00', 25146, '2026-12-01 04:32:14.458823+00', '2026-12-01 04:32:14.473122+00', '2026-12-01 04:32:14.473122+00', NULL, 0, 0, 0, NULL, '2024-01-01 00:00:00+00', '2024-01-31 00:00:00+00', NULL, NULL, false, 0.2, '1796099532.629614', NULL, NULL, NULL, NULL, false, NULL),
	(14, 'changes', 'incremental', 'complete', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://changes.example/changes"} {"page":{"mode":"link","pointer":"/links/next","stop":"same_url"}}', NULL, NULL, true, 1, 'somewhere process 1', '2026-12-01 04:32:14.736278+00', 25158, '2026-12-01 04:32:14.722605+00', '2026-12-01 04:32:14.815187+00', '2026-12-01 04:32:14.736278+00', '2026-12-01 04:32:14.815187+00', 3, 0, 1099, NULL, NULL, NULL, 3, NULL, false, 0.2, '1796099532.629614', NULL, NULL, NULL, NULL, false, NULL),
	(13, 'buyers', 'incremental', 'complete', '{"axis":{"buyer":{"each":"/buyers/*","page":{"mode":"none"},"url":"http://buyers.example/list","value":""}},"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://buyers.example/of/{axis.buyer}?from={from}&to={to}","window":{"basis":"updated","from":"2024-01-01T00:00:00","zone":"UTC"}} {"page":{"mode":"none"},"window":{"basis":"updated","format":"%Y-%m-%d","from":"2024-01-01T00:00:00","order":"ascending","overlap":"1d","step":"10d","until":"2024-01-21T00:00:00"}}', NULL, NULL, true, 1, 'somewhere process 1', '2026-12-01 04:32:14.592695+00', 25152, '2026-12-01 04:32:14.581975+00', '2026-12-01 04:32:14.670851+00', '2026-12-01 04:32:14.592695+00', '2026-12-01 04:32:14.670851+00', 5, 0, 944, NULL, '2024-01-01 00:00:00+00', '2024-01-21 00:00:00+00', 4, NULL, false, 0.2, '1796099532.629614', NULL, NULL, NULL, NULL, false, NULL),
	(15, 'tagged', 'incremental', 'complete', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://tagged.example/releases"} {"page":{"mode":"number","param":"page","start":1,"total_pages":"/total_pages"}}', NULL, NULL, true, 1, 'somewhere process 1', '2026-12-01 04:32:14.895972+00', 25164, '2026-12-01 04:32:14.882589+00', '2026-12-01 04:32:14.977937+00', '2026-12-01 04:32:14.895972+00', '2026-12-01 04:32:14.977937+00', 3, 0, 1090, NULL, NULL, NULL, 3, NULL, false, 0.2, '1796099532.629614', NULL, NULL, NULL, NULL, false, NULL),
	(17, 'loaded', 'load', 'complete', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://loaded.example/"} {"page":{"mode":"none"}} /srv/loaded.json 526 1796099532.863689061', NULL, NULL, true, 1, 'somewhere process 1', '2026-12-01 04:32:15.356825+00', 25177, '2026-12-01 04:32:15.343418+00', '2026-12-01 04:32:15.42087+00', '2026-12-01 04:32:15.356825+00', '2026-12-01 04:32:15.42087+00', 0, 0, 526, NULL, NULL, NULL, 1, '2026-12-01 04:32:15.478073+00', false, 0.2, '1796099532.629614', NULL, NULL, NULL, NULL, false, NULL),
	(18, 'loaded', 'load', 'running', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://loaded.example/"} {"page":{"mode":"none"}} http://loaded.example/large.json ', NULL, NULL, false, 1, 'somewhere process 1', '2026-12-01 04:32:15.478073+00', 25183, '2026-12-01 04:32:15.467804+00', '2026-12-01 04:32:15.478073+00', '2026-12-01 04:32:15.478073+00', NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, false, 0.2, '1796099532.629614', NULL, NULL, NULL, NULL, false, NULL);
INSERT INTO ocds.source VALUES
	('links', '1 merge UTC', NULL, '{}'),
	('gaps', '1 merge UTC', NULL, '{}'),
	('stopped', '1 merge UTC', '2026-12-01 04:32:13.276406+00', '{}'),
	('records', '1 merge UTC', NULL, '{}'),
	('backfilled', '1 merge UTC', NULL, '{}'),
	('axes', '1 merge UTC', NULL, '{}'),
	('details', '1 merge UTC', NULL, '{}'),
	('keys', '1 merge UTC', NULL, '{}'),
	('tokens', '1 merge UTC', NULL, '{}'),
	('windows', '1 merge UTC', '2026-12-01 04:32:14.243158+00', '{}'),
	('halves', '1 merge UTC', NULL, '{}'),
	('buyers', '1 merge UTC', '2026-12-01 04:32:14.667262+00', '{}'),
	('changes', '1 merge UTC', '2026-12-01 04:32:14.811169+00', '{}'),
	('tagged', '1 merge UTC', '2026-12-01 04:32:14.974616+00', '{}'),
	('archive', '1 merge UTC', NULL, '{}'),
	('loaded', '1 merge UTC', '2026-12-01 04:32:15.419277+00', '{17,18}');
INSERT INTO ocds.walked_page VALUES
	(1, '', 1, true, '\x3201a7a3834ea405b8ff938dd5ec1cd1'),
	(1, '', 2, false, '\xd8bebe3bc73b6667920d67f66507342c'),
	(1, '', 3, false, '\x69e6dd82acdd9718c21faf9e9d6a6d00'),
	(2, '', 1, true, '\x3201a7a3834ea405b8ff938dd5ec1cd1'),
	(2, '', 2, true, '\x920d67f66507342cd8bebe3bc73b6667'),
	(2, '', 4, true, '\x8ee1dc52228e2e8f7a489b652c0953fc'),
	(3, '', 1, true, '\x3201a7a3834ea405b8ff938dd5ec1cd1'),
	(3, '', 2, true, '\x920d67f66507342cd8bebe3bc73b6667'),
	(4, '', 0, true, '\xf7aef54e028470183201a7a3834ea40568117f52b15e660fb8ff938dd5ec1cd1'),
	(4, '', 1, true, '\x624f59eb8b3c9c77920d67f66507342c08977c5d7be9d230d8bebe3bc73b6667'),
	(6, 'kind=tender', 1, true, '\x3201a7a3834ea405b8ff938dd5ec1cd1'),
	(6, 'kind=tender', 2, true, '\x920d67f66507342cd8bebe3bc73b6667'),
	(6, 'kind=tender', 3, true, '\x69e6dd82acdd9718'),
	(6, 'kind=award+%26+more', 1, true, '\x8ee1dc52228e2e8f7a489b652c0953fc'),
	(7, '', 1, true, '\xb8ff938dd5ec1cd1920d67f66507342c'),
	(8, '', 1, true, '\x3201a7a3834ea405b8ff938dd5ec1cd1'),
	(8, '', 2, true, '\x920d67f66507342cd8bebe3bc73b6667'),
	(9, '', 1, true, '\x3201a7a3834ea405b8ff938dd5ec1cd1'),
	(9, '', 2, true, '\x920d67f66507342cd8bebe3bc73b6667'),
	(15, '', 1, true, '\x3201a7a3834ea405b8ff938dd5ec1cd1'),
	(15, '', 2, true, '\x920d67f66507342cd8bebe3bc73b6667'),
	(15, '', 3, true, '\x69e6dd82acdd9718'),
	(16, '', 1, true, '\x3201a7a3834ea405b8ff938dd5ec1cd1');
INSERT INTO ocds.watermark VALUES
	('windows', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://windows.example/feed?from={from}&to={to}","window":{"basis":"updated","from":"2024-01-01T00:00:00","zone":"UTC"}}', '2024-01-16 00:00:00+00', NULL, 10, '2026-12-01 04:32:14.247269+00'),
	('buyers', '{"axis":{"buyer":{"each":"/buyers/*","page":{"mode":"none"},"url":"http://buyers.example/list","value":""}},"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://buyers.example/of/{axis.buyer}?from={from}&to={to}","window":{"basis":"updated","from":"2024-01-01T00:00:00","zone":"UTC"}}', '2024-01-21 00:00:00+00', NULL, 13, '2026-12-01 04:32:14.670851+00'),
	('changes', '{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"http://changes.example/changes"}', NULL, 'link http://changes.example/changes?page=3', 14, '2026-12-01 04:32:14.815187+00');
SELECT pg_catalog.setval('ocds.compile_queue_id_seq', 74, true);
SELECT pg_catalog.setval('ocds.quarantine_id_seq', 4, true);
SELECT pg_catalog.setval('ocds.request_id_seq', 19, true);
SELECT pg_catalog.setval('ocds.run_id_seq', 18, true);
ALTER TABLE ONLY ocds.award
    ADD CONSTRAINT award_pkey PRIMARY KEY (ocid, source, "position");
ALTER TABLE ONLY ocds.compile_queue
    ADD CONSTRAINT compile_queue_pkey PRIMARY KEY (ocid, source, id);
ALTER TABLE ONLY ocds.contract
    ADD CONSTRAINT contract_pkey PRIMARY KEY (ocid, source, "position");
ALTER TABLE ONLY ocds.document
    ADD CONSTRAINT document_pkey PRIMARY KEY (ocid, source, section, section_position, "position");
ALTER TABLE ONLY ocds.item
    ADD CONSTRAINT item_pkey PRIMARY KEY (ocid, source, section, section_position, "position");
ALTER TABLE ONLY ocds.lot
    ADD CONSTRAINT lot_pkey PRIMARY KEY (ocid, source, "position");
ALTER TABLE ONLY ocds.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (version);
ALTER TABLE ONLY ocds.milestone
    ADD CONSTRAINT milestone_pkey PRIMARY KEY (ocid, source, section, section_position, "position");
ALTER TABLE ONLY ocds.package
    ADD CONSTRAINT package_pkey PRIMARY KEY (source, id);
ALTER TABLE ONLY ocds.page
    ADD CONSTRAINT page_pkey PRIMARY KEY (run_id, chain, number);
ALTER TABLE ONLY ocds.party
    ADD CONSTRAINT party_pkey PRIMARY KEY (ocid, source, "position");
ALTER TABLE ONLY ocds.process_gone
    ADD CONSTRAINT process_gone_pkey PRIMARY KEY (ocid, source);
ALTER TABLE ONLY ocds.process
    ADD CONSTRAINT process_pkey PRIMARY KEY (ocid, source);
ALTER TABLE ONLY ocds.publisher_compiled
    ADD CONSTRAINT publisher_compiled_pkey PRIMARY KEY (ocid, source);
ALTER TABLE ONLY ocds.quarantine
    ADD CONSTRAINT quarantine_document_key UNIQUE (source, document_hash, pointer);
ALTER TABLE ONLY ocds.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ocds.related_process
    ADD CONSTRAINT related_process_pkey PRIMARY KEY (ocid, source, section, section_position, "position");
ALTER TABLE ONLY ocds.release_history
    ADD CONSTRAINT release_history_pkey PRIMARY KEY (ocid, release_id, source, replaced_at);
ALTER TABLE ONLY ocds.release
    ADD CONSTRAINT release_pkey PRIMARY KEY (ocid, release_id, source);
ALTER TABLE ONLY ocds.request
    ADD CONSTRAINT request_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ocds.run
    ADD CONSTRAINT run_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ocds.source
    ADD CONSTRAINT source_pkey PRIMARY KEY (name);
ALTER TABLE ONLY ocds.supplier
    ADD CONSTRAINT supplier_pkey PRIMARY KEY (ocid, source, award_position, "position");
ALTER TABLE ONLY ocds.tenderer
    ADD CONSTRAINT tenderer_pkey PRIMARY KEY (ocid, source, "position");
ALTER TABLE ONLY ocds.transaction
    ADD CONSTRAINT transaction_pkey PRIMARY KEY (ocid, source, contract_position, "position");
ALTER TABLE ONLY ocds.walked_page
    ADD CONSTRAINT walked_page_pkey PRIMARY KEY (run_id, chain, number);
ALTER TABLE ONLY ocds.watermark
    ADD CONSTRAINT watermark_pkey PRIMARY KEY (source);
CREATE INDEX compile_queue_source_idx ON ocds.compile_queue USING btree (source, id);
CREATE INDEX process_changed_at_idx ON ocds.process USING btree (changed_at);
CREATE INDEX process_gone_at_idx ON ocds.process_gone USING btree (gone_at);
CREATE INDEX process_merge_error_idx ON ocds.process USING btree (source) WHERE (merge_error IS NOT NULL);
CREATE INDEX process_unread_idx ON ocds.process USING btree (source) WHERE (unread IS NOT NULL);
CREATE INDEX publisher_compiled_absent_idx ON ocds.publisher_compiled USING btree (source) WHERE (absent_since IS NOT NULL);
CREATE INDEX publisher_compiled_unread_idx ON ocds.publisher_compiled USING btree (source) WHERE (unread IS NOT NULL);
CREATE INDEX quarantine_document_idx ON ocds.quarantine USING btree (source, md5(url)) WHERE ((reason = ANY (ARRAY['missing-document'::text, 'unfetched-document'::text, 'unreadable-document'::text])) AND (resolved_at IS NULL));
CREATE INDEX quarantine_open_idx ON ocds.quarantine USING btree (source, md5(ocid)) WHERE (resolved_at IS NULL);
CREATE INDEX quarantine_unreadable_idx ON ocds.quarantine USING btree (source, page_number) WHERE ((reason = ANY (ARRAY['unreadable-page'::text, 'refused-page'::text])) AND (resolved_at IS NULL));
CREATE INDEX release_absent_idx ON ocds.release USING btree (source) WHERE (absent_since IS NOT NULL);
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
ALTER TABLE ONLY ocds.walked_page
    ADD CONSTRAINT walked_page_run_id_chain_number_fkey FOREIGN KEY (run_id, chain, number) REFERENCES ocds.page(run_id, chain, number) ON DELETE CASCADE;
