-- Marks run $1 as truncated, because pages of it are missing. An incremental run is not resumed,
-- because the watermark is set back instead. Any other run is resumed after its first gap when
-- it is started again.
update ocds.run
set verified_at = now(), error = $2, state = 'truncated', end_seen = kind = 'incremental'
where id = $1
