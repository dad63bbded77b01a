-- Who we are and what the server is like.
SELECT current_setting('server_version_num')::int4, current_setting('wal_level'), current_setting('server_encoding'), current_database()::text,
       current_user::text, r.rolsuper, r.rolcreaterole, r.rolreplication, r.rolbypassrls,
       has_database_privilege(current_database(), 'CREATE'), pg_is_in_recovery(),
       (SELECT system_identifier FROM pg_control_system())::text,
       current_setting('max_replication_slots')::int4, (SELECT count(*) FROM pg_replication_slots)::int4, current_setting('max_wal_senders')::int4,
       (SELECT pg_has_role(n.nspowner, 'USAGE') FROM pg_namespace n WHERE n.nspname = 'indelible'),
       to_regclass('indelible.source') IS NOT NULL,
       (SELECT count(*) FROM pg_event_trigger e
        WHERE e.evtenabled = 'A' AND e.evttags IS NULL AND (e.evtname, e.evtevent, e.evtfoid::oid) IN (
            ('indelible_ddl', 'ddl_command_end', to_regproc('indelible.on_ddl')::oid), ('indelible_rewrite', 'table_rewrite', to_regproc('indelible.on_rewrite')::oid),
            ('indelible_drop', 'sql_drop', to_regproc('indelible.on_drop')::oid)))::int4,
       (SELECT pg_get_userbyid(d.datdba)::text FROM pg_database d WHERE d.datname = current_database()),
       (SELECT o.rolname::text FROM pg_namespace n JOIN pg_roles o ON o.oid = n.nspowner WHERE n.nspname = 'indelible'),
       coalesce((SELECT o.rolsuper FROM pg_namespace n JOIN pg_roles o ON o.oid = n.nspowner WHERE n.nspname = 'indelible'), false)
FROM pg_roles r WHERE r.rolname = current_user
