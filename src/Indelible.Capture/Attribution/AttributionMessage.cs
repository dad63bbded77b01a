namespace Indelible.Capture.Attribution;

/// <summary>The format of what Indelible's triggers write into the source's log with <c>pg_logical_emit_message</c>.</summary>
/// <remarks>
/// <para><b>Attribution</b>, prefix <c>indelible</c>, transactional. Applies to every row after it in the same transaction, up to the next one.
/// The payload is UTF-8 text: lines <c>name=value</c>, each ended by LF (0x0A), in exactly this order, every line but the marked ones always present:</para>
/// <code>
/// xid=742                  the transaction's 32-bit id (top level, as in Begin), decimal
/// user=app                 session_user
/// role=none                current_setting('role'): 'none' when no SET ROLE is in force
/// app=psql                 application_name; empty if none
/// addr=10.0.0.7            client address without mask; empty for a Unix socket
/// pid=4711                 process id of the database session, decimal
/// op=alice␟ticket 12␟      (only if an operator was named) id, reason and proof joined by U+001F; trailing parts may be absent or empty
/// mac=9f86…                64 lowercase hex digits; the last line; no LF after it
/// </code>
/// <para>In a value, <c>%</c> stands as <c>%25</c> and LF as <c>%0A</c>; no other byte is escaped. A line that is repeated, unknown or out of order makes the message invalid.</para>
/// <para>The MAC is HMAC-SHA256(secret, all bytes of the payload before <c>mac=</c>), the LF before it included. A message is genuine only if the MAC
/// holds <i>and</i> <c>xid</c> is the id of the transaction that carries it; otherwise it gives no grade. The secret is 32 bytes, the source's attribution secret of the keyring.</para>
/// <para>The operator's text comes from the setting <c>indelible.operator</c>, which any session can set: it is a claim (grade asserted), never a fact.</para>
/// <para><b>DDL</b>, prefix <c>indelible.ddl</c>, transactional, one message per protected table touched by a statement (several may carry the same statement):
/// one line of JSON (no raw LF inside), LF, then <c>mac=</c> as above.</para>
/// <code>
/// {"xid": 742,             as above
///  "user": "dba", "role": "none", "app": "psql", "addr": "", "pid": 4711, "op": null,    as above; op null if none
///  "event": "ddl_command_end" | "table_rewrite" | "sql_drop",
///  "tag": "ALTER TABLE",   command tag
///  "statement": "ALTER…",  text of the client's statement; may hold protected values
///  "oid": 16400,           pg_class.oid of the relation touched
///  "root": 16390,          pg_class.oid of the protected root table; the same as oid if not a partition
///  "schema": "public", "name": "people_2024", "kind": "r",      relation's name now, pg_class.relkind
///  "identity": "f",        pg_class.relreplident; null for sql_drop
///  "columns": [{"number": 1, "name": "id", "type": "integer"}, …]}   every column not dropped, after the statement; empty for sql_drop
/// </code>
/// <para>A table_rewrite message (values rewritten in place) comes before the ddl_command_end message of the same statement.</para>
/// <para><b>Heartbeat</b>, prefix <c>indelible.heartbeat</c>: payload is empty; only moves the log on.</para>
/// </remarks>
internal static class AttributionMessage
{
    /// <summary>Prefix of messages that say who.</summary>
    public const string Prefix = "indelible";

    /// <summary>Prefix of messages that report DDL on protected tables.</summary>
    public const string DdlPrefix = "indelible.ddl";

    /// <summary>Prefix of messages that only move the log on.</summary>
    public const string HeartbeatPrefix = "indelible.heartbeat";

    /// <summary>Separates id, reason and proof inside the op line.</summary>
    public const char OperatorSeparator = '\u001f';
}
