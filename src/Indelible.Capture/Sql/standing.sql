-- How far the log is, and the slot reading it. $1 slot.
SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END)::text, s.confirmed_flush_lsn::text, s.wal_status
FROM (SELECT 1) AS one LEFT JOIN pg_replication_slots AS s ON s.slot_name = $1
