using System.Security.Cryptography.X509Certificates;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Notes;
using Indelible.Format.Verification;
using Indelible.Ledger;
using Indelible.Ledger.Anchors;
using Indelible.Server.Alerts;
using Indelible.Server.Anchoring;
using Indelible.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>Heads stamped by a real authority (openssl), sealed, and verified offline.</summary>
public sealed class TimeStampingTests : IAsyncLifetime
{
    private readonly TimeStampAuthority _one = new(), _two = new(DateTimeOffset.UtcNow.AddDays(20));
    private PeopleLedger _people = null!;

    public async ValueTask InitializeAsync()
    {
        _people = await PeopleLedger.StartAsync();
        _people.Config.Timestamps = new TimeStampConfig { IntervalMinutes = 1_440, Authorities = { ["one"] = Authority(_one) } };
    }

    public async ValueTask DisposeAsync()
    {
        await _people.DisposeAsync();
        await _one.DisposeAsync();
        await _two.DisposeAsync();
    }

    [Fact]
    public async Task A_head_is_stamped_its_hash_sealed_and_what_it_proves_is_verified_offline()
    {
        _people.Config.Timestamps!.Authorities["two"] = Authority(_two);
        await _people.RunningAsync(host => PeopleLedger.UntilAsync(() => Anchors(host.View.Reader).Count == 2));
        DateTimeOffset now = DateTimeOffset.UtcNow;
        using (LedgerFetch files = LedgerFetch.FromDirectory(_people.Paths.Ledger))
        {
            TimeCheck check = await CheckAsync(files, now, _one.RootPath, _two.RootPath);
            Assert.Empty(check.Findings);
            Assert.Empty(check.Notices);
            Assert.Equal(["one", "two"], check.Times.Select(time => time.Authority).Order());
            Assert.All(check.Times, time => Assert.InRange(time.Before.ToDateTimeOffset(), now.AddMinutes(-2), now.AddMinutes(1)));
            Assert.All(check.Times, time => Assert.True(time.Size >= 20));

            TimeCheck wrong = await CheckAsync(files, now, _one.RootPath);
            Assert.Contains("vouched for by a pinned certificate", Assert.Single(wrong.Findings).Message, StringComparison.Ordinal);
            // the certificate of two has ended, and one stamped before two's entry was sealed, or after
            TimeCheck later = await CheckAsync(files, now.AddDays(30), _one.RootPath, _two.RootPath);
            Assert.Empty(later.Findings);
            TimeCheck late = await CheckAsync(files, now.AddYears(2), _one.RootPath, _two.RootPath);
            Assert.Equal(2, late.Notices.Count);
            Assert.Empty(late.Times);
        }
        string token = Directory.GetFiles(Path.Combine(_people.Paths.Ledger, "anchors"), "one.tsr", SearchOption.AllDirectories).Single();
        byte[] bytes = await File.ReadAllBytesAsync(token, TestContext.Current.CancellationToken);
        File.Delete(token);
        using LedgerFetch damaged = LedgerFetch.FromDirectory(_people.Paths.Ledger);
        Assert.Contains("found no file", Assert.Single((await CheckAsync(damaged, now, _one.RootPath, _two.RootPath)).Findings).Message,
            StringComparison.Ordinal);
        bytes[^1] ^= 1;
        await File.WriteAllBytesAsync(token, bytes, TestContext.Current.CancellationToken);
        Assert.Contains("found another", Assert.Single((await CheckAsync(damaged, now, _one.RootPath, _two.RootPath)).Findings).Message,
            StringComparison.Ordinal);

        // A certificate of two ends within 30 days: but it was stamped today, so nothing is asked for again.
        int given = _one.Given + _two.Given;
        await _people.RunningAsync(host => PeopleLedger.UntilAsync(() => host.IsRunning));
        Assert.Equal(given, _one.Given + _two.Given);
    }

    [Fact]
    public async Task A_stamp_whose_certificate_ends_soon_is_renewed_and_outlives_it()
    {
        _people.Config.Timestamps = new TimeStampConfig { IntervalMinutes = 525_600, Authorities = { ["two"] = Authority(_two) } };
        await _people.RunningAsync(host => PeopleLedger.UntilAsync(() => Anchors(host.View.Reader).Count == 1));
        DateTimeOffset now = DateTimeOffset.UtcNow, ended = now.AddDays(21);
        using LedgerFetch files = LedgerFetch.FromDirectory(_people.Paths.Ledger);
        TimeCheck alone = await CheckAsync(files, ended, _two.RootPath);
        Assert.Equal((0, 1), (alone.Times.Count, alone.Notices.Count));

        _two.Renew(now.AddYears(5));
        await RunLaterAsync(TimeSpan.FromHours(20), TimeSpan.FromSeconds(1));
        Assert.Equal(1, _two.Given);                                             // stamped within a day: nothing is asked for again
        await RunLaterAsync(TimeSpan.FromDays(2), TimeSpan.Zero, stamps: 2);     // nothing is due but the renewal
        TimeCheck renewed = await CheckAsync(files, ended, _two.RootPath);
        Assert.Empty(renewed.Findings);
        Assert.Empty(renewed.Notices);
        Assert.Equal(2, renewed.Times.Count);
        await RunLaterAsync(TimeSpan.FromDays(4), TimeSpan.FromSeconds(1));
        Assert.Equal(2, _two.Given);                                             // the new certificate is good for years
    }

