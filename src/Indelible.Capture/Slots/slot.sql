-- $1: slot. Its state; no row if it does not exist. wal_status is 'lost' once WAL it needs is gone.
SELECT s.plugin::text, s.database::text, s.active_pid, s.confirmed_flush_lsn::text, s.wal_status, s.database = current_database() AS here
FROM pg_catalog.pg_replication_slots s
WHERE s.slot_name = $1
