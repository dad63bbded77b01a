-- What Indelible keeps inside a source. Every name is qualified: the functions run with their owner's rights and whatever search_path the session has.
CREATE SCHEMA IF NOT EXISTS indelible;
GRANT USAGE ON SCHEMA indelible TO PUBLIC;
-- ;;
-- One row: which source this is, and the attribution secret as the two pads of HMAC-SHA256 (RFC 2104). Readable by its owner only.
CREATE TABLE IF NOT EXISTS indelible.source (
    single       pg_catalog.bool  PRIMARY KEY DEFAULT true CHECK (single),
    name         pg_catalog.text  NOT NULL,
    publication  pg_catalog.text  NOT NULL,
    slot         pg_catalog.text  NOT NULL,
    role         pg_catalog.text  NOT NULL,
    role_created pg_catalog.bool  NOT NULL DEFAULT false,
    inner_pad    pg_catalog.bytea NOT NULL,
    outer_pad    pg_catalog.bytea NOT NULL
);
-- Name of the setting that is the trigger's memory. Whoever does not know it can neither read nor write it: PostgreSQL lists no such setting.
ALTER TABLE indelible.source ADD COLUMN IF NOT EXISTS memory pg_catalog.text NOT NULL
    GENERATED ALWAYS AS ('indelible.m' || pg_catalog.encode(pg_catalog.sha256(inner_pad || outer_pad), 'hex')) STORED;
REVOKE ALL ON TABLE indelible.source FROM PUBLIC;
-- ;;
-- Protected relations (roots, partitions), and what protection changed, so that it can be undone.
CREATE TABLE IF NOT EXISTS indelible.relation (
    oid             pg_catalog.oid    PRIMARY KEY,
    root            pg_catalog.oid    NOT NULL,
    identity_before pg_catalog."char" NOT NULL,
    index_before    pg_catalog.text,
    select_granted  pg_catalog.bool   NOT NULL DEFAULT false
);
REVOKE ALL ON TABLE indelible.relation FROM PUBLIC;
-- ;;
-- Names the operator of the running transaction; NULL un-names. Sets a transaction-local setting and writes nothing: it works in read-only transactions.
CREATE OR REPLACE FUNCTION indelible.operator(id text, reason text DEFAULT NULL, proof text DEFAULT NULL)
RETURNS pg_catalog.void LANGUAGE sql VOLATILE AS $body$
    SELECT pg_catalog.set_config('indelible.operator',
        CASE WHEN $1 IS NULL THEN '' ELSE pg_catalog.concat(
            pg_catalog.replace($1, pg_catalog.chr(31), ' '), pg_catalog.chr(31),
            pg_catalog.replace($2, pg_catalog.chr(31), ' '), pg_catalog.chr(31),
            pg_catalog.replace($3, pg_catalog.chr(31), ' ')) END,
        true);
    SELECT NULL::pg_catalog.void;
$body$;
GRANT EXECUTE ON FUNCTION indelible.operator(text, text, text) TO PUBLIC;
-- ;;
-- The attribution trigger. Payload: docs/format.md#attribution. Its only memory is a transaction-local setting that holds what was last emitted,
-- transaction id included: it goes with a rolled-back savepoint, exactly as the message does. The setting's name is secret: a session that could
-- write it could silence the trigger, and its rows would be nobody's. Few expressions: PL/pgSQL sets each up anew in each transaction (docs/performance.md).
CREATE OR REPLACE FUNCTION indelible.attribute()
RETURNS pg_catalog.trigger LANGUAGE plpgsql SECURITY DEFINER AS $body$
DECLARE
    facts     pg_catalog.text := pg_catalog.format('%L,%L,%L,%L,%L,%L,%L',
        pg_catalog.pg_current_xact_id(),
        session_user,
        pg_catalog.current_setting('role'),
        pg_catalog.current_setting('application_name'),
        pg_catalog.inet_client_addr(),
        pg_catalog.pg_backend_pid(),
        pg_catalog."left"(COALESCE(pg_catalog.current_setting('indelible.operator', true), ''), 8192));
    memory    pg_catalog.text;
    inner_pad pg_catalog.bytea;
    outer_pad pg_catalog.bytea;
    body      pg_catalog.bytea;
    emitted   pg_catalog.pg_lsn;
BEGIN
    SELECT s.memory, s.inner_pad, s.outer_pad INTO memory, inner_pad, outer_pad FROM indelible.source s;
    IF memory IS NULL OR pg_catalog.texteq(facts, pg_catalog.current_setting(memory, true)) THEN
        RETURN NULL;
    END IF;
    body := pg_catalog.convert_to(pg_catalog.concat(pg_catalog.pg_current_wal_insert_lsn(), pg_catalog.set_config(memory, facts, true)), 'UTF8');
    emitted := pg_catalog.pg_logical_emit_message(true, 'indelible', pg_catalog.byteacat(
        pg_catalog.sha256(pg_catalog.byteacat(outer_pad, pg_catalog.sha256(pg_catalog.byteacat(inner_pad, body)))), body));
    RETURN NULL;
END
$body$;
REVOKE ALL ON FUNCTION indelible.attribute() FROM PUBLIC;
-- ;;
-- Gives a new member of a protected tree (a new or attached partition) full identity and the attribution trigger. Does nothing to one that has the trigger.
CREATE OR REPLACE FUNCTION indelible.adopt(member pg_catalog.oid, root pg_catalog.oid)
RETURNS pg_catalog.void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    name text := member::regclass::text;
BEGIN
    INSERT INTO indelible.relation AS r (oid, root, identity_before, index_before)
    SELECT c.oid, adopt.root, c.relreplident, (SELECT x.indexrelid::regclass::text FROM pg_index x WHERE x.indrelid = c.oid AND x.indisreplident)
    FROM pg_class c WHERE c.oid = member
    ON CONFLICT (oid) DO UPDATE SET root = EXCLUDED.root WHERE r.root <> EXCLUDED.root;
    IF EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = member AND t.tgname = 'zz_indelible') THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TRIGGER zz_indelible BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION indelible.attribute()', name);
    -- Identity first: each of these is reported, with the identity it leaves the table with.
    EXECUTE format('ALTER TABLE ONLY %s REPLICA IDENTITY FULL', name);
    EXECUTE format('ALTER TABLE ONLY %s ENABLE ALWAYS TRIGGER zz_indelible', name);
END
$body$;
REVOKE ALL ON FUNCTION indelible.adopt(pg_catalog.oid, pg_catalog.oid) FROM PUBLIC;
