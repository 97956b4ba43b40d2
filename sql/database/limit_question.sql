-- For this transaction only: how long a question may be worked on, and that what it writes
-- is on disk before it is answered; a session that asks for more than that gets it.
select
    set_config('statement_timeout', $1, true),
    set_config(
        'synchronous_commit',
        case
            when current_setting('synchronous_commit') in ('off', 'local') then 'on'
            else current_setting('synchronous_commit')
        end,
        true
    )
