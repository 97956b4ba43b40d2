-- Pages of run $1 are missing. An incremental run is not gone on with, since the watermark
-- goes back for it; any other goes on behind its first gap when it is asked for again.
update ocds.run
set verified_at = now(), error = $2,
    state = case when kind = 'incremental' then state else 'truncated' end,
    end_seen = kind = 'incremental'
where id = $1
