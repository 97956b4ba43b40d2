-- The newest complete runs of a source that no later run has looked at yet, and how many
-- of their pages are missing: of as many as there were at the end, or, where that was not
-- counted, of those before the last of each chain. What was purged is not missing. A few
-- runs are enough for one claim; the next looks at older ones.
with unverified as materialized (
    select id, kind, pages
    from ocds.run
    where source = $1 and state = 'complete' and verified_at is null
        and not exists (
            select from ocds.run as purge
            where purge.source = $1 and purge.kind = 'purge' and purge.id > run.id
        )
    order by id desc
    limit 5
)
select unverified.id, unverified.kind, coalesce(unverified.pages, stored.numbers) - stored.pages as missing
from unverified
cross join lateral (
    select coalesce(sum(chain.pages), 0)::bigint as pages,
        coalesce(sum(chain.last - chain.first + 1), 0)::bigint as numbers
    from (
        select count(*) as pages, min(page.number) as first, max(page.number) as last
        from ocds.page
        where page.run_id = unverified.id
        group by page.chain
    ) as chain
) as stored
order by unverified.id desc
