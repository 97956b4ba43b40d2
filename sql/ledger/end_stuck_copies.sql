-- Ends transactions of ours that have waited for the data of a COPY for $1 seconds. No time limit of
-- PostgreSQL applies to that wait: it is not idle, and a statement is not cancelled while it reads
-- from its client. So a process that was paused, or whose network is gone, would hold its locks for
-- ever. Sessions of other roles show no query, and stay; so do COPYs that others have written.
select pg_terminate_backend(pid)
from pg_stat_activity
where datname = current_database() and usename = current_user and pid <> pg_backend_pid()
    and state = 'active' and wait_event = 'ClientRead'
    and (query like 'copy "ocds".%' or query like 'copy pg_temp.%')
    and query_start < now() - make_interval(secs => $1)
