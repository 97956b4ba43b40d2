-- What a run remembers of a position that it cannot get past. A run that is resumed asks for the
-- same page first, and a publisher may answer that request in the same way for ever.

alter table ocds.run
    add column refused_answer text,     -- the answer to the first request of the last process; null: it was read
    add column refused_since timestamptz, -- when that answer came first
    add column refused_at timestamptz,  -- when it came last
    add column refused_days integer,    -- on how many days it came
    -- The run ended before the end of its feed, and the next one begins at the beginning.
    add column is_given_up boolean not null default false;

-- The rejects of whole pages, which are resolved once the page is read.
drop index ocds.quarantine_unreadable_idx;
create index quarantine_unreadable_idx on ocds.quarantine (source, page_number)
    where reason in ('unreadable-page', 'refused-page') and resolved_at is null;
