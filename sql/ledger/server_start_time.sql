-- Reads the start time of the server, which identifies it. A restarted server has another one,
-- and so does a server that takes over.
select extract(epoch from pg_postmaster_start_time())::text as server
