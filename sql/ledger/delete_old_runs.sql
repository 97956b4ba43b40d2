-- Deletes ended runs of a source and their pages, except the $2 newest. It also keeps the runs
-- that the next run can resume, and the newest complete incremental run, which the next one
-- compares its pages with. Runs that only compile have no pages, and are not counted.
delete from ocds.run
where source = $1 and state <> 'running'
    and id < (
        select coalesce(min(kept.id), 9223372036854775807)
        from (
            select id from ocds.run where source = $1 and kind <> 'compile' order by id desc limit $2
        ) as kept
    )
    and not (
        state <> 'complete' and not end_seen
        and id in (
            select max(id) from ocds.run where source = $1 group by kind, from_page, to_page
        )
    )
    and id is distinct from (
        select max(id) from ocds.run
        where source = $1 and kind = 'incremental' and state = 'complete'
    )
