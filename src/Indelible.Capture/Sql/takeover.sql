-- Gives schema indelible and what is in it to the current role. Triggers and rules on its tables are none of ours, and would run with that role's rights: they go.
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
    FOR thing IN
        SELECT pg_catalog.format('TRIGGER %I ON %s', t.tgname, t.tgrelid::pg_catalog.regclass) FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'indelible'::pg_catalog.regnamespace AND NOT t.tgisinternal
        UNION ALL
        SELECT pg_catalog.format('RULE %I ON %s', r.rulename, r.ev_class::pg_catalog.regclass) FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
        WHERE c.relnamespace = 'indelible'::pg_catalog.regnamespace AND c.relkind = 'r'
    LOOP
        EXECUTE pg_catalog.format('DROP %s', thing);
    END LOOP;
END
$body$;
