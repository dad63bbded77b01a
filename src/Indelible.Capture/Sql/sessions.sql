-- Every session as it logged in, and the moment of asking. Rows of others need pg_read_all_stats.
SELECT pid, backend_start, usename::text, clock_timestamp() FROM pg_stat_activity
WHERE backend_start IS NOT NULL AND usename IS NOT NULL
