-- Sums up the durable pages of a run, and reads how many requests it sent.
select
    run.requests, run.retries, run.bytes,
    count(page.number) as pages,
    coalesce(sum(page.releases), 0)::bigint as releases,
    coalesce(sum(page.inserted), 0)::bigint as inserted,
    coalesce(sum(page.updated), 0)::bigint as updated,
    coalesce(sum(page.unchanged), 0)::bigint as unchanged,
    coalesce(sum(page.folded), 0)::bigint as folded,
    coalesce(sum(page.quarantined), 0)::bigint as quarantined,
    coalesce(sum(page.older), 0)::bigint as older,
    coalesce(sum(page.passed_over), 0)::bigint as passed_over,
    coalesce(max(coalesce(page.items, page.releases)), 0) as fullest
from ocds.run
left join ocds.page on page.run_id = run.id
where run.id = $1
group by run.id
