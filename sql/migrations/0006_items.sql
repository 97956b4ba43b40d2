-- What was done to a release on its way in, and its bytes as they were served: both
-- null where nothing was.
alter table ocds.release
    add column repairs text[],
    add column served bytea;

-- The version of the standard a reject is written in, as far as its package told:
-- a replay reads it as the page was read.
alter table ocds.quarantine
    add column version text;

-- What a page was cut into: a package or a record may hold several releases. By these
-- a full page is known. Null in rows of before, whose items are their releases.
alter table ocds.page
    add column items integer;

-- What sums up the releases of a contracting process, as it was made last.
create table ocds.compiled_release (
    source text not null,
    ocid text not null,
    origin text not null check (origin in ('publisher')), -- who made it
    date timestamptz,
    tag text[],
    content_hash bytea not null,   -- BLAKE3 of the text without insignificant white space
    repairs text[],
    run_id bigint not null,        -- the run and page that wrote this content
    page_number bigint not null,
    first_seen_at timestamptz not null,
    fetched_at timestamptz not null,
    data jsonb not null,
    served bytea,
    -- led by ocid, as the key of ocds.release is
    primary key (ocid, source)
);

-- as the releases are
do $$
begin
    alter table ocds.release alter column served set compression lz4;
    alter table ocds.compiled_release alter column data set compression lz4;
    alter table ocds.compiled_release alter column served set compression lz4;
exception when feature_not_supported or invalid_parameter_value then
    raise notice 'this server has no lz4: compiled releases are compressed the default way';
end
$$;
