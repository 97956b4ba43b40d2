-- Counts the pages of run $1 on which something may have been whose key is unknown, and its keys.
select
    count(*) filter (where walked_page.is_whole is not true) as unknown_pages,
    coalesce(sum(octet_length(walked_page.keys)) / 8, 0)::bigint as keys
from ocds.page
left join ocds.walked_page using (run_id, chain, number)
where page.run_id = $1
