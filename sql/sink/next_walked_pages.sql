-- Reads the keys of the next pages of a walk behind the page $2, $3.
select chain, number, keys
from ocds.walked_page
where run_id = $1 and (chain, number) > ($2, $3)
order by chain, number
limit 1000
