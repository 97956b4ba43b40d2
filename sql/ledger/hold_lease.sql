-- Locks the lease until the commit ends, so that a takeover waits. The time of the claim is part
-- of the key, because a server that has lost a claim gives the same epoch again.
select from ocds.run
where id = $1 and epoch = $2 and taken_at = $3 and state = 'running'
for key share
