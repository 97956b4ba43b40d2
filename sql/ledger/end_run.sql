-- Ends the run. Ending it again in the same way is no error. $10 is the number of its pages, if
-- they were counted. $11 is the publisher's answer for the page that the run cannot get past; the
-- days on which the same answer came are counted. Without an answer, what was counted is kept,
-- unless this process made a page durable ($13). Returns no row if the lease is lost.
update ocds.run
set state = $4, end_seen = $5, error = $6, ended_at = now(), heartbeat_at = now(),
    requests = $7, retries = $8, bytes = $9, pages = $10, is_given_up = $12,
    refused_answer = case when $11::text is not null then $11::text when not $13 then refused_answer end,
    refused_since = case
        when $11::text is not null and refused_answer is distinct from $11::text then now()
        when $11::text is not null or not $13 then refused_since
    end,
    refused_days = case
        when $11::text is null then case when not $13 then refused_days end
        when refused_answer is distinct from $11::text then 1
        when (refused_at at time zone 'UTC')::date < (now() at time zone 'UTC')::date then refused_days + 1
        else refused_days
    end,
    refused_at = case when $11::text is not null then now() when not $13 then refused_at end
where id = $1 and epoch = $2 and taken_at = $3 and state in ('running', $4)
