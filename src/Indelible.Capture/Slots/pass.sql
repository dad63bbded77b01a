-- $1: slot. Moves it to the end of the log without decoding rows.
SELECT pg_replication_slot_advance($1, pg_current_wal_flush_lsn())
