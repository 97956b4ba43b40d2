-- For this transaction only, so that a pooled connection keeps no state. Rows are
-- found by an index, key by key: of a table of up to some ten thousand rows the
-- planner would rather read all, anew for each statement. A plan that has to read
-- all still costs so much then that it would be compiled, for half a second. A commit is
-- on disk before it is answered; a session that asks for more than that gets it.
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
