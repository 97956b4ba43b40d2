-- Files are often read in another order than that of time, so the newest content of a release is
-- kept where the source says so. What was not stored for it is counted.

alter table ocds.page add column older integer not null default 0;

-- The number of the chain that served a row, among the chains of its run. With it, contents with
-- the same date are ordered whatever the order of commits. Rows of before have 0.
alter table ocds.release add column chain_number integer not null default 0;
alter table ocds.compiled_release add column chain_number integer not null default 0;
alter table ocds.quarantine add column chain_number integer not null default 0;

-- How the run that met the reject last treats the contents of one release, so that a replay does
-- the same. Null where an older version stored the reject.
alter table ocds.quarantine add column overwrite text check (overwrite in ('newer', 'always'));

-- The contents that a correction or a newer content has replaced. Only rows of sources that are
-- fetched with `sink.history` are here. A compiled release has an empty release_id.
create table ocds.release_history (
    source text not null,
    ocid text not null,
    release_id text not null,
    date timestamptz,
    content_hash bytea not null,
    package_id uuid,
    repairs text[],
    run_id bigint not null,        -- the run, chain and page that wrote this content
    chain_number integer not null,
    page_number bigint not null,
    first_seen_at timestamptz not null,
    fetched_at timestamptz not null,
    replaced_at timestamptz not null,
    replaced_by bigint not null,   -- the run that replaced it
    data jsonb not null,
    served bytea,
    primary key (ocid, release_id, source, replaced_at)
);

do $$
begin
    alter table ocds.release_history alter column data set compression lz4;
exception when feature_not_supported or invalid_parameter_value then
    raise notice 'this server has no lz4: replaced releases are compressed the default way';
end
$$;
