-- The key is led by ocid, and so serves lookups by ocid too: every insertion is
-- spared an index. While it is built releases can be read and not written; a
-- foreign key of somebody else's on the old key has to be dropped first.
create unique index release_key on ocds.release (ocid, release_id, source);
alter table ocds.release
    drop constraint release_pkey,
    add constraint release_pkey primary key using index release_key;
drop index if exists ocds.release_ocid_idx;
