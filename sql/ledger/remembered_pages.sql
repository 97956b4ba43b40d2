-- Reads the pages of the previous run of source $1 that can be fetched with a conditional
-- request, in the order of their commits. It reads none unless that run reached its end, had the
-- same definition, and was the last one to write.
with written as (
    -- The runs that wrote releases before run $2. A replay has no pages, and a load may have
    -- deleted its own.
    select id, kind, state, end_seen, definition, started_at, ended_at
    from ocds.run
    where source = $1 and id <> $2 and kind <> 'compile'
        and (kind <> 'incremental' or exists (select from ocds.page where page.run_id = run.id))
),
last as (
    select id, kind, state, end_seen, definition, started_at
    from written
    order by ended_at desc nulls first, id desc
    limit 1
),
trusted as materialized (
    select last.id
    from last
    where last.kind = 'incremental' and last.state = 'complete' and last.end_seen
        and last.definition = $3
        -- If it was resumed, no other run wrote between its processes.
        and not exists (
            select from written
            where written.id <> last.id and (written.ended_at is null or written.ended_at > last.started_at)
        )
),
walked as (
    -- All pages of that run, each with the last pages that replaced stored content. That content
    -- may have come from an earlier page, so earlier pages are left out below. There is no join,
    -- because one would compare each page with each chain if the planner expects few pages.
    select page.run_id, page.chain, page.number, page.cursor, page.next_number, page.next_cursor,
        page.items, page.releases, page.etag, page.last_modified, page.rules, page.committed_at,
        max(page.number) filter (where page.updated > 0) over (partition by page.chain)
            as corrected_number,
        max(page.committed_at) filter (where page.updated > 0) over () as corrected_at
    from ocds.page
    join trusted on trusted.id = page.run_id
)
select run_id, chain, number, cursor, next_number, next_cursor,
    coalesce(items, releases) as items, etag, last_modified
from walked
where (etag is not null or last_modified is not null)
    and rules = $4
    and number >= coalesce(corrected_number, number)
    and committed_at >= coalesce(corrected_at, committed_at)
    -- The program holds each of them in memory.
    and octet_length(cursor) + octet_length(coalesce(next_cursor, '')) <= 4096
order by committed_at, chain, number
limit $5
