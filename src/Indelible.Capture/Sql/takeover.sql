-- Gives schema indelible and what is in it to the current role.
DO $body$
DECLARE
    thing pg_catalog.text;
BEGIN
    FOR thing IN
        SELECT pg_catalog.format('FUNCTION %s', p.oid::pg_catalog.regprocedure) FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'indelible'::pg_catalog.regnamespace
        UNION ALL
        SELECT pg_catalog.format('TABLE %s', c.oid::pg_catalog.regclass) FROM pg_catalog.pg_class c WHERE c.relnamespace = 'indelible'::pg_catalog.regnamespace AND c.relkind = 'r'
        UNION ALL
        SELECT 'SCHEMA indelible'
    LOOP
        EXECUTE pg_catalog.format('ALTER %s OWNER TO CURRENT_USER', thing);
    END LOOP;
END
$body$;
