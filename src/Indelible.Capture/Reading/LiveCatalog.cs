using Indelible.Capture.Relations;
using Indelible.Capture.Slots;
using Indelible.Format;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Indelible.Capture.Reading;

/// <summary>Asks over a connection for each question: they are rare.</summary>
internal sealed class LiveCatalog(SourceConnection source, Protection protection, ILogger logger) : ILiveCatalog
{
    /// <summary>How much log may pile up beyond what the stream showed before it is moved on, in bytes.</summary>
    private const long HeartbeatBehind = 1024 * 1024;

    private static readonly string HeartbeatSql = EmbeddedSql.Read("Slots.heartbeat.sql");

    private bool _mayEmit = true;

    /// <inheritdoc/>
    public async Task<(Catalog Now, bool IsOthers)> ReadAsync(uint oid, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await source.OpenAsync(cancellationToken);
        Catalog now = await Catalog.ReadAsync(connection, protection, cancellationToken);
        bool isOthers = !now.Shapes.ContainsKey(oid)
            && await Catalog.IsPublishedAsync(connection, protection.Publication, oid, cancellationToken);
        return (now, isOthers);
    }

    /// <inheritdoc/>
    public async Task<SlotState?> SlotAsync(CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await source.OpenAsync(cancellationToken);
        return await SlotState.ReadAsync(connection, protection.Slot, cancellationToken);
    }

    /// <inheritdoc/>
    public async Task HeartbeatAsync(Lsn received, CancellationToken cancellationToken)
    {
        if (!_mayEmit) return;
        await using NpgsqlConnection connection = await source.OpenAsync(cancellationToken);
        await using NpgsqlCommand command = new(HeartbeatSql, connection)
        {
            Parameters = { new NpgsqlParameter { Value = received.ToString() }, new NpgsqlParameter { Value = HeartbeatBehind } },
        };
        try
        {
            if (await command.ExecuteScalarAsync(cancellationToken) is true) CaptureLog.Heartbeat(logger, received);
        }
        catch (PostgresException e)
            when (e.SqlState is PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.ReadOnlySqlTransaction)
        {
            _mayEmit = false;
            CaptureLog.NoHeartbeat(logger, ServerWords.Of(e));
        }
    }
}
