-- What to ask for by when the reply to a commit is lost.
select pg_current_xact_id()::text
