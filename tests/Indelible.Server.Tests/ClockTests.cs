using Indelible.Format.Entries;
using Indelible.Format.Notes;
using Indelible.Format.Verification;
using Indelible.Index;
using Indelible.Ledger;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>The sealer's clock is only what entries say of themselves: order, coverage and positions come from the source's log.</summary>
public sealed class ClockTests : IAsyncLifetime
{
    private PeopleLedger _people = null!;

    public async ValueTask InitializeAsync() => _people = await PeopleLedger.StartAsync();

    public ValueTask DisposeAsync() => _people.DisposeAsync();

    private sealed class SteppedClock : TimeProvider
    {
        private long _offsetTicks;

        public void Step(TimeSpan by) => Interlocked.Add(ref _offsetTicks, by.Ticks);

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow().AddTicks(Interlocked.Read(ref _offsetTicks));
    }

    [Fact]
    public async Task A_clock_that_steps_back_and_forth_by_years_loses_nothing_and_announces_no_gap()
    {
        SteppedClock clock = new();
        for (int start = 0; start < 2; start++)
        {
            await using LedgerHost host =
                await LedgerHost.OpenAsync(_people.Paths, _people.Config, clock, NullLoggerFactory.Instance, CancellationToken.None);
            using CancellationTokenSource stop = new();
            Task running = host.RunAsync(control: null, stop.Token);
            foreach (int days in (int[])[0, 400, -800, 3, -9000])
            {
                clock.Step(TimeSpan.FromDays(days));
                await _people.ExecuteAsync($"UPDATE people SET ssn = 'start {start}, step {days}' WHERE id < 4");
                await _people.CaughtUpAsync(host);
            }
            await host.PublishAsync(CancellationToken.None);
            Assert.Equal((start + 1) * 5,
                host.View.Index.Find(
                    new Query { Relation = new RelationId("crm", 1), Key = ["1"], Operation = Operation.Update,
                        Limit = 100 }).Entries.Count);
            await stop.CancelAsync();
            await running;
        }
        using LedgerFetch files = LedgerFetch.FromDirectory(_people.Paths.Ledger);
        using MasterKey master = MasterKey.Load(_people.Paths.Keyring);
        using Keyring keyring = Keyring.Open(_people.Paths.Keyring, master);
        VerificationReport report = new LedgerVerifier(
            files.Fetch, files.OpenFile) { Policy = Policy.ForKey(keyring.LedgerKeys.Signer.VerifierKey) }.Verify(CancellationToken.None);
        Assert.Equal(Verdict.Verified, report.Verdict);
        Assert.Equal((30L, 0L), (Assert.Single(report.Sources).Changes, report.Sources[0].Gaps));
        Assert.DoesNotContain(
            _people.Entries(), entry => entry.Header.Kind == EntryKind.Guard && entry.Header.Code is GuardCode.Continuity or "gap");
    }
}
