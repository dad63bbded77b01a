-- What capture must know of the server: version, and the walsender's patience in milliseconds (0: endless).
SELECT current_setting('server_version_num')::int, (SELECT setting::int FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout')
