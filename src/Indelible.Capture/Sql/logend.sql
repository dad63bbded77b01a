-- End of the log as far as it is handed out: nothing committed by now lies beyond it, flushed or not.
SELECT pg_current_wal_insert_lsn()::text
