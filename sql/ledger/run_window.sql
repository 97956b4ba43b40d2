-- The stretch of time of a run; $3 and $4 if it has none yet. No row: the lease is lost.
update ocds.run
set window_from = coalesce(window_from, $3), window_until = coalesce(window_until, $4)
where id = $1 and epoch = $2 and state = 'running'
returning window_from, window_until
