-- The current state of each contracting process, as tables. The stage `compile` merges the releases
-- of each process whose releases have changed, and replaces its rows. Positions and not ids are
-- keys, because publishers repeat ids and leave them out. Positions count from 0. There are no
-- foreign keys, which would more than double the time of an insertion.

alter table ocds.run
    drop constraint run_kind_check,
    add constraint run_kind_check
        check (kind in ('incremental', 'backfill', 'load', 'replay', 'purge', 'compile'));

-- The sources whose processes are compiled.
create table ocds.source (
    name text primary key,
    compile_rules text not null,   -- what the rows of processes depend on besides the releases
    compiled_at timestamptz        -- when a run last left no process of the source in the queue
);

-- The processes whose releases have changed since they were compiled. The transaction that changes
-- a release adds a row, and has nothing to wait for, because no key but the row's own is unique.
create table ocds.compile_queue (
    ocid text not null,
    source text not null,
    id bigint generated always as identity,
    primary key (ocid, source, id)
);

create index compile_queue_source_idx on ocds.compile_queue (source, id);

-- The processes that had rows and have none any more.
create table ocds.process_gone (
    ocid text not null,
    source text not null,
    gone_at timestamptz not null,
    primary key (ocid, source)
);

create index process_gone_at_idx on ocds.process_gone (gone_at);

create table ocds.award (
    ocid text not null,
    source text not null,
    position integer not null,
    award_id text,
    title text,
    description text,
    status text,
    date timestamptz,
    value numeric,
    currency text,
    period_start timestamptz,
    period_end timestamptz,
    period_days integer,
    suppliers integer,
    supplier_names text[],
    items integer,
    documents integer,
    primary key (ocid, source, position)
);

create table ocds.supplier (
    ocid text not null,
    source text not null,
    award_position integer not null,
    position integer not null,
    party_id text,
    name text,
    identifier_scheme text,
    identifier text,
    scheme_id text,
    party_position integer,
    award_value numeric,
    award_currency text,
    joint integer,
    primary key (ocid, source, award_position, position)
);

create table ocds.contract (
    ocid text not null,
    source text not null,
    position integer not null,
    contract_id text,
    award_id text,
    award_position integer,
    title text,
    description text,
    status text,
    date_signed timestamptz,
    value numeric,
    currency text,
    period_start timestamptz,
    period_end timestamptz,
    period_days integer,
    items integer,
    documents integer,
    milestones integer,
    transactions integer,
    primary key (ocid, source, position)
);

create table ocds.party (
    ocid text not null,
    source text not null,
    position integer not null,
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
    country text,
    primary key (ocid, source, position)
);

create table ocds.tenderer (
    ocid text not null,
    source text not null,
    position integer not null,
    party_id text,
    name text,
    identifier_scheme text,
    identifier text,
    scheme_id text,
    party_position integer,
    primary key (ocid, source, position)
);

create table ocds.item (
    ocid text not null,
    source text not null,
    section text not null,
    section_position integer not null,
    position integer not null,
    item_id text,
    description text,
    classification_scheme text,
    classification_id text,
    classification_description text,
    additional_classifications text[],
    quantity numeric,
    unit text,
    unit_value numeric,
    unit_currency text,
    primary key (ocid, source, section, section_position, position)
);

create table ocds.document (
    ocid text not null,
    source text not null,
    section text not null,
    section_position integer not null,
    position integer not null,
    document_id text,
    document_type text,
    title text,
    url text,
    format text,
    language text,
    date_published timestamptz,
    date_modified timestamptz,
    primary key (ocid, source, section, section_position, position)
);

create table ocds.milestone (
    ocid text not null,
    source text not null,
    section text not null,
    section_position integer not null,
    position integer not null,
    milestone_id text,
    milestone_type text,
    title text,
    status text,
    due_date timestamptz,
    date_met timestamptz,
    date_modified timestamptz,
    primary key (ocid, source, section, section_position, position)
);

create table ocds.transaction (
    ocid text not null,
    source text not null,
    contract_position integer not null,
    position integer not null,
    transaction_id text,
    date timestamptz,
    value numeric,
    currency text,
    payer_id text,
    payer_name text,
    payee_id text,
    payee_name text,
    primary key (ocid, source, contract_position, position)
);

