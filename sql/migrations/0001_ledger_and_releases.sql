-- What is stored and what is remembered about storing it. PostgreSQL 14 or later.
--
-- Portable to Citus: ocid is in every key of the one table that would be
-- distributed, timestamps are parameters, and nothing volatile is a default.

-- One traversal of a source. The row is also the lease: the right to write the
-- source, held by owner under epoch for as long as heartbeat_at is fresh and
-- the heartbeat's own backend lives.
create table ocds.run (
    id bigint generated always as identity primary key,
    source text not null,
    kind text not null check (kind in ('incremental', 'backfill', 'replay')),
    state text not null check (state in ('running', 'complete', 'truncated', 'failed')),
    definition text not null,      -- what the source's pages depend on: a run resumes only under the same
    from_page bigint,              -- what a backfill was asked for
    to_page bigint,
    end_seen boolean not null,     -- the walk came to its end, pages it could not read aside
    epoch integer not null,        -- raised by each taking; a commit under an older one changes nothing
    owner text not null,           -- host and process id, for people
    taken_at timestamptz not null, -- when the owner took it
    backend_pid integer not null,  -- the heartbeat's backend: gone from pg_stat_activity means dead
    backend_start timestamptz not null,
    heartbeat_at timestamptz not null,
    started_at timestamptz not null,
    ended_at timestamptz,
    requests bigint not null default 0,
    retries bigint not null default 0,
    bytes bigint not null default 0,
    error text
);

create unique index run_running_key on ocds.run (source) where state = 'running';
create index run_source_idx on ocds.run (source, id);

-- One page that is durable: this row and its releases were committed together.
create table ocds.page (
    run_id bigint not null references ocds.run (id) on delete cascade,
    chain text not null,           -- which walk of the run; empty for a plain feed
    number bigint not null,        -- the publisher's page number where it has one, else counted from 1
    cursor text not null,
    next_number bigint,            -- both null: the end of the chain was positively seen
    next_cursor text,
    url text not null,             -- {env.NAME} in place of secrets
    fetched_at timestamptz not null,
    committed_at timestamptz not null,
    package jsonb,                 -- the package's own fields: publisher, licence, extensions, ...
    releases integer not null,     -- items served; the sum of the five that follow
    inserted integer not null,
    updated integer not null,
    unchanged integer not null,
    folded integer not null,       -- replaced by a later release of the same page with the same key
    quarantined integer not null,
    primary key (run_id, chain, number)
);

-- One dated statement about a contracting process, as it was served last.
create table ocds.release (
    source text not null,
    ocid text not null,
    release_id text not null,
    date timestamptz,
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
    tender_start timestamptz,
    tender_end timestamptz,
    award_count integer not null,
    contract_count integer not null,
    supplier_names text[] not null,
    content_hash bytea not null,   -- BLAKE3 of the text without insignificant white space
    run_id bigint not null,        -- the run and page that wrote this content
    page_number bigint not null,
    first_seen_at timestamptz not null,
    fetched_at timestamptz not null,
    data jsonb not null,
    primary key (source, ocid, release_id)
);

create index release_ocid_idx on ocds.release (ocid);
create index release_source_date_idx on ocds.release (source, date);
create index release_buyer_id_idx on ocds.release (buyer_id);

-- What was served and not stored, byte for byte, and why.
create table ocds.quarantine (
    id bigint generated always as identity primary key,
    source text not null,
    document_hash bytea not null,  -- BLAKE3
    pointer text not null,         -- where on its page it was; empty for a whole page
    reason text not null,
    message text not null,
    sqlstate text,
    constraint_name text,
    ocid text,
    release_id text,
    url text not null,
    run_id bigint not null,        -- the run and page that served it last
    page_number bigint not null,
    seen integer not null,         -- by how many traversals
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    resolved_at timestamptz,
    resolution text check (resolution in ('stored', 'replayed', 'discarded')),
    document bytea not null,
    constraint quarantine_document_key unique (source, document_hash, pointer),
    check ((resolved_at is null) = (resolution is null))
);

-- md5, because a refused ocid may be too long for an index
create index quarantine_open_idx on ocds.quarantine (source, md5(ocid)) where resolved_at is null;

create index quarantine_unreadable_idx on ocds.quarantine (source, page_number)
    where reason = 'unreadable-page' and resolved_at is null;

-- lz4 writes releases 1.7 times as fast as the default; a server built without
-- it keeps the default.
do $$
begin
    alter table ocds.release alter column data set compression lz4;
    alter table ocds.quarantine alter column document set compression lz4;
exception when feature_not_supported or invalid_parameter_value then
    raise notice 'this server has no lz4: releases are compressed the default way';
end
$$;
