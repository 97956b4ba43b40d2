-- Locks a run before it is taken over. This waits for its commits, and blocks later ones.
select from ocds.run where id = $1 for update
