-- Changes settings for this transaction only, because a pooled connection must keep no state.
-- The planner must find rows by an index, key by key: in a table of up to about ten thousand
-- rows it would read all rows in each statement. If a plan must read all rows after all, its
-- cost is so high that JIT would compile it, for half a second, so JIT is off. The server
-- replies to a commit only after the commit is on disk; a stricter setting of the session stays.
select
    set_config('statement_timeout', $1, true),
    set_config('lock_timeout', $2, true),
    set_config('idle_in_transaction_session_timeout', $3, true),
    set_config('enable_seqscan', 'off', true),
    set_config('enable_hashjoin', 'off', true),
    set_config('enable_mergejoin', 'off', true),
    set_config('jit', 'off', true),
    set_config(
        'synchronous_commit',
        case
            when current_setting('synchronous_commit') in ('off', 'local') then 'on'
            else current_setting('synchronous_commit')
        end,
        true
    )
