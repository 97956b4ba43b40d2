-- Which server this is, and since when: one that was started again, or takes over for
-- another, shows another time.
select extract(epoch from pg_postmaster_start_time())::text as server
