-- The run ends; ending it so again is no error. $10: how many pages it has, if that was
-- looked at. No row: the lease is lost.
update ocds.run
set state = $4, end_seen = $5, error = $6, ended_at = now(), heartbeat_at = now(),
    requests = $7, retries = $8, bytes = $9, pages = $10
where id = $1 and epoch = $2 and taken_at = $3 and state in ('running', $4)
