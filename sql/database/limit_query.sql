-- Limits the time of a query, for this transaction only. The server replies to a commit only
-- after the commit is on disk; a stricter setting of the session stays.
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
