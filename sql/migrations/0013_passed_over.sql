-- What was served and was never a release is passed over. It is counted apart, and is no part of
-- `releases`. What is kept of it is in ocds.quarantine, under reasons of its own.
alter table ocds.page
    add column passed_over integer not null default 0;

-- A missing document is now one that does not exist, as the publisher says (404 or 410), and it is
-- passed over. What could not be fetched for another reason stays a reject.
update ocds.quarantine
set reason = 'unfetched-document'
where reason = 'missing-document' and message !~ 'status (404|410)$';

drop index if exists ocds.quarantine_document_idx;
create index quarantine_document_idx on ocds.quarantine (source, md5(url))
    where reason in ('missing-document', 'unfetched-document', 'unreadable-document')
        and resolved_at is null;

-- A release whose only tag is `compiled` and whose id is made of its ocid and date, as the
-- standard's merge makes it, is the current state of its process. Until now each state was stored
-- as one more release. The newest one becomes the compiled release, unless a newer one is stored.
-- The others are kept as superseded: as they were served if that is known, and otherwise as the
-- database had them, which is the same JSON and not the same bytes.
--
-- No compiled release becomes a release: those that are stored belonged to a record, or had no id.
with moved as (
    delete from ocds.release
    where tag = array['compiled'] and release_id = ocid || '-' || (data ->> 'date')
    returning *
), ranked as (
    select moved.*,
        min(first_seen_at) over (partition by source, ocid) as process_seen_at,
        row_number() over (
            partition by source, ocid
            order by date desc nulls last, fetched_at desc, release_id desc
        ) as place
    from moved
), newest as (
    select * from ranked where place = 1
), replaced as (
    -- the compiled releases that are stored and older, as they are before `written` replaces them
    select stored.*
    from ocds.compiled_release as stored
    join newest on newest.source = stored.source and newest.ocid = stored.ocid
    where (coalesce(newest.date, '-infinity'), newest.fetched_at)
        > (coalesce(stored.date, '-infinity'), stored.fetched_at)
), written as (
    insert into ocds.compiled_release as stored (
        source, ocid, origin, date, tag, content_hash, repairs, run_id, page_number, first_seen_at,
        fetched_at, data, served
    )
    select source, ocid, 'publisher', date, tag, content_hash, repairs, run_id, page_number,
        process_seen_at, fetched_at, data, served
    from newest
    on conflict (ocid, source) do update
    set date = excluded.date, tag = excluded.tag, content_hash = excluded.content_hash,
        repairs = excluded.repairs, run_id = excluded.run_id, page_number = excluded.page_number,
        fetched_at = excluded.fetched_at, data = excluded.data, served = excluded.served
    where (coalesce(excluded.date, '-infinity'), excluded.fetched_at)
        > (coalesce(stored.date, '-infinity'), stored.fetched_at)
    returning source, ocid
), superseded as (
    select source, ocid, release_id, content_hash, run_id, page_number, first_seen_at, fetched_at,
        data, served
    from ranked
    where place > 1
        or not exists (
            select from written where written.source = ranked.source and written.ocid = ranked.ocid
        )
    union all
    select source, ocid, '', content_hash, run_id, page_number, first_seen_at, fetched_at,
        data, served
    from replaced
)
insert into ocds.quarantine (
    source, document_hash, pointer, reason, message, ocid, release_id, url, run_id, page_number,
    seen, first_seen_at, last_seen_at, resolved_at, resolution, document
)
select source, content_hash, '', 'superseded',
    'a newer compiled release of the process is stored; an upgrade of the program has moved this one',
    ocid, release_id, '', run_id, page_number, 1, first_seen_at, fetched_at, fetched_at, 'stored',
    coalesce(served, convert_to(data::text, 'UTF8'))
from superseded
on conflict (source, document_hash, pointer) do nothing;
