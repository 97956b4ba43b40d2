-- The ended runs of a source, of whatever kind: a commit of one that nobody hears of any
-- more may still be under way, and is waited for. Which of them ended last is no clock's
-- to say.
select from ocds.run
where source = $1 and state <> 'running'
order by id
for update
