-- The commit's right to write: held until it ends, so that a takeover waits.
select from ocds.run where id = $1 and epoch = $2 and state = 'running' for key share
