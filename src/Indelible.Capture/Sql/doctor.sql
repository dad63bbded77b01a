-- The session and the settings that bear on capture.
SELECT pg_backend_pid(), clock_timestamp(), coalesce((SELECT s.ssl FROM pg_stat_ssl s WHERE s.pid = pg_backend_pid()), false), inet_server_addr() IS NULL,
       current_setting('max_slot_wal_keep_size'), (SELECT setting::int8 FROM pg_settings WHERE name = 'max_slot_wal_keep_size'),
       (SELECT count(*) FROM pg_stat_replication)::int4, pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
       (SELECT count(*) FROM pg_prepared_xacts WHERE prepared < now() - interval '1 hour')::int4,
       (SELECT setting::int4 FROM pg_settings WHERE name = 'wal_sender_timeout'), (SELECT setting FROM pg_settings WHERE name = 'data_directory')
