-- The capture role. $1 name.
SELECT r.rolsuper, r.rolcanlogin, r.rolreplication, r.rolbypassrls, pg_has_role(r.oid, 'pg_read_all_stats', 'USAGE'),
       has_database_privilege(r.oid, current_database(), 'CONNECT')
FROM pg_roles r WHERE r.rolname = $1
