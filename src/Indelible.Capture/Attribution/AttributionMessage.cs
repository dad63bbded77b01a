namespace Indelible.Capture.Attribution;

/// <summary>Prefixes of what Indelible writes into the source's log with <c>pg_logical_emit_message</c>.
/// docs/format.md#attribution.</summary>
internal static class AttributionMessage
{
    /// <summary>Prefix of messages that say who.</summary>
    public const string Prefix = "indelible";

    /// <summary>Prefix of messages that report DDL on protected tables.</summary>
    public const string DdlPrefix = "indelible.ddl";

    /// <summary>Prefix of messages that only move the log on; their payload is empty.</summary>
    public const string HeartbeatPrefix = "indelible.heartbeat";

    /// <summary>Separates id, reason and proof of the operator named.</summary>
    public const char OperatorSeparator = '\u001f';
}
