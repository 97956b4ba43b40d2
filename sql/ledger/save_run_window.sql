-- Saves the time window of a run as $4 and $5, unless it has one already, and returns it.
-- Returns no row if the lease is lost.
update ocds.run
set window_from = coalesce(window_from, $4), window_until = coalesce(window_until, $5)
where id = $1 and epoch = $2 and taken_at = $3 and state = 'running'
returning window_from, window_until
