-- Finds the complete walk before run $2 of source $1, if its keys are kept: whether it had the same
-- definition, how many releases of the walk before it it did not meet, and whether another run has
-- stored releases between the two.
select previous.id, previous.started_at, previous.unserved, previous.definition = walk.definition as is_alike,
    exists (
        select from ocds.run as other
        where other.source = $1 and other.id > previous.id and other.id < $2
            and other.kind in ('incremental', 'backfill', 'replay')
    ) as has_others
from ocds.run as walk
join ocds.run as previous on previous.source = $1 and previous.id < $2
    and previous.state = 'complete' and previous.end_seen
where walk.id = $2
    and exists (select from ocds.walked_page where walked_page.run_id = previous.id)
order by previous.id desc
limit 1
