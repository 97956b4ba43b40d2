-- Reads the cursor of page $2 from the newest run of a source that reached that page.
select page.cursor
from ocds.page
join ocds.run on run.id = page.run_id
where run.source = $1 and run.definition = $3 and page.chain = '' and page.number = $2
order by page.run_id desc
limit 1