create table ocds.lot (
    ocid text not null,
    source text not null,
    position integer not null,
    lot_id text,
    title text,
    status text,
    value numeric,
    currency text,
    primary key (ocid, source, position)
);

create table ocds.related_process (
    ocid text not null,
    source text not null,
    section text not null,
    section_position integer not null,
    position integer not null,
    related_id text,
    relationship text[],
    title text,
    scheme text,
    identifier text,
    uri text,
    primary key (ocid, source, section, section_position, position)
);

create table ocds.process (
    ocid text not null,
    source text not null,
    origin text not null,
    releases integer not null,
    release_id text,
    first_date timestamptz,
    last_date timestamptz,
    changed_at timestamptz not null,
    content_hash bytea not null,
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
    tender_start timestamptz,
    tender_end timestamptz,
    tender_days integer,
    enquiry_start timestamptz,
    enquiry_end timestamptz,
    enquiry_days integer,
    award_period_start timestamptz,
    award_period_end timestamptz,
    award_period_days integer,
    contract_period_start timestamptz,
    contract_period_end timestamptz,
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
    first_award_date timestamptz,
    last_award_date timestamptz,
    award_value numeric,
    award_currency text,
    award_value_by_currency jsonb,
    award_value_active numeric,
    award_currency_active text,
    award_value_active_by_currency jsonb,
    suppliers integer,
    supplier_names text[],
    contracts integer,
    first_signed timestamptz,
    last_signed timestamptz,
    contract_value numeric,
    contract_currency text,
    contract_value_by_currency jsonb,
    contract_end timestamptz,
    transactions integer,
    spent numeric,
    spent_currency text,
    spent_by_currency jsonb,
    parties_by_role jsonb,
    related_processes integer,
    unread text[],
    merged jsonb,
    primary key (ocid, source)
);

create index process_changed_at_idx on ocds.process (changed_at);
create index process_unread_idx on ocds.process (source) where unread is not null;
create index process_merge_error_idx on ocds.process (source) where merge_error is not null;

-- lz4 writes long texts much faster than the default; a server built without it keeps the default.
do $$
declare
    place text[];
begin
    foreach place slice 1 in array array[
        ['process', 'merged'], ['process', 'title'], ['process', 'description'],
        ['process', 'planning_rationale'], ['process', 'tender_title'],
        ['process', 'tender_description'], ['process', 'procurement_method_details'],
        ['process', 'procurement_method_rationale'], ['process', 'eligibility_criteria'],
        ['award', 'title'], ['award', 'description'], ['contract', 'title'],
        ['contract', 'description'], ['item', 'description'], ['document', 'title'],
        ['milestone', 'title']
    ] loop
        execute format(
            'alter table ocds.%I alter column %I set compression lz4', place[1], place[2]
        );
    end loop;
exception when feature_not_supported or invalid_parameter_value then
    raise notice 'this server has no lz4: the texts of processes are compressed the default way';
end
$$;

-- A process whose content changes has all its rows replaced, and a row of the queue lives for
-- seconds, so both leave many dead rows.
do $$
declare
    name text;
begin
    foreach name in array array[
        'award', 'supplier', 'contract', 'party', 'tenderer', 'item',
        'document', 'milestone', 'transaction', 'lot', 'related_process', 'process'
    ] loop
        execute format(
            'alter table ocds.%I set (autovacuum_vacuum_scale_factor = 0.05)', name
        );
    end loop;
end
$$;

alter table ocds.compile_queue set (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
    autovacuum_vacuum_insert_scale_factor = 0.2
);

-- One compiled release for each process, whole. A process that is a single stored release keeps no
-- copy of it: the view makes its id and its tag, as merging does.
create view ocds.compiled_release as
select
    process.ocid,
    process.source,
    process.origin,
    process.releases,
    process.last_date,
    process.changed_at,
    coalesce(
        process.merged,
        release.data || jsonb_build_object(
            'id', process.ocid || case
                when jsonb_typeof(release.data -> 'date') in ('string', 'number', 'boolean')
                    then '-' || (release.data ->> 'date')
                else ''
            end,
            'tag', jsonb_build_array('compiled')
        ),
        publisher_compiled.data
    ) as data
