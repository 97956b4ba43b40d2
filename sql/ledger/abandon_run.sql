-- A dead holder's run that nobody asked to go on.
update ocds.run
set state = 'truncated', epoch = epoch + 1, ended_at = now(), error = 'its process died'
where id = $1
