-- To load files is a run too.
alter table ocds.run
    drop constraint run_kind_check,
    add constraint run_kind_check
        check (kind in ('incremental', 'backfill', 'load', 'replay', 'purge'));