from ocds.process
left join ocds.release
    on process.merged is null and process.origin = 'single'
    and release.ocid = process.ocid and release.release_id = process.release_id
    and release.source = process.source
left join ocds.publisher_compiled
    on process.merged is null and process.origin = 'publisher'
    and publisher_compiled.ocid = process.ocid and publisher_compiled.source = process.source;

-- The values of processes that are there and could not be read, by table and column.
create view ocds.process_unread as
select source, column_name, count(*) as processes
from ocds.process
cross join lateral unnest(process.unread) as column_name
where process.unread is not null
group by source, column_name;

-- What is stored already is compiled by the next run, or by the command `compile`.
insert into ocds.compile_queue (ocid, source)
select ocid, source from ocds.release
union
select ocid, source from ocds.publisher_compiled;

comment on table ocds.award is 'An award of a process.';
comment on column ocds.award.ocid is 'ocid of the process';
comment on column ocds.award.source is 'name of the source';
comment on column ocds.award.position is 'position in its list, counted from 0';
comment on column ocds.award.award_id is 'awards/id';
comment on column ocds.award.title is 'awards/title';
comment on column ocds.award.description is 'awards/description';
comment on column ocds.award.status is 'awards/status';
comment on column ocds.award.date is 'awards/date';
comment on column ocds.award.value is 'awards/value/amount';
comment on column ocds.award.currency is 'awards/value/currency';
comment on column ocds.award.period_start is 'awards/contractPeriod/startDate';
comment on column ocds.award.period_end is 'awards/contractPeriod/endDate';
comment on column ocds.award.period_days is 'durationInDays, or else the whole days of 24 hours between the dates, of awards/contractPeriod';
comment on column ocds.award.suppliers is 'number of awards/suppliers';
comment on column ocds.award.supplier_names is 'suppliers/name, or else the name of the party with the id';
comment on column ocds.award.items is 'number of awards/items';
comment on column ocds.award.documents is 'number of awards/documents';

comment on table ocds.supplier is 'A supplier of an award. The value is that of the whole award, also if it is joint.';
comment on column ocds.supplier.ocid is 'ocid of the process';
comment on column ocds.supplier.source is 'name of the source';
comment on column ocds.supplier.award_position is 'position of the award, counted from 0';
comment on column ocds.supplier.position is 'position in its list, counted from 0';
comment on column ocds.supplier.party_id is 'id';
comment on column ocds.supplier.name is 'name, or else the name of the party with this id';
comment on column ocds.supplier.identifier_scheme is 'identifier/scheme, or else that of the party';
comment on column ocds.supplier.identifier is 'identifier/id, or else that of the party';
comment on column ocds.supplier.scheme_id is 'identifier/scheme and identifier/id, joined by a hyphen';
comment on column ocds.supplier.party_position is 'position of the party with this id';
comment on column ocds.supplier.award_value is 'value/amount of the award';
comment on column ocds.supplier.award_currency is 'value/currency of the award';
comment on column ocds.supplier.joint is 'number of suppliers of the award';

comment on table ocds.contract is 'A contract of a process.';
comment on column ocds.contract.ocid is 'ocid of the process';
comment on column ocds.contract.source is 'name of the source';
comment on column ocds.contract.position is 'position in its list, counted from 0';
comment on column ocds.contract.contract_id is 'contracts/id';
comment on column ocds.contract.award_id is 'contracts/awardID';
comment on column ocds.contract.award_position is 'position of the first award with the id awardID';
comment on column ocds.contract.title is 'contracts/title';
comment on column ocds.contract.description is 'contracts/description';
comment on column ocds.contract.status is 'contracts/status';
comment on column ocds.contract.date_signed is 'contracts/dateSigned';
comment on column ocds.contract.value is 'contracts/value/amount';
comment on column ocds.contract.currency is 'contracts/value/currency';
comment on column ocds.contract.period_start is 'contracts/period/startDate';
comment on column ocds.contract.period_end is 'contracts/period/endDate';
comment on column ocds.contract.period_days is 'durationInDays, or else the whole days of 24 hours between the dates, of contracts/period';
comment on column ocds.contract.items is 'number of contracts/items';
comment on column ocds.contract.documents is 'number of contracts/documents and contracts/implementation/documents';
comment on column ocds.contract.milestones is 'number of contracts/milestones and contracts/implementation/milestones';
comment on column ocds.contract.transactions is 'number of contracts/implementation/transactions';

