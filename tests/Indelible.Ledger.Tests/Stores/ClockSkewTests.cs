using System.Diagnostics;
using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Format.Verification;
using Indelible.Ledger.Stores;
using Indelible.Testing;
using Xunit;

namespace Indelible.Ledger.Tests.Stores;

/// <summary>A machine whose clock is further from the storage's than a request's signature may be.</summary>
public sealed class ClockSkewTests
{
    [Theory]
    [InlineData(20)]
    [InlineData(-60 * 24 * 400)]
    public async Task A_clock_that_is_wrong_is_told_and_nothing_is_stored_or_locked_by_it(int minutes)
    {
        RadosGateway gateway = await RadosGateway.GetAsync();
        BucketOptions options = await gateway.MakeBucketAsync(TimeSpan.FromDays(30)) with { IsPrimary = true };
        using TestLedger ledger = await TestLedger.CreateAsync();
        await using (LedgerWriter writer = await ledger.OpenAsync()) await writer.SealAsync(RealEntries.Batch(300), CancellationToken.None);
        await using (Copying running = await Copying.OpenAsync(ledger, new BucketStore(options, TimeProvider.System)))
        {
            using ClockOfRequests wrong = new(TimeSpan.FromMinutes(minutes));
            await ToldAsync(() => Copying.OpenAsync(ledger, new BucketStore(options, TimeProvider.System)));
            await ToldAsync(() => Task.FromResult(Verify(options)));
            await ToldAsync(() => running.RoundAsync());
        }
        using (Bucket bucket = new(options))
        {
            List<string> stored = await PatientlyAsync(async () =>
            {
                List<string> paths = [];
                await foreach (ObjectVersion version in bucket.VersionsAsync("", null, deep: true, CancellationToken.None))
                    paths.Add(version.Path.Split('/')[0]);
                return paths;
            });
            Assert.Equal([LedgerFiles.Hint, "probe"], stored.Distinct());
        }
        await using (Copying running = await Copying.OpenAsync(ledger, new BucketStore(options, TimeProvider.System)))
            await running.RoundAsync();
        VerificationReport report = Verify(options);
        Assert.Equal((Verdict.Verified, 300), (report.Verdict, report.TreeSize));
    }

    private static async Task ToldAsync<T>(Func<Task<T>> act)
    {
        IndelibleException told = await Assert.ThrowsAsync<IndelibleException>(act);
        Assert.Contains("clock right (NTP)", told.Message, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Environment, told.ExitCode);
    }

    private static Task ToldAsync(Func<Task> act) => ToldAsync(async () =>
    {
        await act();
        return true;
    });

    /// <summary>As `run` does, which tries again: a connection on which Ceph refused an object is of no use for the next request.</summary>
    private static async Task<T> PatientlyAsync<T>(Func<Task<T>> act)
    {
        for (long started = Stopwatch.GetTimestamp(); ;)
        {
            try
            {
                return await act();
            }
            catch (IndelibleException) when (Stopwatch.GetElapsedTime(started) < Patience.Max)
            {
                await Task.Delay(100);
            }
        }
    }

    private static VerificationReport Verify(BucketOptions options)
    {
        using LedgerFetch files = LedgerFetch.FromBucket(options, TestLedger.Signer.VerifierKey, CancellationToken.None);
        return new LedgerVerifier(files.Fetch, files.OpenFile) { Policy = Policy.ForKey(TestLedger.Signer.VerifierKey) }.Verify(
            CancellationToken.None);
    }
}
