-- How far the log is, and the slot reading it. $1 slot.
SELECT pg_current_wal_flush_lsn()::text, s.confirmed_flush_lsn::text, s.wal_status
FROM (SELECT 1) AS one LEFT JOIN pg_replication_slots AS s ON s.slot_name = $1
