using Indelible.Format;
using Npgsql;

namespace Indelible.Capture.Slots;

/// <summary>Makes it possible to read on after a gap: a slot that is missing or lost is made again,
/// and the log is moved on to where the ledger is.</summary>
internal static class SlotRepair
{
    /// <summary>Making a slot waits for every transaction that is open when it begins, in any database of the server.</summary>
    private const int TimeoutSeconds = 60;
    /// <summary>Bytes of log written to move it on, at most. What a standby lacked when it was promoted is
    /// rarely more than a few.</summary>
    private const ulong MoveMax = 256UL << 20;
    private static readonly string MoveSql = EmbeddedSql.Read("Slots.move.sql");
    private static readonly string DropSql = EmbeddedSql.Read("Slots.drop.sql");
    private static readonly string MakeSql = EmbeddedSql.Read("Slots.make.sql");

    /// <summary>Writes messages that only move the log on, until its end is beyond a position:
    /// a position must name one place for ever, also after a standby took over that had not received everything.</summary>
    public static async Task MoveLogAsync(SourceConnection source, Lsn end, Lsn beyond, CancellationToken cancellationToken)
    {
        if (beyond.Bytes - end.Bytes > MoveMax)
        {
            throw new IndelibleException(ExitCode.Environment,
                $"{source}: the ledger is sealed up to {beyond}, this server's log ends at {end}: "
                    + $"expected it to lack at most {MoveMax >> 20} MiB of what the ledger holds. "
                + "Is this the standby that was promoted, and not an old copy? If it is, "
                + "let it be written to until its log has passed that position");
        }
        await using NpgsqlConnection connection = await source.OpenAsync(cancellationToken);
        while (end <= beyond)
        {
            end = Lsn.Parse((await TextAsync(connection, MoveSql, [], cancellationToken))!);
        }
    }

    /// <summary>Drops the slot if it is lost, and makes it. Returns where reading begins.</summary>
    /// <exception cref="IndelibleException">The publication is gone too, or open transactions hold it up.</exception>
    /// <exception cref="NpgsqlException">The server cannot be reached or refuses.</exception>
    public static async Task<Lsn> MakeAsync(SourceConnection source, Protection protection, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await source.OpenAsync(cancellationToken);
        await TextAsync(connection, $"SET statement_timeout = '{TimeoutSeconds}s'", [], cancellationToken);
        await TextAsync(connection, DropSql, [protection.Slot], cancellationToken);
        try
        {
            string? start = await TextAsync(connection, MakeSql, [protection.Slot, protection.Publication], cancellationToken);
            return start is not null ? Lsn.Parse(start) : throw new IndelibleException(ExitCode.Usage,
                $"{source}: expected publication {protection.Publication}, found neither it nor replication slot {protection.Slot}: "
                    + "this database is not protected any more, or not the one that was. "
                + "Check the connection; then run `indelible protect` again, as the owner");
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.QueryCanceled)
        {
            throw new IndelibleException(ExitCode.Environment,
                $"{source}: replication slot {protection.Slot} not ready after {TimeoutSeconds} s, "
                    + "because a transaction that was open when it began still is (in any database of the server); "
                + "end it (SELECT pid, datname, xact_start FROM pg_stat_activity WHERE backend_xid IS NOT NULL; SELECT gid, "
                + "database FROM pg_prepared_xacts;)", e);
        }
    }

    private static async Task<string?> TextAsync(
        NpgsqlConnection connection, string sql, string[] parameters, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = new(sql, connection) { CommandTimeout = 0, AllResultTypesAreUnknown = true };
        foreach (string parameter in parameters) command.Parameters.Add(new NpgsqlParameter { Value = parameter });
        return await command.ExecuteScalarAsync(cancellationToken) as string;
    }
}
