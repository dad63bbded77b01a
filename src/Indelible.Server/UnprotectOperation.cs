using Indelible.Capture;
using Indelible.Format;
using Indelible.Ledger;

namespace Indelible.Server;

/// <summary>Ends protection of columns or of a whole source: what is in the log is sealed first, then that it ends,
/// then the database is put back.</summary>
/// <param name="host">Holds the ledger.</param>
/// <param name="configPath">The configuration file.</param>
/// <param name="progress">Told each step.</param>
public sealed class UnprotectOperation(LedgerHost host, string configPath, Action<string> progress)
{
    /// <summary>Short name of the source.</summary>
    public required string Source { get; init; }
    /// <summary>Connection with the owner's rights.</summary>
    public required SourceConnection Owner { get; init; }
    /// <summary>Columns; empty for the whole source.</summary>
    public required IReadOnlyList<ColumnRequest> Columns { get; init; }
    /// <summary>Why; sealed.</summary>
    public required string Reason { get; init; }
    /// <summary>Who unprotects.</summary>
    public required string By { get; init; }

    /// <summary>Unprotects; returns the number of tables that stay protected.</summary>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        if (!host.Config.Sources.TryGetValue(Source, out SourceConfig? config) || config.Protection.Tables.Count == 0)
        {
            throw new IndelibleException(
                ExitCode.Usage, $"source {Source}: expected something protected, found nothing; see `indelible status`");
        }
        IReadOnlyList<ColumnRequest>? columns = Columns.Count == 0 ? null : Columns;
        // what cannot be done is said before it is sealed
        _ = await Protector.PlanUnprotectAsync(Owner, config.Protection, columns, cancellationToken);
        string sealedWhole = await DrainAsync(cancellationToken);
        await host.StopSourceAsync(Source);
        try
        {
            await Protector.SlotFreeAsync(Owner, config.Protection, host.Time, cancellationToken);
            await SealGuardAsync(config.Protection, sealedWhole, cancellationToken);
            Protection left = await Protector.UnprotectAsync(Owner, config.Protection, columns, progress, host.Time, cancellationToken);
            if (left.Tables.Count == 0) host.Config.Sources.Remove(Source);
            else config.Protection = left;
            ConfigFile.Save(configPath, host.Config);
            return left.Tables.Count;
        }
        finally
        {
            await host.StartSourceAsync(Source);
        }
    }

    /// <summary>Seals what was committed before now, so that nothing of what is let go is left unread.
    /// A source that cannot be read any more can still be let go.</summary>
    private async Task<string> DrainAsync(CancellationToken cancellationToken)
    {
        progress("sealing what is in the log");
        Lsn end = await Protector.LogEndAsync(Owner, cancellationToken);
        try
        {
            await new CatchUp(host, Source).SealUpToAsync(end, cancellationToken);
            return end.ToString();
        }
        catch (IndelibleException e)
        {
            progress($"warning: {e.Message}");
            return "no";
        }
    }

    private Task SealGuardAsync(Protection protection, string sealedWhole, CancellationToken cancellationToken)
    {
        string what = Columns.Count == 0
            ? string.Join(", ", protection.Tables.Select(table => $"{table.Schema}.{table.Name}"))
            : string.Join(
                ", ", Columns.Select(column => $"{column.Schema}{(column.Schema is null ? "" : ".")}{column.Table}.{column.Column}"));
        EntryBatch entries = new();
        host.NewMaker(Source).AddGuard(
            entries, GuardCode.ProtectionStopped,
            new Dictionary<string, string> { ["by"] = By, ["columns"] = what, ["sealed-up-to"] = sealedWhole }, Reason, "reason");
        return host.SealAsync(entries, cancellationToken);
    }
}
