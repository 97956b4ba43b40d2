-- The run of a source that ended last, of whatever kind: a commit of it that nobody
-- hears of any more may still be under way, and is waited for. Those of runs before it
-- were waited for when it began.
select from ocds.run
where id = (
    select id from ocds.run
    where source = $1 and state <> 'running'
    order by ended_at desc
    limit 1
)
for update
