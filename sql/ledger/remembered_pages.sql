-- The pages of the last run of source $1, in the order in which they became durable,
-- of which the publisher can be asked whether they have changed: if that run came to
-- its end under the same definition, and what it stored is what there is.
with written as (
    -- runs that wrote releases, run $2 being the one that asks; those of a replay have
    -- no page, and a load may have dropped its own
    select id, kind, state, end_seen, definition, started_at, ended_at
    from ocds.run
    where source = $1 and id <> $2
        and (kind <> 'incremental' or exists (select from ocds.page where page.run_id = run.id))
),
last as (
    select id, kind, state, end_seen, definition, started_at
    from written
    order by ended_at desc nulls first, id desc
    limit 1
),
trusted as (
    select last.id
    from last
    where last.kind = 'incremental' and last.state = 'complete' and last.end_seen
        and last.definition = $3
        -- none wrote between its processes, if it was resumed
        and not exists (
            select from written
            where written.id <> last.id and (written.ended_at is null or written.ended_at > last.started_at)
        )
),
corrected as (
    -- the last pages that stored over what was there, which may be what a page before
    -- them had: of that one nothing can be said
    select page.chain, max(page.number) as number, max(max(page.committed_at)) over () as at
    from ocds.page
    join trusted on trusted.id = page.run_id
    where page.updated > 0
    group by page.chain
)
select page.run_id, page.chain, page.number, page.cursor, page.next_number, page.next_cursor,
    coalesce(page.items, page.releases) as items, page.etag, page.last_modified
from ocds.page
join trusted on trusted.id = page.run_id
left join corrected on corrected.chain = page.chain
where (page.etag is not null or page.last_modified is not null)
    and page.rules = $4
    and page.number >= coalesce(corrected.number, page.number)
    and page.committed_at >= coalesce((select max(at) from corrected), page.committed_at)
    -- each is held in memory
    and octet_length(page.cursor) + octet_length(coalesce(page.next_cursor, '')) <= 4096
order by page.committed_at, page.chain, page.number
limit $5