    /// <summary>Runs on a clock that is ahead until there are so many stamps, or for a while.</summary>
    private async Task RunLaterAsync(TimeSpan ahead, TimeSpan time, int stamps = 0)
    {
        await LiveLedger.RunningAsync(
            LedgerHost.OpenAsync(_people.Paths, _people.Config, new LaterTime(ahead), NullLoggerFactory.Instance, CancellationToken.None),
            async host =>
        {
            if (stamps > 0) await PeopleLedger.UntilAsync(() => Anchors(host.View.Reader).Count == stamps);
            else
            {
                await PeopleLedger.UntilAsync(() => host.TimeStamps.Count == 1);         // it looked
                await Task.Delay(time);
            }
        });
    }

    /// <summary>The system's clock, put forward.</summary>
    private sealed class LaterTime(TimeSpan ahead) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + ahead;
    }

    [Fact]
    public async Task An_authority_that_is_down_or_revoked_stops_nothing_and_is_told_of()
    {
        await using WebhookReceiver receiver = new();
        _people.Config.Alerts = new AlertsConfig { IntervalSeconds = 1,
            Targets = { ["pager"] = new() { Kind = AlertTargetKind.Webhook, Url = receiver.Url } } };
        _one.IsUp = false;
        await _people.RunningAsync(async host =>
        {
            await _people.ExecuteAsync("UPDATE people SET ssn = 'f'");
            await _people.CaughtUpAsync(host);
            await PeopleLedger.UntilAsync(() => receiver.Kinds.Contains("time-stamp-failed"));
            Assert.Contains("status 503",
                (string)receiver.Taken.First(alert => (string)alert.Json["alert"]! == "time-stamp-failed").Json["message"]!,
                StringComparison.Ordinal);
            _one.Revoke();
            _one.IsUp = true;
            await PeopleLedger.UntilAsync(() => _one.Given > 0);
            await PeopleLedger.UntilAsync(
                () => Assert.Single(host.TimeStamps).Problem?.Contains("revoked since", StringComparison.Ordinal) == true);
            Assert.Empty(Anchors(host.View.Reader));
            Assert.False(Directory.Exists(Path.Combine(_people.Paths.Ledger, "anchors")));
        });
    }

    private static TimeStampAuthorityConfig Authority(TimeStampAuthority authority) =>
        new() { Url = authority.Url, Certificates = authority.RootPath };

    private static List<(long, EntryHeader)> Anchors(LedgerReader reader)
    {
        List<(long, EntryHeader)> anchors = [];
        foreach ((long index, ReadOnlyMemory<byte> bytes) in reader.ReadEntries(0, reader.ReadCheckpoint().Size))
        {
            EntryCodec.Decode(bytes, out Entry entry);
            if (entry.Header is { Kind: EntryKind.Admin, Code: AnchorFiles.Code }) anchors.Add((index, entry.Header));
        }
        return anchors;
    }

    /// <summary>Verifies the ledger, then its time stamps, as they stand at a time.</summary>
    private static async Task<TimeCheck> CheckAsync(LedgerFetch files, DateTimeOffset now, params string[] roots)
    {
        List<(long, EntryHeader)> anchors = [];
        VerificationReport report = new LedgerVerifier(files.Fetch,
            files.OpenFile) { Seen = (index, header) => { if (header.Code == AnchorFiles.Code) anchors.Add((index, header)); } }.Verify(
                CancellationToken.None);
        Assert.True(report.IsSound, ReportText.ToText(report));
        X509Certificate2Collection pinned = [];
        foreach (string root in roots) Assert.True(AnchorFiles.TryImport(pinned, await File.ReadAllBytesAsync(root)));
        TimeCheck check = new(files, new Checkpoint { Origin = report.Origin!, Size = report.TreeSize, Root = report.Root!.Value }, pinned,
            MicroTime.From(now));
        await check.RunAsync(anchors, CancellationToken.None);
        return check;
    }
}
