-- Reads the status of a transaction: in progress, committed or aborted; null if it is too old.
select pg_xact_status($1::text::xid8)
