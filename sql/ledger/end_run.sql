-- Ends the run. Ending it again in the same way is no error. $10 is the number of its pages, if
-- they were counted. Returns no row if the lease is lost.
update ocds.run
set state = $4, end_seen = $5, error = $6, ended_at = now(), heartbeat_at = now(),
    requests = $7, retries = $8, bytes = $9, pages = $10
where id = $1 and epoch = $2 and taken_at = $3 and state in ('running', $4)
