using System.Text;
using Amazon.S3;
using Amazon.S3.Model;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Notes;
using Indelible.Format.Verification;
using Indelible.Ledger;
using Indelible.Ledger.Stores;
using Indelible.Server.Replication;
using Indelible.Server.Succeeding;
using Indelible.Testing;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>A ledger that lives in a real object store, while `run` captures into it.</summary>
public sealed class BucketLedgerTests
{
    [Fact]
    public async Task Storage_that_is_away_delays_publishing_and_not_sealing_and_nothing_is_confirmed_before_it_holds_it()
    {
        RadosGateway gateway = await RadosGateway.GetAsync();
        StoreConfig store = await StoreAsync(gateway);
        await using PeopleLedger people =
            await PeopleLedger.StartAsync(new Dictionary<string, string> { ["wal_sender_timeout"] = "3s" }, store);
        await people.RunningAsync(async host =>
        {
            await PeopleLedger.UntilAsync(() => host.Store is { Problem: null, LagEntries: 0 });
            await gateway.AdministerAsync("user", "suspend", "--uid=owner");
            try
            {
                await people.ExecuteAsync("UPDATE people SET ssn = ssn || '.' WHERE id = 1");
                await PeopleLedger.UntilAsync(() => host.Store!.Problem is not null);
                long published = host.PublishedSize;
                string confirmed = (await people.AskAsync(Confirmed))!;
                await people.ExecuteAsync("UPDATE people SET ssn = 'while it is away'");
                await people.CaughtUpAsync(host);
                await PeopleLedger.UntilAsync(() => host.Writer.PublishedSize >= published + 20);
                Assert.Equal(published, host.PublishedSize);
                Assert.Equal(confirmed, await people.AskAsync(Confirmed));
                await people.ExecuteAsync(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_replication", "UPDATE people SET ssn = 'in a new session'");
                await people.CaughtUpAsync(host);
                string now = (await people.AskAsync("SELECT now()"))!;
                while (await people.AskAsync($"SELECT reply_time > '{now}' FROM pg_stat_replication") != "t")
                    await Task.Delay(100, TestContext.Current.CancellationToken);
                // it resumes behind what was sealed, and does not confirm that
                Assert.Equal(confirmed, await people.AskAsync(Confirmed));
                await host.PublishAsync(CancellationToken.None);         // queries see what is sealed
                Assert.True(host.View.Index.IndexedSize > published + 20);
                Assert.Throws<ArgumentOutOfRangeException>(() => host.View.Published.Prove(published + 5));
            }
            finally
            {
                await gateway.AdministerAsync("user", "enable", "--uid=owner");
            }
            await PeopleLedger.UntilAsync(() => host.Store is { Problem: null, LagEntries: 0 });
            for (int waited = 0; Lsn.Parse((await people.AskAsync(Confirmed))!) < host.Writer.MarkOf("crm")!.Last.CommitLsn; waited++)
            {
                Assert.True(waited < 600, "the position was not confirmed");
                await Task.Delay(100, TestContext.Current.CancellationToken);
            }
            Assert.Empty(host.Store!.Strange);
            Assert.InRange(host.Store.Requests!.Value.Puts, 10, 2_000);
        });
        Assert.Equal((Verdict.Verified, people.Entries().Count), Verified(people));
    }

    [Theory]
    [InlineData(20)]
    [InlineData(-20)]
    public async Task A_clock_too_far_from_the_storages_delays_publishing_and_nothing_else_and_what_waited_is_published_once_it_is_right(
        int minutes)
    {
        RadosGateway gateway = await RadosGateway.GetAsync();
        await using PeopleLedger people = await PeopleLedger.StartAsync(store: await StoreAsync(gateway));
        await people.RunningAsync(async host =>
        {
            await PeopleLedger.UntilAsync(() => host.Store is { Problem: null, LagEntries: 0 });
            long published = host.PublishedSize;
            string confirmed;
            using (ClockOfRequests wrong = new(TimeSpan.FromMinutes(minutes)))
            {
                await people.ExecuteAsync("UPDATE people SET ssn = 'by a wrong clock'");
                await people.CaughtUpAsync(host);                                     // sealed
                await PeopleLedger.UntilAsync(
                    () => host.Store!.Problem?.Contains("RequestTimeTooSkewed", StringComparison.Ordinal) == true);
                published = host.PublishedSize;
                confirmed = (await people.AskAsync(Confirmed))!;
                await people.ExecuteAsync("UPDATE people SET ssn = 'and another'");
                await people.CaughtUpAsync(host);
                Assert.True(host.Writer.TreeSize >= published + 20);
                Assert.Equal((published, confirmed), (host.PublishedSize, await people.AskAsync(Confirmed)));
            }
            await PeopleLedger.UntilAsync(() => host.Store is { Problem: null, LagEntries: 0 } && host.PublishedSize >= published + 20);
            Assert.Empty(host.Store!.Strange);
        });
        Assert.Equal((Verdict.Verified, people.Entries().Count), Verified(people));
    }

    [Fact]
    public async Task A_machine_that_is_lost_is_replaced_by_one_with_the_keyring_and_no_change_is_missing()
    {
        RadosGateway gateway = await RadosGateway.GetAsync();
        StoreConfig store = await StoreAsync(gateway);
        store.LocalEntries = 0;
        await using PeopleLedger people = await PeopleLedger.StartAsync(store: store);
        await people.RunningAsync(async host =>
        {
            for (int i = 0; i < 30; i++) await people.ExecuteAsync($"UPDATE people SET ssn = 'round {i} ' || id");
            await people.CaughtUpAsync(host);
            await host.PublishAsync(CancellationToken.None);
            long size = host.Writer.PublishedSize;
            Assert.True(size > 600);
            await PeopleLedger.UntilAsync(() => host.PublishedSize >= size
                && !Path.Exists(Path.Combine(people.Paths.Ledger, "tile/entries/000")));
            Assert.Equal(30, Ssn(host, 5).Count(value => value.StartsWith("round", StringComparison.Ordinal)));     // out of the bucket
            // From here on the storage gets nothing; then the machine burns.
            await gateway.AdministerAsync("user", "suspend", "--uid=owner");
            await people.ExecuteAsync("UPDATE people SET ssn = 'sealed and lost'");
            await people.CaughtUpAsync(host);
        });
        await gateway.AdministerAsync("user", "enable", "--uid=owner");
        foreach (string directory in (string[])[people.Paths.Ledger, people.Paths.Journal, people.Paths.Index])
            Directory.Delete(directory, recursive: true);
        await people.ExecuteAsync("UPDATE people SET ssn = 'afterwards'");
        await people.RunningAsync(async host =>
        {
            Assert.True(host.Writer.Recovery.JournalLost);
            await people.CaughtUpAsync(host);
            await host.PublishAsync(CancellationToken.None);
            List<string> values = Ssn(host, 5);
            Assert.Equal(1, values.Count(value => value == "sealed and lost"));
            Assert.Equal(1, values.Count(value => value == "afterwards"));
            await PeopleLedger.UntilAsync(() => host.Store is { Problem: null, LagEntries: 0 });
        });
        Assert.Equal((Verdict.Verified, people.Entries().Count), Verified(people));
    }

    [Fact]
    public async Task Of_two_machines_with_the_same_keys_one_ends_before_it_publishes_anything()
    {
        RadosGateway gateway = await RadosGateway.GetAsync();
        StoreConfig store = await StoreAsync(gateway);
        await using PeopleLedger people = await PeopleLedger.StartAsync(store: store);
        await people.RunningAsync(host => PeopleLedger.UntilAsync(() => host.Store is { Problem: null, LagEntries: 0 }));
        string other = Directory.CreateTempSubdirectory("indelible-twin-").FullName, home = Path.GetDirectoryName(people.Paths.Ledger)!;
        foreach (string name in (string[])["ledger", "journal", "keyring", "master.key"])
            if (Path.Exists(Path.Combine(home, name))) await Copying.AsIsAsync(Path.Combine(home, name), Path.Combine(other, name));
        await people.RunningAsync(async first =>
        {
            LedgerPaths paths = LedgerPaths.For(Path.Combine(other, "ledger")) with { Store = store.Place() };
            IndelibleConfig alone = new() { Listen = "127.0.0.1:0", Store = store };
            await using LedgerHost second = await LedgerHost.OpenAsync(paths, alone, TimeProvider.System,
                Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance, CancellationToken.None);
            Task running = second.RunAsync(null, CancellationToken.None);
            await people.ExecuteAsync("UPDATE people SET ssn = 'of the first'");
            await people.CaughtUpAsync(first);
            await PeopleLedger.UntilAsync(() => first.Store is { Problem: null, LagEntries: 0 });
            EntryBatch entries = new();
            second.NewMaker("").AddAdmin(entries, "test", new Dictionary<string, string> { ["by"] = "the second" });
            if (!running.IsCompleted) await second.SealAsync(entries, CancellationToken.None);
            CopyContradictsException lost =
                await Assert.ThrowsAsync<CopyContradictsException>(() => running.WaitAsync(TimeSpan.FromMinutes(3)));
            Assert.Contains("this one has lost", lost.Message, StringComparison.Ordinal);
            await people.ExecuteAsync("UPDATE people SET ssn = 'of the first again'");
            await people.CaughtUpAsync(first);
            await PeopleLedger.UntilAsync(() => first.Store is { Problem: null, LagEntries: 0 });
        });
        Assert.Equal((Verdict.Verified, people.Entries().Count), Verified(people));
        Directory.Delete(other, recursive: true);
    }

    [Fact]
    public async Task A_machine_with_the_keys_of_before_ends_at_the_first_head_it_would_show_after_another_one_handed_over()
    {
        RadosGateway gateway = await RadosGateway.GetAsync();
        StoreConfig store = await StoreAsync(gateway);
        await using PeopleLedger people = await PeopleLedger.StartAsync(store: store);
        await people.RunningAsync(host => PeopleLedger.UntilAsync(() => host.Store is { Problem: null, LagEntries: 0 }));
        string other = Directory.CreateTempSubdirectory("indelible-twin-").FullName, home = Path.GetDirectoryName(people.Paths.Ledger)!;
        foreach (string name in (string[])["ledger", "journal", "keyring", "master.key"])
            if (Path.Exists(Path.Combine(home, name))) await Copying.AsIsAsync(Path.Combine(home, name), Path.Combine(other, name));
        VerifierKey? before = null;
        await people.RunningAsync(async first =>
        {
            await PeopleLedger.UntilAsync(() => first.Store is { Problem: null, LagEntries: 0 });
            LedgerPaths paths = LedgerPaths.For(Path.Combine(other, "ledger")) with { Store = store.Place() };
            IndelibleConfig alone = new() { Listen = "127.0.0.1:0", Store = store };
            await using LedgerHost second = await LedgerHost.OpenAsync(paths, alone, TimeProvider.System,
                Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance, CancellationToken.None);
            Task running = second.RunAsync(null, CancellationToken.None);
            await PeopleLedger.UntilAsync(() => second.Store is { Problem: null } || running.IsCompleted);
            before = first.Keyring.LedgerKeys.Signer.VerifierKey;
            Handover handover = await KeyRotation.RunAsync(first, "a test", null, CancellationToken.None);      // while it captures
            Assert.Equal((before, first.Keyring.LedgerKeys.Signer.VerifierKey), (handover.From, handover.To));
            EntryBatch entries = new();
            second.NewMaker("").AddAdmin(entries, "test", new Dictionary<string, string> { ["by"] = "the second" });
            if (!running.IsCompleted) await second.SealAsync(entries, CancellationToken.None);
            await Assert.ThrowsAsync<CopyContradictsException>(() => running.WaitAsync(TimeSpan.FromMinutes(3)));
            await people.ExecuteAsync("UPDATE people SET ssn = 'by the new key'");
            await people.CaughtUpAsync(first);
            await first.PublishAsync(CancellationToken.None);
            await PeopleLedger.UntilAsync(() => first.Store is { Problem: null, LagEntries: 0 });
        });
        Assert.Equal((Verdict.Verified, people.Entries().Count), Verified(people));
        using LedgerFetch files = LedgerFetch.FromBucket(people.Paths.Store!.Options(), before, CancellationToken.None);
        Assert.Equal(Verdict.Verified,
            new LedgerVerifier(files.Fetch, files.OpenFile) { Policy = Policy.ForKey(before!) }.Verify(CancellationToken.None).Verdict);
        Directory.Delete(other, recursive: true);
    }

    [Fact]
    public async Task A_legal_hold_lies_on_a_ledgers_bucket_and_locked_copies_until_it_is_released_also_once_it_is_closed()
    {
        RadosGateway gateway = await RadosGateway.GetAsync();
        StoreConfig store = await StoreAsync(gateway);
        BucketOptions vault = await gateway.MakeBucketAsync(TimeSpan.FromDays(3650));
        await using PeopleLedger people = await PeopleLedger.StartAsync(store: store);
        string root = Directory.CreateTempSubdirectory("indelible-holds-").FullName;
        people.Config.Targets["plain"] = new TargetConfig { Path = Directory.CreateDirectory(Path.Combine(root, "plain")).FullName };
        people.Config.Targets["vault"] = new TargetConfig
        {
            Kind = TargetKind.S3, Endpoint = store.Endpoint, Bucket = vault.Bucket, Prefix = "crm", AccessKey = store.AccessKey,
            SecretFile = store.SecretFile, RetentionDays = 3650, EverySeconds = 0,
        };
        Task<int> HeldAsync(string bucket) => CountHeldAsync(gateway, bucket);
        await people.RunningAsync(async host =>
        {
            string origin = host.Writer.Origin;
            TargetStatus Copy(string name) => host.Copies.Single(copy => copy.Name == name);
            await PeopleLedger.UntilAsync(() => host.Store is { Problem: null, LagEntries: 0 } && Copy("vault").LagEntries == 0);
            Assert.Equal((null, null, 0), (host.Store!.Hold, Copy("vault").Hold, await HeldAsync(store.Bucket)));
            await LegalHolds.SealAsync(host, origin, isHeld: true, "a test", "case 1", CancellationToken.None);
            await people.ExecuteAsync("UPDATE people SET ssn = 'while it is held'");
            await PeopleLedger.UntilAsync(() => host.Store!.Hold == "laid" && Copy("vault").Hold == "laid");
            Assert.StartsWith("CANNOT BE LAID", Copy("plain").Hold!, StringComparison.Ordinal);
            int before = await HeldAsync(vault.Bucket);
            Assert.True(before > 4 && await HeldAsync(store.Bucket) > 4);
            await people.ExecuteAsync("UPDATE people SET ssn = 'and after'");
            await people.CaughtUpAsync(host);
            await host.PublishAsync(CancellationToken.None);
            await PeopleLedger.UntilAsync(() => host.Store is { Problem: null, LagEntries: 0 } && Copy("vault").LagEntries == 0);
            Assert.True(await HeldAsync(vault.Bucket) > before);
            await LegalHolds.SealAsync(host, origin, isHeld: false, "a test", "case 1 is closed", CancellationToken.None);
            await PeopleLedger.UntilAsync(() => host.Store!.Hold is null && Copy("vault").Hold is null);
            Assert.Equal((0, 0), (await HeldAsync(store.Bucket), await HeldAsync(vault.Bucket)));
            await LegalHolds.SealAsync(host, origin, isHeld: true, "a test", "case 2", CancellationToken.None);
            await PeopleLedger.UntilAsync(() => host.Store!.Hold == "laid" && Copy("vault").Hold == "laid");
        });
        RotatedLedger rotated = await new Rotation(people.Paths, people.Config, TimeProvider.System, static _ => { })
        {
            Origin = "example.org/t-2", Directory = Path.Combine(root, "next"), By = "a test", Store = $"s3://{store.Bucket}/next",
            Targets = new Dictionary<string, string> { ["plain"] = "", ["vault"] = "" },
        }.RunAsync(CancellationToken.None);
        IndelibleConfig config = ConfigFile.Load(rotated.ConfigPath, required: true);
        await using (LedgerHost next = await LedgerHost.OpenAsync(ConfigFile.Paths(rotated.ConfigPath, config, null), config,
            TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance, CancellationToken.None))
        {
            Assert.True(await HeldAsync(store.Bucket) > 0);
            Assert.NotNull(
                await LegalHolds.SealAsync(
                    next, rotated.ClosedOrigin, isHeld: false, "a test", "case 2 is closed", CancellationToken.None));
            Assert.Equal(2,
                (await LegalHolds.LayAsync(config, rotated.ClosedOrigin, isHeld: false, TimeProvider.System, CancellationToken.None))
                    .Count(done => done.Problem is null));
            Assert.Equal((0, 0), (await HeldAsync(store.Bucket), await HeldAsync(vault.Bucket)));
        }
        Directory.Delete(root, recursive: true);
    }

    [Fact]
    public async Task A_bucket_that_will_not_do_ends_run_at_its_start()
    {
        RadosGateway gateway = await RadosGateway.GetAsync();
        StoreConfig store = await StoreAsync(gateway);
        await using PeopleLedger people = await PeopleLedger.StartAsync(store: store);
        store.Bucket = (await gateway.MakeBucketAsync(null, hasLock: false)).Bucket;
        people.Paths = people.Paths with { Store = store.Place() };
        await using LedgerHost host = await people.OpenAsync();
        IndelibleException refused = await Assert.ThrowsAsync<IndelibleException>(() => host.RunAsync(null, CancellationToken.None));
        Assert.Contains("no Object Lock", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_spool_is_full_until_what_waits_in_it_is_stored()
    {
        Spool spool = new(LedgerPaths.For(Path.Combine(Path.GetTempPath(), "none", "ledger")), 3 << 20, stored: 0, staged: 0);
        EntryBatch batch = new();
        for (int i = 0; i < 100; i++) batch.Add(new byte[10_000]);
        for (int i = 0; i < 4; i++)
        {
            Assert.False(spool.IsFull);
            spool.Add(new PublishedEntries(i * 100, (i + 1) * 100, [batch]));
        }
        Assert.Equal((true, 4 * 100 * 10_002L), (spool.IsFull, spool.Length));
        spool.Stored(50);
        Assert.True(spool.IsFull);
        spool.Stored(250);
        Assert.False(spool.IsFull);
        spool.Stored(400);
        Assert.Equal(0, spool.Length);
    }

    /// <summary>Objects of a bucket that the storage's own legal hold lies on.</summary>
    private static async Task<int> CountHeldAsync(RadosGateway gateway, string bucket)
    {
        using AmazonS3Client client = gateway.Client();
        ListVersionsRequest request = new() { BucketName = bucket };
        int held = 0;
        while (true)
        {
            ListVersionsResponse page = await client.ListVersionsAsync(request);
            foreach (S3ObjectVersion version in page.Versions.Where(version => version.IsDeleteMarker != true))
            {
                try
                {
                    GetObjectLegalHoldResponse answer = await client.GetObjectLegalHoldAsync(
                        new GetObjectLegalHoldRequest { BucketName = bucket, Key = version.Key, VersionId = version.VersionId });
                    if (answer.LegalHold?.Status == ObjectLockLegalHoldStatus.On) held++;
                }
                catch (AmazonS3Exception e) when (e.StatusCode == System.Net.HttpStatusCode.NotFound)
                {
                    continue; // never held
                }
            }
            if (page.IsTruncated != true) return held;
            (request.KeyMarker, request.VersionIdMarker) = (page.NextKeyMarker, page.NextVersionIdMarker);
        }
    }

    private const string Confirmed = "SELECT confirmed_flush_lsn FROM pg_replication_slots";

    private static async Task<StoreConfig> StoreAsync(RadosGateway gateway)
    {
        BucketOptions bucket = await gateway.MakeBucketAsync(TimeSpan.FromDays(3650));
        string secret = Path.Combine(Directory.CreateTempSubdirectory("indelible-secret-").FullName, "secret");
        DurableFile.ReplaceSecret(secret, Encoding.UTF8.GetBytes(RadosGateway.Owner.Secret + "\n"));
        return new StoreConfig
        {
            Endpoint = bucket.Endpoint!.AbsoluteUri, Bucket = bucket.Bucket, Prefix = "crm", AccessKey = RadosGateway.Owner.Id,
            SecretFile = secret, RetentionDays = 3650, EverySeconds = 0,
        };
    }

    /// <summary>What a row held after each of its changes, the oldest first.</summary>
    private static List<string> Ssn(LedgerHost host, int id) =>
    [
        .. host.View.Reader.ReadEntries(0, host.View.Reader.ReadCheckpoint().Size)
            .Select(entry => EntryCodec.Decode(entry.Entry, out Entry decoded) == EntryFault.None
                ? (entry.Index, decoded)
                : throw new InvalidOperationException())
            .Where(entry => entry.decoded.Header.Kind == EntryKind.Change && entry.decoded.Header.Key is { Columns: [{ Value: var key }] }
                && key == $"{id}")
            .Select(entry =>
                System.Text.Encoding.UTF8.GetString(
                    host.View.Values.Open(entry.decoded, entry.decoded.Fields[0], Side.After).Value.Bytes.Span)),
    ];

    private static (Verdict Verdict, long Size) Verified(PeopleLedger people)
    {
        VerifierKey key;
        using (Keyring keyring = LedgerView.OpenKeyring(people.Paths)) key = keyring.LedgerKeys.Signer.VerifierKey;
        using LedgerFetch files = LedgerFetch.FromBucket(people.Paths.Store!.Options(), key, CancellationToken.None);
        VerificationReport report =
            new LedgerVerifier(files.Fetch, files.OpenFile) { Policy = Policy.ForKey(key) }.Verify(CancellationToken.None);
        return (report.Verdict, report.TreeSize);
    }
}
