using System.Globalization;
using Indelible.Ledger;
using Indelible.Server.Comparing;

namespace Indelible.Server;

/// <summary>Compares every protected value of the live database with what the ledger implies at exactly the same snapshot,
/// never "now against now", and seals what came of it.</summary>
/// <remarks>Live rows are read in ranges of keys, each in a snapshot; a transaction counts if and only if the snapshot sees it,
/// once capture is past the log position read after the snapshot.
/// Memory does not grow with the table: see docs/decisions/0013.</remarks>
public sealed class Crosscheck(LedgerHost host, string source, SourceConfig config, Action<string> progress)
{
    /// <summary>What is compared.</summary>
    public CrosscheckScope Scope { get; init; } = new();
    /// <summary>Whether what an earlier attempt, that was stopped, has done is thrown away.</summary>
    public bool Anew { get; init; }
    /// <summary>Whether both sides of the cells that differ are kept, to be revealed.</summary>
    public bool KeepsCells { get; init; }

    /// <summary>How much is read at once, and how often that is kept.</summary>
    internal CrosscheckPace Pace { get; init; } = new();

    /// <summary>Compares, and seals the result as a guard entry.</summary>
    /// <exception cref="Format.IndelibleException">The source cannot be read, or another crosscheck of it is under way.</exception>
    public async Task<CrosscheckReport> RunAsync(CancellationToken cancellationToken)
    {
        CrosscheckReport report;
        await using (CapturedReach reach = new(host, source))
        {
            await host.PublishAsync(cancellationToken);
            SourceComparison comparison = new(host.View, source, config, Scope, KeepsCells, Pace, reach, progress, host.Time);
            report = await comparison.RunAsync(Anew, cancellationToken);
        }
        return await SealAsync(report, cancellationToken);
    }

    private async Task<CrosscheckReport> SealAsync(CrosscheckReport report, CancellationToken cancellationToken)
    {
        Dictionary<string, string> facts = new()
        {
            ["scope"] = report.Scope,
            ["rows"] = Text(report.Rows),
            ["values"] = Text(report.Values),
            ["unknown"] = Text(report.UnknownValues),
            ["differences"] = Text(report.DifferenceCount),
        };
        if (report.LockedValues > 0) facts["locked"] = Text(report.LockedValues);
        if (report.NotCovered.Count > 0) facts["not-covered"] = string.Join(", ", report.NotCovered.Select(table => table.Table));
        string[] lines = [.. report.Differences.Take(DifferenceList.SealedMax).Select(DifferenceList.Line),
            .. report.NotCovered.Select(table => $"{table.Table}: not covered: {table.Reason}")];
        EntryBatch entries = new();
        host.NewMaker(source).AddGuard(entries, GuardCode.Crosscheck, facts, lines.Length == 0 ? null : string.Join('\n', lines));
        return report with { GuardEntry = (await host.SealAsync(entries, cancellationToken)).FirstIndex };
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
