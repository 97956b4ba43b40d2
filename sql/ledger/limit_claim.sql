-- The time limits of a claim: whoever comes next waits for its locks, even if nobody is
-- there any more to go on with it.
select
    set_config('lock_timeout', '2s', true),
    set_config('statement_timeout', $1, true),
    set_config('idle_in_transaction_session_timeout', $2, true)