comment on table ocds.party is 'An organisation that takes part in a process. Contacts are left out, because they are people.';
comment on column ocds.party.ocid is 'ocid of the process';
comment on column ocds.party.source is 'name of the source';
comment on column ocds.party.position is 'position in its list, counted from 0';
comment on column ocds.party.party_id is 'parties/id';
comment on column ocds.party.name is 'parties/name';
comment on column ocds.party.roles is 'parties/roles';
comment on column ocds.party.identifier_scheme is 'parties/identifier/scheme';
comment on column ocds.party.identifier is 'parties/identifier/id';
comment on column ocds.party.scheme_id is 'scheme-id of parties/identifier';
comment on column ocds.party.street is 'parties/address/streetAddress';
comment on column ocds.party.locality is 'parties/address/locality';
comment on column ocds.party.region is 'parties/address/region';
comment on column ocds.party.postal_code is 'parties/address/postalCode';
comment on column ocds.party.country is 'parties/address/countryName';

comment on table ocds.tenderer is 'An organisation that submitted a tender.';
comment on column ocds.tenderer.ocid is 'ocid of the process';
comment on column ocds.tenderer.source is 'name of the source';
comment on column ocds.tenderer.position is 'position in its list, counted from 0';
comment on column ocds.tenderer.party_id is 'id';
comment on column ocds.tenderer.name is 'name, or else the name of the party with this id';
comment on column ocds.tenderer.identifier_scheme is 'identifier/scheme, or else that of the party';
comment on column ocds.tenderer.identifier is 'identifier/id, or else that of the party';
comment on column ocds.tenderer.scheme_id is 'identifier/scheme and identifier/id, joined by a hyphen';
comment on column ocds.tenderer.party_position is 'position of the party with this id';

comment on table ocds.item is 'An item of a tender, an award or a contract.';
comment on column ocds.item.ocid is 'ocid of the process';
comment on column ocds.item.source is 'name of the source';
comment on column ocds.item.section is 'the part of the process: tender, award or contract';
comment on column ocds.item.section_position is 'position of the award or contract around it, counted from 0; 0 in another part';
comment on column ocds.item.position is 'position in its list, counted from 0';
comment on column ocds.item.item_id is 'id';
comment on column ocds.item.description is 'description';
comment on column ocds.item.classification_scheme is 'classification/scheme';
comment on column ocds.item.classification_id is 'classification/id';
comment on column ocds.item.classification_description is 'classification/description';
comment on column ocds.item.additional_classifications is 'additionalClassifications, each as scheme-id';
comment on column ocds.item.quantity is 'quantity';
comment on column ocds.item.unit is 'unit/name';
comment on column ocds.item.unit_value is 'unit/value/amount';
comment on column ocds.item.unit_currency is 'unit/value/currency';

comment on table ocds.document is 'A document of a part of a process.';
comment on column ocds.document.ocid is 'ocid of the process';
comment on column ocds.document.source is 'name of the source';
comment on column ocds.document.section is 'the part of the process: planning, tender, award, contract or implementation';
comment on column ocds.document.section_position is 'position of the award or contract around it, counted from 0; 0 in another part';
comment on column ocds.document.position is 'position in its list, counted from 0';
comment on column ocds.document.document_id is 'id';
comment on column ocds.document.document_type is 'documentType';
comment on column ocds.document.title is 'title';
comment on column ocds.document.url is 'url';
comment on column ocds.document.format is 'format';
comment on column ocds.document.language is 'language';
comment on column ocds.document.date_published is 'datePublished';
comment on column ocds.document.date_modified is 'dateModified';

