-- Counts the runs of source $1 that were given up since the last run that has seen the end of the
-- feed, and says how many days ago the last of them ended.
select count(*) as runs, extract(epoch from now() - max(ended_at))::double precision / 86400 as days
from ocds.run
where source = $1 and is_given_up and kind in ('incremental', 'backfill')
    and id > coalesce(
        (
            select max(id) from ocds.run
            where source = $1 and kind in ('incremental', 'backfill')
                and (state = 'complete' or end_seen and not is_given_up)
        ),
        0
    )
