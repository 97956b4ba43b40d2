-- Ends the run of a dead holder if the new run does not resume it.
update ocds.run
set state = 'truncated', epoch = epoch + 1, ended_at = now(), error = 'its process died'
where id = $1
