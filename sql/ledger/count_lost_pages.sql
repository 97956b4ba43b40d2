-- Counts the pages of a run that are missing although the server confirmed their commit. $2 are
-- chains, and their pages have the numbers from $3 to $4.
select (sum(acknowledged.last - acknowledged.first + 1) - sum(stored.pages))::bigint as missing
from unnest($2::text[], $3::bigint[], $4::bigint[]) as acknowledged (chain, first, last)
cross join lateral (
    select count(*) as pages
    from ocds.page
    where page.run_id = $1 and page.chain = acknowledged.chain
        and page.number between acknowledged.first and acknowledged.last
) as stored
