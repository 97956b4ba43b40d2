-- How many pages of a run are not there, though the server said that they were committed:
-- those of the chains $2 with numbers from $3 to $4.
select (sum(acknowledged.last - acknowledged.first + 1) - sum(stored.pages))::bigint as missing
from unnest($2::text[], $3::bigint[], $4::bigint[]) as acknowledged (chain, first, last)
cross join lateral (
    select count(*) as pages
    from ocds.page
    where page.run_id = $1 and page.chain = acknowledged.chain
        and page.number between acknowledged.first and acknowledged.last
) as stored
