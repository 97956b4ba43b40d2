-- Notes how many releases of the walk before it a walk did not meet.
update ocds.run set unserved = $2 where id = $1
