-- Feeds that are asked for in windows of time, along axes, or from a token.

-- The stretch of time that a run's windows cover, as it was when the run began.
alter table ocds.run
    add column window_from timestamptz,
    add column window_until timestamptz;

-- How far incremental runs of a source have got: all before it is stored.
create table ocds.watermark (
    source text primary key,
    scope text not null,           -- what the source's feed was: a watermark counts only under the same
    reached timestamptz,           -- by the publisher's dates, of a source with windows
    cursor text,                   -- the newest page of a feed of changes
    run_id bigint not null,        -- the run that moved it last
    moved_at timestamptz not null
);

-- Which walk of its run a page that could not be read belongs to.
alter table ocds.quarantine add column chain text not null default '';

-- what could not be had or read by itself, to be resolved when it can
create index quarantine_document_idx on ocds.quarantine (source, md5(url))
    where reason in ('missing-document', 'unreadable-document') and resolved_at is null;
