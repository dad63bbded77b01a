-- What capture must know of the server: version, the walsender's patience in milliseconds (0: endless), and whether it is a standby.
SELECT current_setting('server_version_num')::int, (SELECT setting::int FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout'), pg_is_in_recovery()
