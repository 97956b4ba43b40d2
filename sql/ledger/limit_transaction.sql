-- Changes settings for this transaction only. It limits the time of statements, of waits for
-- locks, and of idle periods, because other processes wait for its locks. The server replies to
-- a commit only after the commit is on disk; a stricter setting of the session stays. The
-- planner is free, because it knows how many rows a resumed run has.
select
    set_config('statement_timeout', $1, true),
    set_config('lock_timeout', $2, true),
    set_config('idle_in_transaction_session_timeout', $3, true),
    set_config(
        'synchronous_commit',
        case
            when current_setting('synchronous_commit') in ('off', 'local') then 'on'
            else current_setting('synchronous_commit')
        end,
        true
    )
