using Indelible.Format;
using Npgsql;

namespace Indelible.Capture;

/// <summary>What a source says of itself when nobody captures it.</summary>
/// <param name="LogEnd">End of its log.</param>
/// <param name="Confirmed">What the slot was told is sealed; none if there is no slot.</param>
/// <param name="SlotFault">Why capture cannot go on where it stopped; null if it can.</param>
public sealed record SourceStanding(Lsn LogEnd, Lsn Confirmed, string? SlotFault)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <summary>Asks the server.</summary>
    /// <exception cref="IndelibleException">Environment: it does not answer within three seconds, or refuses.</exception>
    public static async Task<SourceStanding> ReadAsync(SourceConnection source, string slot, CancellationToken cancellationToken)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        try
        {
            await using NpgsqlConnection connection = await source.OpenAsync(limit.Token);
            return (await new SourceCatalog(connection).QueryAsync("standing", [slot], r => Read(r, slot), limit.Token))[0];
        }
        catch (NpgsqlException e)
        {
            throw SourceFailure.From(e, source);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IndelibleException(ExitCode.Environment,
                $"{source}: the server did not answer within {Patience.TotalSeconds} s; check host, port and firewalls");
        }
    }

    private static SourceStanding Read(NpgsqlDataReader r, string slot)
    {
        string? fault = r.IsDBNull(1) ? $"slot {slot} is missing" : !r.IsDBNull(2) && r.GetString(2) == "lost"
            ? $"slot {slot} is lost: the log it needs is gone"
            : null;
        return new SourceStanding(Lsn.Parse(r.GetString(0)), r.IsDBNull(1) ? Lsn.None : Lsn.Parse(r.GetString(1)), fault);
    }
}
