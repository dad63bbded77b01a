using System.Text.Json.Nodes;
using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Format.Verification;
using Indelible.Ledger;
using Indelible.Ledger.Stores;
using Indelible.Server.Alerts;
using Indelible.Server.Replication;
using Indelible.Testing;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>Copies that `run` keeps.</summary>
public sealed class CopiesTests : IAsyncLifetime
{
    private readonly string _place = Path.Combine(Directory.CreateTempSubdirectory("indelible-copies-").FullName, "copy");
    private PeopleLedger _people = null!;

    public async ValueTask InitializeAsync()
    {
        _people = await PeopleLedger.StartAsync();
        _people.Config.Targets["disk"] = new TargetConfig { Path = _place, EverySeconds = 0 };
    }

    public async ValueTask DisposeAsync()
    {
        await _people.DisposeAsync();
        Directory.Delete(Path.GetDirectoryName(_place)!, recursive: true);
    }

    [Fact]
    public async Task A_place_that_is_down_delays_nothing_is_told_of_when_stale_and_catches_up()
    {
        await using WebhookReceiver receiver = new();
        _people.Config.Alerts = new AlertsConfig { IntervalSeconds = 1, StaleSeconds = 1,
            Targets = { ["pager"] = new() { Kind = AlertTargetKind.Webhook, Url = receiver.Url } } };
        await _people.RunningAsync(async host =>
        {
            await _people.ExecuteAsync("UPDATE people SET ssn = 'b'");
            await _people.CaughtUpAsync(host);
            await PeopleLedger.UntilAsync(() => receiver.Kinds.Contains("copy-stale"));
            TargetStatus down = Assert.Single(host.Copies);
            Assert.Contains("expected a directory", down.Problem, StringComparison.Ordinal);
            Assert.True(down is { Size: 0, LagEntries: > 20, Lag.TotalSeconds: > 1, LastSuccess: null, LastError: not null });
            Assert.Contains("expected a directory", (string)receiver.Taken.Last().Json["message"]!, StringComparison.Ordinal);

            Directory.CreateDirectory(_place);
            await PeopleLedger.UntilAsync(() => host.Copies[0] is { Problem: null, LagEntries: 0 });
            await PeopleLedger.UntilAsync(
                () => receiver.Taken.Any(alert => (string)alert.Json["alert"]! == "copy-stale" && (string)alert.Json["state"]! == "over"));
            Assert.Equal(TimeSpan.Zero, host.Copies[0].Lag);
            string metrics = await new HttpClient().GetStringAsync(host.Address + "/metrics");
            Assert.Matches("indelible_copy_lag_entries{[^}]*target=.disk.[^}]*} 0", metrics);
            Assert.Matches("indelible_copy_failures_total{[^}]*target=.disk.[^}]*} [1-9]", metrics);
            Assert.Matches("indelible_copy_last_success_timestamp_seconds{[^}]*target=.disk.[^}]*} [1-9]", metrics);
            Assert.Matches("indelible_copy_last_error_timestamp_seconds{[^}]*target=.disk.[^}]*} [1-9]", metrics);
        });
        Assert.Equal(_people.Entries().Count, Verified(_place).Entries);    // also what was sealed as it stopped
    }

    [Fact]
    public async Task A_position_is_confirmed_only_when_as_many_copies_hold_it()
    {
        _people.Config.ConfirmAfter = 1;
        await _people.RunningAsync(async host =>
        {
            Lsn before = await ConfirmedAsync();
            await _people.ExecuteAsync("UPDATE people SET ssn = 'c'");
            await _people.CaughtUpAsync(host);
            Lsn sealedTo = host.Writer.MarkOf("crm")!.Confirmable;
            await Task.Delay(1_500);                                        // several answers to the server
            Assert.Equal(before, await ConfirmedAsync());
            Directory.CreateDirectory(_place);
            await PeopleLedger.UntilAsync(() => host.Copies[0].Size >= host.Writer.PublishedSize);
            for (Lsn confirmed = before; confirmed < sealedTo; confirmed = await ConfirmedAsync())
                await Task.Delay(50, TestContext.Current.CancellationToken);
        });
        Assert.Equal(_people.Entries().Count, Verified(_place).Entries);
    }

    [Fact]
    public async Task A_host_that_was_put_back_whole_seals_nothing_once_a_copy_answers()
    {
        Directory.CreateDirectory(_place);
        await _people.RunningAsync(host => PeopleLedger.UntilAsync(() => host.Copies[0] is { Problem: null, LagEntries: 0 }));
        string home = Path.GetDirectoryName(_people.Paths.Ledger)!, older = home + "-older";
        await Copying.AsIsAsync(home, older);
        await _people.RunningAsync(async host =>
        {
            await _people.ExecuteAsync("UPDATE people SET ssn = 'd'");
            await _people.CaughtUpAsync(host);
            await PeopleLedger.UntilAsync(() => host.Copies[0] is { Problem: null, LagEntries: 0 });
        });
        long held = Verified(_place).Entries;
        Copying.PutBack(older, home);
        int size = _people.Entries().Count;
        CopyContradictsException found = await Assert.ThrowsAsync<CopyContradictsException>(
            () => _people.RunningAsync(host => PeopleLedger.UntilAsync(() => !host.IsRunning)));
        Assert.Contains($"holds {held} entries", found.Message, StringComparison.Ordinal);
        Assert.Equal(size, _people.Entries().Count);
        Assert.Equal(held, Verified(_place).Entries);
    }

    private async Task<Lsn> ConfirmedAsync() =>
        Lsn.Parse((await _people.AskAsync("SELECT confirmed_flush_lsn FROM pg_replication_slots"))!);

    private VerificationReport Verified(string directory)
    {
        using LedgerFetch files = LedgerFetch.FromDirectory(directory);
        VerificationReport report = new LedgerVerifier(files.Fetch, files.OpenFile).Verify(CancellationToken.None);
        Assert.True(report.IsSound, ReportText.ToText(report));
        return report;
    }
}
