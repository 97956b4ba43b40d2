-- The run ends; ending it so again is no error. No row: the lease is lost.
update ocds.run
set state = $3, end_seen = $4, error = $5, ended_at = now(), heartbeat_at = now(),
    requests = $6, retries = $7, bytes = $8
where id = $1 and epoch = $2 and state in ('running', $3)
