using Amazon.S3;
using Amazon.S3.Model;
using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Format.Verification;
using Indelible.Ledger.Stores;
using Indelible.Testing;
using Xunit;

namespace Indelible.Ledger.Tests.Stores;

/// <summary>A ledger that lives in a real object store: one writer, taken over from the bucket alone,
/// read where its directory has nothing.</summary>
public sealed class BucketLedgerTests : IAsyncLifetime
{
    private readonly List<TestLedger> _ledgers = [];
    private RadosGateway _gateway = null!;
    private BucketOptions _options = null!;

    public async ValueTask InitializeAsync()
    {
        _gateway = await RadosGateway.GetAsync();
        _options = await _gateway.MakeBucketAsync(TimeSpan.FromDays(3650)) with { IsPrimary = true };
    }

    public ValueTask DisposeAsync()
    {
        foreach (TestLedger ledger in _ledgers) ledger.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Of_two_writers_at_the_same_moment_exactly_one_publishes_and_every_head_is_of_one_history()
    {
        for (int round = 0; round < 5; round++)
        {
            BucketOptions options = _options with { Prefix = $"race{round}/" };
            TestLedger one = await NewAsync(options);
            await SealAsync(one, 100, 0);
            await PublishAsync(one, options);
            TestLedger twin = Copy(one, options);
            await SealAsync(one, 50, 1_000);
            await SealAsync(twin, 70, 2_000);
            await using Writing first = await Writing.OpenAsync(one, options), second = await Writing.OpenAsync(twin, options);
            Exception?[] failures = await Task.WhenAll(FailureAsync(first), FailureAsync(second));
            Assert.IsType<CopyContradictsException>(Assert.Single(failures, failure => failure is not null));
            long won = failures[0] is null ? 150 : 170;
            Assert.Equal((Verdict.Verified, won), Verified(options));
            using Bucket bucket = new(options);
            List<ObjectVersion> heads = await ListAsync(bucket, "checkpoints/");
            Assert.Equal([BucketHeads.PathOf(0), BucketHeads.PathOf(100), BucketHeads.PathOf(won)],
                heads.Select(head => head.Path).Distinct().Order(StringComparer.Ordinal));
            // Nothing of the loser's is lost: it is in its directory, whole.
            TestLedger lost = failures[0] is null ? twin : one;
            Assert.Equal(failures[0] is null ? 170 : 150, LedgerReader.Of(lost.Paths).ReadCheckpoint().Size);
            await Assert.ThrowsAsync<CopyContradictsException>(() => Writing.OpenAsync(lost, options));
        }
    }

    [Fact]
    public async Task A_head_that_was_claimed_by_a_writer_that_died_is_shown_by_the_next_one()
    {
        TestLedger ledger = await NewAsync(_options);
        await SealAsync(ledger, 300, 0);
        await PublishAsync(ledger, _options);
        TestLedger before = Copy(ledger, _options);
        await SealAsync(ledger, 40, 300);
        // Everything is stored, and the writer dies before it shows the head.
        await using (Writing dying = await Writing.OpenAsync(ledger, _options, shown: _ => throw new IOException("died")))
        {
            using Bucket bucket = new(_options with { IsPrimary = false });
            (SignedNote note, Checkpoint head) = LedgerReader.Of(ledger.Paths).ReadSignedCheckpoint();
            await using (Copying stored = await Copying.OpenAsync(ledger,
                new BucketStore(_options with { Prefix = "elsewhere/", IsPrimary = false }, TimeProvider.System),
                reader: LedgerReader.Of(ledger.Paths))) await stored.RoundAsync();
            await CopyObjectsAsync(bucket, "elsewhere/tile/", "tile/");
            await new BucketClaims(bucket)
                .ClaimAsync(300, note.ToBytes(), DateTimeOffset.UtcNow.AddDays(1), SizeOf, static (_, _) => Task.CompletedTask,
                    CancellationToken.None);
            Assert.Equal((Verdict.Verified, 300L), Verified(_options));
            Assert.Equal(340, head.Size);
        }
        // Its own next process has sealed more meanwhile; one with an older copy of its directory must not go on.
        await Assert.ThrowsAsync<CopyContradictsException>(() => Writing.OpenAsync(before, _options));
        Assert.Equal((Verdict.Verified, 340L), Verified(_options));
        await SealAsync(ledger, 60, 340);
        await PublishAsync(ledger, _options);
        Assert.Equal((Verdict.Verified, 400L), Verified(_options));
        // And one that has the keys alone goes on where the bucket ends.
        TestLedger taken = Empty(_options);
        await using (LedgerWriter writer = await taken.OpenAsync(new LedgerOptions { AcceptMissingGuard = true }))
        {
            Assert.Equal((400L, true), (writer.TreeSize, writer.Recovery.JournalLost));
            await writer.SealAsync(RealEntries.Batch(10, 5_000), CancellationToken.None);
        }
        await PublishAsync(taken, _options);
        Assert.Equal((Verdict.Verified, 410L), Verified(_options));
        await Assert.ThrowsAsync<CopyContradictsException>(() => Writing.OpenAsync(ledger, _options));
    }

    [Fact]
    public async Task What_the_directory_no_longer_has_is_read_from_the_bucket_whatever_else_somebody_wrote_there()
    {
        TestLedger ledger = await NewAsync(_options);
        await using (LedgerWriter writer = await ledger.OpenAsync())
        {
            await writer.SealAsync(RealEntries.Mixed(2, 600), CancellationToken.None);
            await writer.SealAsync(RealEntries.Batch(700, 10_000), CancellationToken.None);
        }
        await PublishAsync(ledger, _options);
        string blobs = Path.Combine(ledger.Paths.Ledger, "blobs");
        LedgerReader reader = LedgerReader.Of(ledger.Paths);
        List<byte[]> entries = [.. reader.ReadEntries(0, 1300).Select(entry => entry.Entry.ToArray())];
        Assert.NotEmpty(Directory.EnumerateFiles(blobs, "*", SearchOption.AllDirectories));
        byte[][] blobNames = [.. Directory.EnumerateFiles(blobs, "*", SearchOption.AllDirectories)
            .Select(file => Convert.FromHexString(Path.GetFileName(file)))];
        new LocalPart(ledger.Paths).Shorten(1_030);
        new LocalPart(ledger.Paths).Shorten(1_030);      // as after a restart
        Assert.False(Path.Exists(Path.Combine(ledger.Paths.Ledger, "tile/entries/003")));
        Assert.True(Path.Exists(Path.Combine(ledger.Paths.Ledger, "tile/entries/004")));
        Assert.Empty(Directory.EnumerateFiles(blobs, "*", SearchOption.AllDirectories));

        using AmazonS3Client owner = _gateway.Client();
        foreach (string path in (string[])["tile/entries/001", "tile/0/002"])
        {
            await owner.PutObjectAsync(
                new PutObjectRequest { BucketName = _options.Bucket, Key = _options.Prefix + path, ContentBody = "forged",
                    UseChunkEncoding = false });
            await owner.DeleteObjectAsync(_options.Bucket, _options.Prefix + path);
        }
        LedgerReader again = LedgerReader.Of(ledger.Paths).Published(ledger.Paths);
        Assert.Equal(entries, again.ReadEntries(0, 1300).Select(entry => entry.Entry.ToArray()));
        Assert.All(blobNames, name => Assert.False(again.ReadBlob(name).IsEmpty));
        foreach (long index in (long[])[0, 300, 600, 1299])
        {
            Assert.Equal(Verdict.Verified,
                EvidenceVerifier.Verify(again.Prove(index).ToBytes(), Policy.ForKey(TestLedger.Signer.VerifierKey)).Verdict);
        }
        await SealAsync(ledger, 800, 20_000);             // recovery and publishing do not need what is gone
        await PublishAsync(ledger, _options);
        Assert.Equal((Verdict.Verified, 2_100L), Verified(_options));
        Assert.Throws<IndelibleException>(() => LedgerWriter.RequireStore(ledger.Paths with { Store = null }));
    }

    [Fact]
    public async Task Storage_that_keeps_no_versions_or_not_in_order_is_no_place_for_a_ledger()
    {
        BucketOptions plain = await _gateway.MakeBucketAsync(retention: null, hasLock: false, hasVersions: false) with { IsPrimary = true };
        IndelibleException refused = await Assert.ThrowsAsync<IndelibleException>(() => NewAsync(plain));
        Assert.Contains("does not keep versions", refused.Message, StringComparison.Ordinal);
        BucketOptions versions = await _gateway.MakeBucketAsync(retention: null, hasLock: false) with { IsPrimary = true };
        TestLedger unlocked = await NewAsync(versions);
        await SealAsync(unlocked, 10, 0);
        await PublishAsync(unlocked, versions);
        Assert.Equal((Verdict.Verified, 10L), Verified(versions));
        await using LyingStorage liar = new();
        refused = await Assert.ThrowsAsync<IndelibleException>(
            () => NewAsync(
                new BucketOptions { Bucket = "b", Endpoint = liar.Endpoint, Credentials = ("a", "b"), Retention = TimeSpan.FromDays(1),
                    IsPrimary = true }));
        Assert.Contains("refused as the ledger's store", refused.Message, StringComparison.Ordinal);
    }

    private static async Task<Exception?> FailureAsync(Writing writing)
    {
        try
        {
            await writing.RoundAsync();
            return null;
        }
        catch (CopyContradictsException e)
        {
            return e;
        }
    }

    private static long? SizeOf(ReadOnlyMemory<byte> bytes) => Checkpoint.Parse(bytes.Span, out _, out Checkpoint? head).IsNone
        ? head!.Size : null;

    private static (Verdict, long) Verified(BucketOptions options)
    {
        using LedgerFetch files = LedgerFetch.FromBucket(options, TestLedger.Signer.VerifierKey, CancellationToken.None);
        VerificationReport report = new LedgerVerifier(
            files.Fetch, files.OpenFile) { Policy = Policy.ForKey(TestLedger.Signer.VerifierKey) }.Verify(CancellationToken.None);
        return (report.Verdict, report.TreeSize);
    }

    private static async Task SealAsync(TestLedger ledger, int count, int first)
    {
        await using LedgerWriter writer = await ledger.OpenAsync();
        await writer.SealAsync(RealEntries.Batch(count, first), CancellationToken.None);
    }

    private static async Task PublishAsync(TestLedger ledger, BucketOptions options)
    {
        await using Writing writing = await Writing.OpenAsync(ledger, options);
        await writing.RoundAsync();
    }

    private async Task<TestLedger> NewAsync(BucketOptions options)
    {
        TestLedger ledger = Empty(options);
        await LedgerWriter.CreateAsync(ledger.Paths, ledger.Keys, CancellationToken.None);
        await PublishAsync(ledger, options);
        return ledger;
    }

    private TestLedger Empty(BucketOptions options) => Kept(new TestLedger(), options);

    private TestLedger Copy(TestLedger ledger, BucketOptions options) => Kept(ledger.Copy(), options);

    private TestLedger Kept(TestLedger ledger, BucketOptions options)
    {
        ledger.Paths = ledger.Paths with { Store = new StorePlace(options.Place, () => options) };
        _ledgers.Add(ledger);
        return ledger;
    }

    private static async Task<List<ObjectVersion>> ListAsync(Bucket bucket, string under)
    {
        List<ObjectVersion> all = [];
        await foreach (ObjectVersion version in bucket.VersionsAsync(under, null, deep: true, CancellationToken.None)) all.Add(version);
        return all;
    }

    /// <summary>Stores again, under the ledger's own prefix, what was stored under another one.</summary>
    private async Task CopyObjectsAsync(Bucket bucket, string from, string to)
    {
        using Bucket whole = new(_options with { Prefix = "" });
        foreach (ObjectVersion version in await ListAsync(whole, from))
        {
            await bucket.PutAsync(to + version.Path[from.Length..],
                (await whole.ReadAsync(version.Path, version.Id, int.MaxValue / 2, CancellationToken.None))!, null, onlyNew: false,
                CancellationToken.None);
        }
    }

    /// <summary>Brings a ledger's bucket up to what is staged, as `run` does.</summary>
    private sealed class Writing(TestLedger ledger, BucketOptions options, Action<ReadOnlyMemory<byte>>? shown) : IAsyncDisposable
    {
        private readonly BucketStore _store = new(options, TimeProvider.System);
        private CopyWriter _copy = null!;

        public static async Task<Writing> OpenAsync(TestLedger ledger, BucketOptions options, Action<ReadOnlyMemory<byte>>? shown = null)
        {
            Writing writing = new(ledger, options, shown);
            await writing.OpenAsync();
            return writing;
        }

        public Task RoundAsync() => _copy.RoundAsync(static _ => { }, CancellationToken.None);

        public ValueTask DisposeAsync() => _store.DisposeAsync();

        private async Task OpenAsync()
        {
            bool isOpen = false;
            _copy = new CopyWriter(LedgerReader.Of(ledger.Paths), () => KeyHistory.Of(TestLedger.Signer.VerifierKey), _store, default)
            {
                Showing = head => ledger.Keys.Guard.Write(head.Origin, new GuardedHead(head.Size, head.Root)),
                Shown = head =>
                {
                    if (isOpen) shown?.Invoke(head);
                    DurableFile.Replace(ledger.Paths.PublishedHeadPath, head.Span);
                },
            };
            try
            {
                await _copy.OpenAsync(CancellationToken.None);
                isOpen = true;
            }
            catch
            {
                await _store.DisposeAsync();
                throw;
            }
        }
    }
}
