-- The current state of processes is about to have tables of its own. What publishers serve as
-- compiled is one source of it, and the views over single releases are for those who want history.

alter table ocds.compiled_release rename to publisher_compiled;
alter index ocds.compiled_release_pkey rename to publisher_compiled_pkey;
alter index ocds.compiled_release_unread_idx rename to publisher_compiled_unread_idx;

-- A view that is renamed keeps what depends on it.
alter view ocds.award rename to release_award;
alter view ocds.contract rename to release_contract;
alter view ocds.party rename to release_party;
alter view ocds.item rename to release_item;
