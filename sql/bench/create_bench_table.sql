-- Creates the table that the benchmark writes. It has the columns, indexes and compression of
-- ocds.release.
create schema ocds_ingest_bench;
create table ocds_ingest_bench.release (like ocds.release including all);
