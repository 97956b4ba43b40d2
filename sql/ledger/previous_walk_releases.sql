-- Counts the releases that the previous complete walk of a feed saw. $3 is the scope with which its
-- definition begins. Returns no row if there was no such walk, and null if its pages are gone.
select (select sum(releases) from ocds.page where page.run_id = run.id)::bigint as releases
from ocds.run
where source = $1 and id < $2 and kind = 'incremental' and state = 'complete' and end_seen
    and left(definition, length($3)) = $3
order by id desc
limit 1
