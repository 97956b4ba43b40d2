-- Reads the newest ended run of a source with the same kind and range.
select id, state, definition, end_seen
from ocds.run
where source = $1 and kind = $2 and state <> 'running'
    and from_page is not distinct from $3 and to_page is not distinct from $4
order by id desc
limit 1
for update
