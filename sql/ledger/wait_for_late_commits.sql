-- Locks all ended runs of a source. This waits for a late commit of one of them. It locks all of
-- them, because no clock tells reliably which one ended last.
select from ocds.run
where source = $1 and state <> 'running'
order by id
for update
