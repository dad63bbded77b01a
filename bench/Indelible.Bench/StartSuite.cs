namespace Indelible.Bench;

/// <summary>How soon `run` seals on a large ledger.</summary>
internal sealed class StartSuite(string root, Results results, long entries, string? directory)
{
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await using GrownLedger ledger = await GrownLedger.OpenAsync(root, directory, cancellationToken);
        if (await ledger.GrowAsync(entries, results, cancellationToken)) await new StartTimes(ledger, results).RunAsync(cancellationToken);
    }
}
