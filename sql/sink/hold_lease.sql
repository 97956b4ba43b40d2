-- The commit's right to write: held until it ends, so that a takeover waits. The time of
-- the claim tells it from another one of the same epoch, which a server gives that has
-- lost the first.
select from ocds.run
where id = $1 and epoch = $2 and taken_at = $3 and state = 'running'
for key share
