-- What became of a transaction: in progress, committed or aborted; null if it is
-- too long ago to tell.
select pg_xact_status($1::text::xid8)
