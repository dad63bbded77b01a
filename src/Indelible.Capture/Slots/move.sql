-- Writes a megabyte that says nothing, and tells where the log ends after it.
SELECT pg_current_wal_insert_lsn() FROM (SELECT pg_logical_emit_message(false, 'indelible.move', repeat(' ', 1048576)) OFFSET 0) moved
