-- A takeover waits for the commits of the one it takes over from, and then
-- refuses later ones.
select from ocds.run where id = $1 for update
