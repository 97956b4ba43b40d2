-- For this transaction only, so that a pooled connection keeps no state.
select
    set_config('statement_timeout', $1, true),
    set_config('lock_timeout', $2, true),
    set_config('idle_in_transaction_session_timeout', $3, true)
