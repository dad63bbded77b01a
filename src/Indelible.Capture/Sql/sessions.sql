-- Sessions that began after a moment, as they logged in. Rows of others need pg_read_all_stats. $1 moment.
SELECT pid, backend_start, usename::text FROM pg_stat_activity
WHERE backend_type = 'client backend' AND usename IS NOT NULL AND backend_start > $1
