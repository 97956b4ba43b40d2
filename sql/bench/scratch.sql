-- Tables to measure with, as the real one is: its columns, indexes and compression.
create schema ocds_ingest_bench;
create table ocds_ingest_bench.release (like ocds.release including all);
