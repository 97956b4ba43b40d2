-- Reads the newest complete runs of a source that no later run has checked, and how many pages
-- each has lost. The expected number is the one from the end of the run, or, if that is null,
-- the number of pages up to the last one of each chain. Purged pages are not missing. A claim
-- checks a few runs, and the next one checks older ones.
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
