using Indelible.Format;
using Npgsql;

namespace Indelible.Capture;

/// <summary>A replication slot as pg_replication_slots shows it.</summary>
internal sealed record SlotFacts(
    string? Plugin, string? Database, bool Active, int? ActivePid,
    string? WalStatus, string? ConfirmedFlush, long? LagBytes, long? SafeBytes)
{
    /// <summary>Reads a row of slot.sql.</summary>
    public static SlotFacts Read(NpgsqlDataReader r) => new(
        Text(r, 0), Text(r, 1), r.GetBoolean(2), r.IsDBNull(3) ? null : r.GetInt32(3), Text(r, 4), Text(r, 5),
        r.IsDBNull(6) ? null : r.GetInt64(6), r.IsDBNull(7) ? null : r.GetInt64(7));

    /// <summary>Throws <see cref="IndelibleException"/> unless the slot is one this ledger may read from.</summary>
    public static void CheckOurs(SlotFacts slot, string name, SessionFacts session, bool isOurs, bool inUse)
    {
        string drop = $"SELECT pg_drop_replication_slot({PgIdentifier.Literal(name)});";
        if (inUse)
        {
            throw new IndelibleException(ExitCode.Environment,
                $"slot {name} is in use by process {slot.ActivePid}; stop what reads from it (another `indelible run`?) "
                    + "or choose another source name");
        }
        if (slot.Plugin != "pgoutput" || slot.Database != session.Database)
        {
            throw new IndelibleException(ExitCode.Environment,
                $"expected slot {name} to be absent or a pgoutput slot of {session.Database}, found {slot.Plugin} of {slot.Database}; "
                    + $"choose another source name, or run: {drop}");
        }
        if (!isOurs)
        {
            throw new IndelibleException(ExitCode.Environment,
                $"slot {name} exists and was not made by this ledger; choose another source name, or, if nothing needs it, run: {drop}");
        }
    }

    private static string? Text(NpgsqlDataReader r, int column) => r.IsDBNull(column) ? null : r.GetString(column);
}
