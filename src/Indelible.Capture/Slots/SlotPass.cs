using Indelible.Format;
using Npgsql;

namespace Indelible.Capture;

/// <summary>Gets past what the server cannot deliver, by moving the slot or dropping it.
/// What lies between is lost to capture: say so first.</summary>
public static class SlotPass
{
    private const int Attempts = 40;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);
    private static readonly string MoveSql = EmbeddedSql.Read("Slots.pass.sql");
    private static readonly string DropSql = EmbeddedSql.Read("Slots.forget.sql");

    /// <summary>Moves the slot to the end of the log as it is now.</summary>
    /// <exception cref="IndelibleException">The source cannot be reached, or another process holds the slot.</exception>
    public static Task ToLogEndAsync(
        SourceConnection source, Protection protection, TimeProvider time, CancellationToken cancellationToken) =>
        RunAsync(MoveSql, source, protection, time, cancellationToken);

    /// <summary>Drops the slot: the log it stands at is gone. It is made again by whoever finds it missing.</summary>
    /// <exception cref="IndelibleException">The source cannot be reached, or another process holds the slot.</exception>
    public static Task DropAsync(SourceConnection source, Protection protection, TimeProvider time, CancellationToken cancellationToken) =>
        RunAsync(DropSql, source, protection, time, cancellationToken);

    private static async Task RunAsync(
        string sql, SourceConnection source, Protection protection, TimeProvider time, CancellationToken cancellationToken)
    {
        try
        {
            await using NpgsqlConnection connection = await source.OpenAsync(cancellationToken);
            for (int attempt =
                1; !await TryAsync(connection, sql, protection.Slot, isLast: attempt == Attempts, cancellationToken); attempt++)
            {
                await Task.Delay(Pause, time, cancellationToken);
            }
        }
        catch (NpgsqlException e)
        {
            throw SourceFailure.From(e, source);
        }
    }

    /// <summary>False while the walsender that failed still holds the slot.</summary>
    private static async Task<bool> TryAsync(
        NpgsqlConnection connection, string sql, string slot, bool isLast, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command =
            new(sql, connection) { CommandTimeout = 0, Parameters = { new NpgsqlParameter { Value = slot } } };
        try
        {
            await command.ExecuteNonQueryAsync(cancellationToken);
            return true;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ObjectInUse && !isLast)
        {
            return false;
        }
    }
}
