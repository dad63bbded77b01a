namespace Indelible.Bench;

/// <summary>What other suites measure, of one ledger as it grows by a factor of ten and again.</summary>
internal sealed class ScaleSuite(string root, Results results, long entries, string? directory)
{
    private const long First = 100_000;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await using GrownLedger ledger = await GrownLedger.OpenAsync(root, directory, cancellationToken);
        for (long size = First; size <= entries; size *= 10)
        {
            results.Of = FormattableString.Invariant($"{size:#,0} entries: ");
            if (ledger.Size > size + (size / 10)) results.Add("passed over", "–", $"the ledger of --ledger has {ledger.Size} already");
            else if (await ledger.GrowAsync(size, results, cancellationToken)) await MeasureAsync(ledger, cancellationToken);
            else return;
        }
    }

    private async Task MeasureAsync(GrownLedger ledger, CancellationToken cancellationToken)
    {
        string key = await VerifyTimes.KeyAsync(ledger.Command, cancellationToken);
        ledger.Weigh(results);
        await VerifyTimes.RunAsync(ledger.Command, key, results, cancellationToken);
        new ProofTimes(ledger.Command, key, results).Run();
        await new QueryTimes(ledger.Command, results, await ledger.RowsAsync(cancellationToken)).WarmAsync(cancellationToken);
        await new StartTimes(ledger, results).RunAsync(cancellationToken);
    }
}
