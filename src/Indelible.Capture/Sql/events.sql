-- Event triggers that report DDL on protected relations in the source's log. Creating them needs a superuser.
CREATE OR REPLACE FUNCTION indelible.emit_ddl(event text, tag text, oid pg_catalog.oid, root pg_catalog.oid, schema text, name text)
RETURNS pg_catalog.void LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $body$
    SELECT pg_logical_emit_message(true, 'indelible.ddl', sha256(s.outer_pad || sha256(s.inner_pad || m.body)) || m.body)
    FROM indelible.source s, LATERAL (SELECT convert_to(json_build_object(
        'xid', pg_current_xact_id()::xid::text::int8,
        'user', session_user, 'role', current_setting('role'), 'app', current_setting('application_name'),
        'addr', coalesce(host(inet_client_addr()), ''), 'pid', pg_backend_pid(),
        'op', nullif(left(current_setting('indelible.operator', true), 8192), ''),
        'event', $1, 'tag', $2, 'statement', left(current_query(), 65536),
        'oid', $3::int8, 'root', $4::int8, 'schema', $5, 'name', $6,
        'kind', (SELECT c.relkind FROM pg_class c WHERE c.oid = $3),
        'identity', (SELECT c.relreplident FROM pg_class c WHERE c.oid = $3),
        'columns', coalesce((
            SELECT json_agg(json_build_object('number', a.attnum, 'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)
            FROM pg_attribute a WHERE a.attrelid = $3 AND a.attnum > 0 AND NOT a.attisdropped), '[]'::json))::text, 'UTF8') AS body) m;
    SELECT NULL::void;
$body$;
REVOKE ALL ON FUNCTION indelible.emit_ddl(text, text, pg_catalog.oid, pg_catalog.oid, text, text) FROM PUBLIC;
-- ;;
CREATE OR REPLACE FUNCTION indelible.on_ddl()
RETURNS pg_catalog.event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    command record;
    touched record;
    relations pg_catalog.oid[];
BEGIN
    FOR command IN SELECT c.classid, c.objid, c.command_tag, c.object_identity FROM pg_event_trigger_ddl_commands() c LOOP
        -- pg_publication_namespace: from 15 on.
        IF command.classid IN ('pg_publication'::regclass, 'pg_publication_rel'::regclass, to_regclass('pg_catalog.pg_publication_namespace')) THEN
            PERFORM indelible.emit_ddl('ddl_command_end', command.command_tag, 0, 0, '', command.object_identity);
        END IF;
        -- New members first, so that no row of theirs is written without identity and trigger.
        IF command.classid = 'pg_class'::regclass THEN
            PERFORM indelible.adopt(m.relid, r.root)
            FROM (SELECT DISTINCT r.root FROM indelible.relation r WHERE r.oid = ANY (ARRAY[command.objid, pg_partition_root(command.objid)])) r,
                 LATERAL pg_partition_tree(r.root) m
            WHERE NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = m.relid AND t.tgname = 'zz_indelible');
        END IF;
        relations := CASE command.classid
            WHEN 'pg_class'::regclass THEN ARRAY[command.objid]
            WHEN 'pg_trigger'::regclass THEN ARRAY(SELECT t.tgrelid FROM pg_trigger t WHERE t.oid = command.objid)
            WHEN 'pg_type'::regclass THEN ARRAY(
                SELECT a.attrelid FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
                WHERE a.attnum > 0 AND NOT a.attisdropped AND command.objid IN (t.oid, t.typelem, t.typbasetype))
            END;
        FOR touched IN
            SELECT r.oid, r.root, n.nspname, c.relname
            FROM indelible.relation r JOIN pg_class c ON c.oid = r.oid JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE r.oid = ANY (relations)
        LOOP
            PERFORM indelible.emit_ddl('ddl_command_end', command.command_tag, touched.oid, touched.root, touched.nspname, touched.relname);
        END LOOP;
    END LOOP;
END
$body$;
REVOKE ALL ON FUNCTION indelible.on_ddl() FROM PUBLIC;
-- ;;
CREATE OR REPLACE FUNCTION indelible.on_rewrite()
RETURNS pg_catalog.event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    PERFORM indelible.emit_ddl('table_rewrite', tg_tag, r.oid, r.root, n.nspname, c.relname)
    FROM indelible.relation r JOIN pg_class c ON c.oid = r.oid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE r.oid = pg_event_trigger_table_rewrite_oid();
END
$body$;
REVOKE ALL ON FUNCTION indelible.on_rewrite() FROM PUBLIC;
-- ;;
CREATE OR REPLACE FUNCTION indelible.on_drop()
RETURNS pg_catalog.event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    -- Indelible itself is being removed.
    IF to_regclass('indelible.relation') IS NULL OR to_regclass('indelible.source') IS NULL THEN
        RETURN;
    END IF;
    PERFORM indelible.emit_ddl('sql_drop', tg_tag, r.oid, r.root, coalesce(d.schema_name, ''), coalesce(d.address_names[2], d.object_identity))
    FROM pg_event_trigger_dropped_objects() d JOIN indelible.relation r ON r.oid = d.objid
    WHERE d.classid = 'pg_class'::regclass;
    PERFORM indelible.emit_ddl('sql_drop', tg_tag, r.oid, r.root, d.address_names[1], d.address_names[2])
    FROM pg_event_trigger_dropped_objects() d
    JOIN indelible.relation r ON r.oid = to_regclass(format('%I.%I', d.address_names[1], d.address_names[2]))
    WHERE d.object_type = 'trigger' AND d.address_names[3] = 'zz_indelible';
    PERFORM indelible.emit_ddl('sql_drop', tg_tag, 0, 0, '', d.object_identity)
    FROM pg_event_trigger_dropped_objects() d
    WHERE d.classid IN ('pg_publication'::regclass, 'pg_publication_rel'::regclass, to_regclass('pg_catalog.pg_publication_namespace'));
    DELETE FROM indelible.relation r USING pg_event_trigger_dropped_objects() d
    WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0 AND d.objid = r.oid;
END
$body$;
REVOKE ALL ON FUNCTION indelible.on_drop() FROM PUBLIC;
-- ;;
DROP EVENT TRIGGER IF EXISTS indelible_ddl;
CREATE EVENT TRIGGER indelible_ddl ON ddl_command_end EXECUTE FUNCTION indelible.on_ddl();
ALTER EVENT TRIGGER indelible_ddl ENABLE ALWAYS;
-- ;;
DROP EVENT TRIGGER IF EXISTS indelible_rewrite;
CREATE EVENT TRIGGER indelible_rewrite ON table_rewrite EXECUTE FUNCTION indelible.on_rewrite();
ALTER EVENT TRIGGER indelible_rewrite ENABLE ALWAYS;
-- ;;
DROP EVENT TRIGGER IF EXISTS indelible_drop;
CREATE EVENT TRIGGER indelible_drop ON sql_drop EXECUTE FUNCTION indelible.on_drop();
ALTER EVENT TRIGGER indelible_drop ENABLE ALWAYS;
