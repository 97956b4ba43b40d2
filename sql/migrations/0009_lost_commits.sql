-- A server can lose commits that it has answered: a standby that lagged is promoted, or
-- a backup is restored.
alter table ocds.run
    add column pages bigint,            -- how many were there when it ended; null: nobody looked
    add column verified_at timestamptz, -- when a later run saw that they still were
    -- Its connections go through a pooler, which closes backends of holders that live.
    add column is_pooled boolean not null default false;
