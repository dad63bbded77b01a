-- Every session as it logged in, the moment of asking, and the end of the log. Rows of others need pg_read_all_stats.
SELECT pid, backend_start, usename::text, clock_timestamp(), pg_current_wal_flush_lsn()::text FROM pg_stat_activity
WHERE backend_start IS NOT NULL AND usename IS NOT NULL
