-- Pages of run $1 are missing, so it is complete no more. An incremental run is not
-- resumed, since the watermark goes back for it; any other is resumed behind its first gap
-- when it is asked for again.
update ocds.run
set verified_at = now(), error = $2, state = 'truncated', end_seen = kind = 'incremental'
where id = $1
