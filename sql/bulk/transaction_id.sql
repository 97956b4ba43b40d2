-- Reads the id of this transaction. If the reply to its commit is lost, the id serves to read
-- its status.
select pg_current_xact_id()::text
