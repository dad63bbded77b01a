using Indelible.Format;
using Npgsql;

namespace Indelible.Capture.Slots;

/// <summary>A replication slot as the server shows it.</summary>
/// <param name="ActivePid">Process that reads from it; null if none.</param>
/// <param name="Confirmed">Confirmed position; none if it has none.</param>
/// <param name="IsLost">True if WAL it needs is gone.</param>
internal sealed record SlotState(string Plugin, string Database, int? ActivePid, Lsn Confirmed, bool IsLost, bool IsHere)
{
    private static readonly string Sql = EmbeddedSql.Read("Slots.slot.sql");

    /// <summary>Null if there is no such slot.</summary>
    public static async Task<SlotState?> ReadAsync(NpgsqlConnection connection, string slot, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = new(Sql, connection) { Parameters = { new NpgsqlParameter { Value = slot } } };
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken)) return null;
        return new SlotState(
            reader.IsDBNull(0) ? "" : reader.GetString(0),
            reader.IsDBNull(1) ? "" : reader.GetString(1),
            reader.IsDBNull(2) ? null : reader.GetInt32(2),
            reader.IsDBNull(3) ? Lsn.None : Lsn.Parse(reader.GetString(3)),
            !reader.IsDBNull(4) && reader.GetString(4) == "lost",
            !reader.IsDBNull(5) && reader.GetBoolean(5));
    }
}
