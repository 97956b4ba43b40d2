-- To empty a source is a run too.
alter table ocds.run
    drop constraint run_kind_check,
    add constraint run_kind_check check (kind in ('incremental', 'backfill', 'replay', 'purge'));

-- One HTTP request, for whoever asks later what a publisher was asked and said. It
-- goes with its run. A killed run lacks those of its last seconds.
create table ocds.request (
    id bigint generated always as identity primary key,
    run_id bigint not null references ocds.run (id) on delete cascade,
    page_number bigint not null,
    attempt integer not null,      -- at that page, from 1; a redirect shares it
    url text not null,             -- {env.NAME} in place of secrets
    requested_at timestamptz not null,
    status integer,                -- null: it did not answer
    milliseconds integer not null, -- to the last byte
    bytes bigint not null,         -- of the body, as it came over the wire
    error text                     -- what was wrong, if it gave no page
);

create index request_run_idx on ocds.request (run_id);
