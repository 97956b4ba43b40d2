-- A server can lose commits that it has answered: a standby that lagged is promoted, or
-- a backup is restored.
alter table ocds.run
    add column pages bigint,            -- how many a complete run had at its end; null: nobody looked
    add column verified_at timestamptz, -- when a later run looked whether they still were there
    -- Its connections go through a pooler, which closes backends of holders that live.
    add column is_pooled boolean not null default false,
    add column heartbeat_seconds double precision, -- how often its holder renews the lease
    add column server text;             -- the server that was told last, by the time it was started