comment on table ocds.milestone is 'A milestone of a part of a process.';
comment on column ocds.milestone.ocid is 'ocid of the process';
comment on column ocds.milestone.source is 'name of the source';
comment on column ocds.milestone.section is 'the part of the process: planning, tender, contract or implementation';
comment on column ocds.milestone.section_position is 'position of the award or contract around it, counted from 0; 0 in another part';
comment on column ocds.milestone.position is 'position in its list, counted from 0';
comment on column ocds.milestone.milestone_id is 'id';
comment on column ocds.milestone.milestone_type is 'type';
comment on column ocds.milestone.title is 'title';
comment on column ocds.milestone.status is 'status';
comment on column ocds.milestone.due_date is 'dueDate';
comment on column ocds.milestone.date_met is 'dateMet';
comment on column ocds.milestone.date_modified is 'dateModified';

comment on table ocds.transaction is 'A payment under a contract.';
comment on column ocds.transaction.ocid is 'ocid of the process';
comment on column ocds.transaction.source is 'name of the source';
comment on column ocds.transaction.contract_position is 'position of the contract, counted from 0';
comment on column ocds.transaction.position is 'position in its list, counted from 0';
comment on column ocds.transaction.transaction_id is 'contracts/implementation/transactions/id';
comment on column ocds.transaction.date is 'contracts/implementation/transactions/date';
comment on column ocds.transaction.value is 'contracts/implementation/transactions/value/amount, or else contracts/implementation/transactions/amount/amount';
comment on column ocds.transaction.currency is 'contracts/implementation/transactions/value/currency, or else contracts/implementation/transactions/amount/currency';
comment on column ocds.transaction.payer_id is 'payer/id; in version 1.0 providerOrganization/id';
comment on column ocds.transaction.payer_name is 'payer/name, or else the name of the party; in version 1.0 providerOrganization';
comment on column ocds.transaction.payee_id is 'payee/id; in version 1.0 receiverOrganization/id';
comment on column ocds.transaction.payee_name is 'payee/name, or else the name of the party; in version 1.0 receiverOrganization';

comment on table ocds.lot is 'A lot of a tender.';
comment on column ocds.lot.ocid is 'ocid of the process';
comment on column ocds.lot.source is 'name of the source';
comment on column ocds.lot.position is 'position in its list, counted from 0';
comment on column ocds.lot.lot_id is 'tender/lots/id';
comment on column ocds.lot.title is 'tender/lots/title';
comment on column ocds.lot.status is 'tender/lots/status';
comment on column ocds.lot.value is 'tender/lots/value/amount';
comment on column ocds.lot.currency is 'tender/lots/value/currency';

comment on table ocds.related_process is 'A process that is related to a process or to one of its contracts.';
comment on column ocds.related_process.ocid is 'ocid of the process';
comment on column ocds.related_process.source is 'name of the source';
comment on column ocds.related_process.section is 'the part of the process: process or contract';
comment on column ocds.related_process.section_position is 'position of the award or contract around it, counted from 0; 0 in another part';
comment on column ocds.related_process.position is 'position in its list, counted from 0';
comment on column ocds.related_process.related_id is 'id';
comment on column ocds.related_process.relationship is 'relationship';
comment on column ocds.related_process.title is 'title';
comment on column ocds.related_process.scheme is 'scheme';
comment on column ocds.related_process.identifier is 'identifier';
comment on column ocds.related_process.uri is 'uri';

