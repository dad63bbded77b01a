-- $1: a position, $2: bytes. Writes a message that only moves the log on, if the log is more than that many bytes beyond the position.
SELECT CASE WHEN pg_current_wal_lsn() - $1::pg_lsn > $2 THEN pg_logical_emit_message(true, 'indelible.heartbeat', '') IS NOT NULL ELSE false END
