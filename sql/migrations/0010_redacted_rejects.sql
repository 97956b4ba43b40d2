-- Whether the document shows what its source was sent, and so has placeholders in the
-- place of secrets. Its bytes are not those that were served, and no replay reads them.
alter table ocds.quarantine
    add column is_redacted boolean not null default false;
