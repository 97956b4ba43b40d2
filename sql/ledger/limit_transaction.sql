-- For this transaction only: how long it may work, wait for a lock, and sit idle, since
-- others wait for its locks, and that its commit is on disk before it is answered; a
-- session that asks for more than that gets it. How rows are found is left to the planner,
-- which knows how many a resumed run has.
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