comment on table ocds.process is 'A contracting process in its current state.';
comment on column ocds.process.ocid is 'ocid of the process';
comment on column ocds.process.source is 'name of the source';
comment on column ocds.process.origin is 'merged from several releases, the content of a single one, or the publisher''s compiled release';
comment on column ocds.process.releases is 'number of stored releases';
comment on column ocds.process.release_id is 'id of the release that is the content, if it is a single one';
comment on column ocds.process.first_date is 'earliest date of the releases';
comment on column ocds.process.last_date is 'latest date of the releases';
comment on column ocds.process.changed_at is 'when the content here last changed';
comment on column ocds.process.content_hash is 'BLAKE3 of the content and of what else the rows depend on';
comment on column ocds.process.merge_error is 'why the releases could not be merged or the rows not be stored';
comment on column ocds.process.repeated_ids is 'number of entries of arrays that repeat the id of an earlier one of the same release, and were merged into it';
comment on column ocds.process.tags is 'distinct tags of the releases';
comment on column ocds.process.language is 'language';
comment on column ocds.process.initiation_type is 'initiationType';
comment on column ocds.process.title is 'title';
comment on column ocds.process.description is 'description';
comment on column ocds.process.buyer_id is 'buyer/id';
comment on column ocds.process.buyer_scheme_id is 'identifier of the buyer, as scheme-id';
comment on column ocds.process.buyer_name is 'buyer/name, or else the name of the party';
comment on column ocds.process.procuring_entity_id is 'tender/procuringEntity/id';
comment on column ocds.process.procuring_entity_scheme_id is 'identifier of the procuring entity, as scheme-id';
comment on column ocds.process.procuring_entity_name is 'tender/procuringEntity/name, or else the name of the party';
comment on column ocds.process.budget_amount is 'planning/budget/amount/amount';
comment on column ocds.process.budget_currency is 'planning/budget/amount/currency';
comment on column ocds.process.budget_project is 'planning/budget/project';
comment on column ocds.process.planning_rationale is 'planning/rationale';
comment on column ocds.process.tender_id is 'tender/id';
comment on column ocds.process.tender_title is 'tender/title';
comment on column ocds.process.tender_description is 'tender/description';
comment on column ocds.process.tender_status is 'tender/status';
comment on column ocds.process.tender_value is 'tender/value/amount';
comment on column ocds.process.tender_currency is 'tender/value/currency';
comment on column ocds.process.tender_min_value is 'tender/minValue/amount';
comment on column ocds.process.tender_min_currency is 'tender/minValue/currency';
comment on column ocds.process.tender_max_value is 'tender/maxValue/amount';
comment on column ocds.process.tender_max_currency is 'tender/maxValue/currency';
comment on column ocds.process.procurement_method is 'tender/procurementMethod';
comment on column ocds.process.procurement_method_details is 'tender/procurementMethodDetails';
comment on column ocds.process.procurement_method_rationale is 'tender/procurementMethodRationale';
comment on column ocds.process.main_procurement_category is 'tender/mainProcurementCategory';
comment on column ocds.process.additional_procurement_categories is 'tender/additionalProcurementCategories';
comment on column ocds.process.award_criteria is 'tender/awardCriteria';
comment on column ocds.process.submission_method is 'tender/submissionMethod';
comment on column ocds.process.eligibility_criteria is 'tender/eligibilityCriteria';
comment on column ocds.process.tender_start is 'tender/tenderPeriod/startDate';
comment on column ocds.process.tender_end is 'tender/tenderPeriod/endDate';
comment on column ocds.process.tender_days is 'durationInDays, or else the whole days of 24 hours between the dates, of tender/tenderPeriod';
comment on column ocds.process.enquiry_start is 'tender/enquiryPeriod/startDate';
comment on column ocds.process.enquiry_end is 'tender/enquiryPeriod/endDate';
comment on column ocds.process.enquiry_days is 'durationInDays, or else the whole days of 24 hours between the dates, of tender/enquiryPeriod';
comment on column ocds.process.award_period_start is 'tender/awardPeriod/startDate';
comment on column ocds.process.award_period_end is 'tender/awardPeriod/endDate';
comment on column ocds.process.award_period_days is 'durationInDays, or else the whole days of 24 hours between the dates, of tender/awardPeriod';
comment on column ocds.process.contract_period_start is 'tender/contractPeriod/startDate';
comment on column ocds.process.contract_period_end is 'tender/contractPeriod/endDate';
comment on column ocds.process.contract_period_days is 'durationInDays, or else the whole days of 24 hours between the dates, of tender/contractPeriod';
comment on column ocds.process.number_of_tenderers is 'tender/numberOfTenderers';
comment on column ocds.process.tenderers is 'number of tender/tenderers';
comment on column ocds.process.tender_items is 'number of tender/items';
comment on column ocds.process.lots is 'number of tender/lots';
comment on column ocds.process.documents is 'number of documents of all parts';
comment on column ocds.process.documents_by_type is 'number of documents by documentType';
comment on column ocds.process.milestones is 'number of milestones of all parts';
comment on column ocds.process.milestones_by_type is 'number of milestones by type';
comment on column ocds.process.awards is 'number of awards';
comment on column ocds.process.active_awards is 'number of awards with the status active';
comment on column ocds.process.awards_without_status is 'number of awards without a status';
comment on column ocds.process.first_award_date is 'earliest awards/date of the awards that count: not cancelled, unsuccessful or pending';
comment on column ocds.process.last_award_date is 'latest awards/date of the awards that count';
comment on column ocds.process.award_value is 'sum of awards/value of the awards that count; null if they have several currencies';
comment on column ocds.process.award_currency is 'currency of award_value';
comment on column ocds.process.award_value_by_currency is 'sums of awards/value of the awards that count, if they have several currencies';
comment on column ocds.process.award_value_active is 'sum of awards/value of the active awards; null if they have several currencies';
comment on column ocds.process.award_currency_active is 'currency of award_value_active';
comment on column ocds.process.award_value_active_by_currency is 'sums of awards/value of the active awards, if they have several currencies';
comment on column ocds.process.suppliers is 'number of distinct suppliers of the awards that count, told apart by id, or else by scheme-id or name';
comment on column ocds.process.supplier_names is 'distinct names of the suppliers of the awards that count';
comment on column ocds.process.contracts is 'number of contracts';
comment on column ocds.process.first_signed is 'earliest contracts/dateSigned of the contracts that count: not cancelled, unsuccessful or pending';
comment on column ocds.process.last_signed is 'latest contracts/dateSigned of the contracts that count';
comment on column ocds.process.contract_value is 'sum of contracts/value of the contracts that count; null if they have several currencies';
comment on column ocds.process.contract_currency is 'currency of contract_value';
comment on column ocds.process.contract_value_by_currency is 'sums of contracts/value of the contracts that count, if they have several currencies';
comment on column ocds.process.contract_end is 'latest contracts/period/endDate of the contracts that count';
comment on column ocds.process.transactions is 'number of transactions of all contracts';
comment on column ocds.process.spent is 'sum of the values of all transactions; null if they have several currencies';
comment on column ocds.process.spent_currency is 'currency of spent';
comment on column ocds.process.spent_by_currency is 'sums of the values of all transactions, if they have several currencies';
comment on column ocds.process.parties_by_role is 'number of parties by role';
comment on column ocds.process.related_processes is 'number of relatedProcesses';
comment on column ocds.process.unread is 'columns whose value is there and could not be read as a date or a number, as table.column';
comment on column ocds.process.merged is 'the merged release; null if it is the stored release or the publisher''s one, see the view compiled_release';

comment on table ocds.source is 'A source whose releases are stored.';
comment on column ocds.source.name is 'name of the source';
comment on column ocds.source.compile_rules is 'what the rows of processes depend on besides the releases';
comment on column ocds.source.compiled_at is 'when no process of the source was left in the queue';

comment on table ocds.compile_queue is 'A change of a process that is not compiled yet.';
comment on column ocds.compile_queue.ocid is 'ocid of the process';
comment on column ocds.compile_queue.source is 'name of the source';
comment on column ocds.compile_queue.id is 'number of the change';

comment on table ocds.process_gone is 'A process that had rows and has none any more.';
comment on column ocds.process_gone.ocid is 'ocid of the process';
comment on column ocds.process_gone.source is 'name of the source';
comment on column ocds.process_gone.gone_at is 'when its rows were deleted';

comment on view ocds.compiled_release is 'The compiled release of each process. Until a process whose only release has changed is compiled again, data is already the new one.';
comment on column ocds.compiled_release.data is 'the compiled release, whole';
comment on view ocds.process_unread is 'The columns of processes whose value is there and could not be read as a date or a number.';
comment on column ocds.process_unread.column_name is 'table.column';
comment on column ocds.process_unread.processes is 'number of processes';
