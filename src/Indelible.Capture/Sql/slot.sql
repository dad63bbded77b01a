-- A replication slot. $1 name.
SELECT plugin::text, database::text, active, active_pid, wal_status, confirmed_flush_lsn::text,
       pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::int8, safe_wal_size
FROM pg_replication_slots WHERE slot_name = $1
