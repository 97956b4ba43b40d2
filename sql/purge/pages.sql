-- The next pages of a source's runs to go.
select page.run_id, page.chain, page.number
from ocds.page
join ocds.run on run.id = page.run_id
where run.source = $1
    and ($2::bigint is null or (page.run_id, page.chain, page.number) > ($2, $3::text, $4::bigint))
order by page.run_id, page.chain, page.number
limit $5
