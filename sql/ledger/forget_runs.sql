-- Ended runs beyond the $2 newest of a source go, with their pages; not those that
-- the next run, asked for the same, would go on with, nor the newest that walked all of
-- the feed, by which is known what was.
delete from ocds.run
where source = $1 and state <> 'running'
    and id < (
        select coalesce(min(kept.id), 9223372036854775807)
        from (
            select id from ocds.run where source = $1 order by id desc limit $2
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
