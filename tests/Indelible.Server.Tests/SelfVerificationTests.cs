using System.Diagnostics;
using System.Text.Json.Nodes;
using Indelible.Format.Entries;
using Indelible.Format.Notes;
using Indelible.Ledger;
using Indelible.Server.Alerts;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>A ledger that verifies itself while it is written.</summary>
public sealed class SelfVerificationTests
{
    [Fact]
    public async Task A_flipped_byte_is_told_within_a_pass_and_sealed_and_sealing_goes_on()
    {
        await using PeopleLedger people = await PeopleLedger.StartAsync();
        await using WebhookReceiver receiver = new();
        people.Config.VerificationPercent = 50;
        people.Config.Alerts = new AlertsConfig { IntervalSeconds = 1,
            Targets = { ["pager"] = new() { Kind = AlertTargetKind.Webhook, Url = receiver.Url } } };
        await people.RunningAsync(async host =>
        {
            await people.ExecuteAsync("INSERT INTO people SELECT n, 's' || n FROM generate_series(100, 999) n");
            await people.CaughtUpAsync(host);
            await PeopleLedger.UntilAsync(() => host.Verification is { Passes: > 0, Entries: > 900 });
            Assert.Empty(receiver.Taken);
            string bundle = Path.Combine(people.Paths.Ledger, "tile/entries/002");
            byte[] whole = await File.ReadAllBytesAsync(bundle);
            Put(bundle, Flipped(whole));
            await PeopleLedger.UntilAsync(() => receiver.Taken.Count >= 2);
            JsonNode condition = receiver.Taken.First().Json;
            Assert.Equal("verification-failed", (string)condition["alert"]!);
            Assert.Contains("tile/entries/002", (string)condition["message"]!, StringComparison.Ordinal);
            Assert.Contains("tile/entries/002", host.Verification!.Problem, StringComparison.Ordinal);
            await people.ExecuteAsync("UPDATE people SET ssn = 'goes on' WHERE id = 4");
            await people.CaughtUpAsync(host);

            Put(bundle, whole);
            await PeopleLedger.UntilAsync(() => host.Verification!.Problem is null
                && receiver.Taken.Any(alert => (string)alert.Json["state"]! == "over"));
        });
        Entry guard = Assert.Single(people.Entries(), entry => entry.Header.Code == GuardCode.VerificationFailed);
        Assert.Equal("tile/0/002", guard.Header.Facts!["file"]);
        Assert.Contains("the entry in tile/entries/002", guard.Header.Facts["message"], StringComparison.Ordinal);
        Assert.Equal("767", guard.Header.Facts["entry"]);
    }

    [Fact]
    public async Task A_ledger_that_does_not_go_on_from_the_head_remembered_is_written_no_more()
    {
        await using PeopleLedger people = await PeopleLedger.StartAsync();
        people.Config.VerificationPercent = 100;
        string remembered = Path.Combine(people.Paths.Journal, "verified");
        await people.RunningAsync(host => PeopleLedger.UntilAsync(() => File.Exists(remembered)));
        await using (LedgerHost host = await people.OpenAsync())
        {
            // of another history, signed with the key
            Checkpoint other = new() { Origin = host.View.Origin, Size = 5, Root = host.View.Reader.ReadCheckpoint().Root };
            await File.WriteAllBytesAsync(remembered, other.Sign(host.Keyring.LedgerKeys.Signer).ToBytes());
        }
        LedgerCorruptException e = await Assert.ThrowsAsync<LedgerCorruptException>(
            () => people.RunningAsync(host => PeopleLedger.UntilAsync(() => !host.IsRunning)));
        Assert.Contains("history was rewritten", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_share_of_a_core_is_kept()
    {
        SharedCore core = new(20, TimeProvider.System);
        Stopwatch all = Stopwatch.StartNew();
        TimeSpan worked = TimeSpan.Zero;
        while (all.Elapsed < TimeSpan.FromSeconds(1))
        {
            Stopwatch step = Stopwatch.StartNew();
            while (step.ElapsedMilliseconds < 6) Thread.SpinWait(100);
            worked += step.Elapsed;
            core.Rest(CancellationToken.None);
        }
        Assert.InRange(worked / all.Elapsed, 0.05, 0.30);
    }

    private static byte[] Flipped(byte[] bytes)
    {
        byte[] flipped = [.. bytes];
        flipped[^1] ^= 1; // inside the last entry
        return flipped;
    }

    private static void Put(string path, byte[] content)
    {
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.WriteAllBytes(path, content);
    }
}
