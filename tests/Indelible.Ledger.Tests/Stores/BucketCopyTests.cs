using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Amazon.S3;
using Amazon.S3.Model;
using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Format.Verification;
using Indelible.Ledger.Following;
using Indelible.Ledger.Stores;
using Indelible.Testing;
using Xunit;

namespace Indelible.Ledger.Tests.Stores;

/// <summary>A copy in a real object store that locks: whoever holds the bucket owner's credentials changes nothing
/// that a reader accepts.</summary>
public sealed class BucketCopyTests : IAsyncLifetime
{
    private static readonly TimeSpan Retention = TimeSpan.FromDays(3650);
    private TestLedger _ledger = null!;
    private RadosGateway _gateway = null!;

    public async ValueTask InitializeAsync()
    {
        _gateway = await RadosGateway.GetAsync();
        _ledger = await TestLedger.CreateAsync();
    }

    public ValueTask DisposeAsync()
    {
        _ledger.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_copy_grows_is_verified_from_the_bucket_and_is_resumed_without_storing_twice()
    {
        BucketOptions options = await _gateway.MakeBucketAsync(Retention);
        Keep("anchors/300/tsa.tsr", "token"u8);
        BucketStore store = new(options, TimeProvider.System);
        await using (Copying copying = await Copying.OpenAsync(_ledger, store))
        {
            int sealedSize = 0;
            foreach (int count in (int[])[0, 1, 255, 1, 300, 700])
            {
                await SealAsync(sealedSize + 1, count);
                await copying.RoundAsync();
                sealedSize += count;
                (VerificationReport report, IReadOnlyCollection<string> strange) = Verify(options);
                Assert.Equal((Verdict.Verified, sealedSize), (report.Verdict, report.TreeSize));
                Assert.Empty(strange);
            }
            Assert.True(Verify(options).Report.Blobs > 3);
            await store.TendAsync(sealedSize, extendLocks: true, CancellationToken.None);
            Assert.Empty(store.Strange);
        }
        long before = await VersionsAsync(options);
        BucketStore again = new(options, TimeProvider.System);
        await using (Copying copying = await Copying.OpenAsync(_ledger, again))
        {
            Assert.Equal(1257, copying.Progress.Size);
            await SealAsync(1258, 1);
            await copying.RoundAsync();
        }
        Assert.Empty(again.Strange);
        Assert.Equal(before + 4, await VersionsAsync(options));     // a bundle and a tile of the tail, the head, its pointer
    }

    [Fact]
    public async Task The_owners_own_credentials_change_nothing_that_a_reader_accepts()
    {
        BucketOptions options = await _gateway.MakeBucketAsync(Retention);
        await SealAsync(1, 1257);
        BucketStore store = new(options, TimeProvider.System);
        await using Copying copying = await Copying.OpenAsync(_ledger, store);
        await copying.RoundAsync();
        byte[] head = (await VerifiedAsync(options)).ToArray();

        using AmazonS3Client owner = _gateway.Client();
        string[] paths =
            ["tile/entries/001", "tile/0/002", "tile/0/004.p/233", "tile/1/000.p/4", "tile/entries/004.p/233", BucketHeads.PathOf(1257)];
        foreach (string path in paths)
        {
            string key = options.Prefix + path;
            string version = (await owner.GetObjectMetadataAsync(options.Bucket, key)).VersionId;
            foreach (bool bypass in (bool[])[false, true])
            {
                await Assert.ThrowsAsync<AmazonS3Exception>(
                    () => owner.DeleteObjectAsync(
                        new DeleteObjectRequest { BucketName = options.Bucket, Key = key, VersionId = version,
                            BypassGovernanceRetention = bypass ? true : null }));
            }
            foreach (ObjectLockRetention weaker in (ObjectLockRetention[])
            [
                new() { Mode = ObjectLockRetentionMode.Compliance, RetainUntilDate = DateTime.UtcNow.AddMinutes(1) },
                new() { Mode = ObjectLockRetentionMode.Governance, RetainUntilDate = DateTime.UtcNow.AddYears(20) },
            ])
            {
                await Assert.ThrowsAsync<AmazonS3Exception>(
                    () => owner.PutObjectRetentionAsync(
                        new PutObjectRetentionRequest { BucketName = options.Bucket, Key = key, VersionId = version, Retention = weaker,
                            BypassGovernanceRetention = true }));
            }
            await owner.PutObjectAsync(
                new PutObjectRequest { BucketName = options.Bucket, Key = key, ContentBody = "forged", UseChunkEncoding = false });
            await owner.DeleteObjectAsync(options.Bucket, key);
        }
        await Assert.ThrowsAsync<AmazonS3Exception>(
            () => owner.PutBucketVersioningAsync(
                new PutBucketVersioningRequest { BucketName = options.Bucket,
                    VersioningConfig = new S3BucketVersioningConfig { Status = VersionStatus.Suspended } }));
        await owner.DeleteObjectAsync(options.Bucket, options.Prefix + "checkpoint");

        Assert.Equal(head, await VerifiedAsync(options));
        (VerificationReport report, IReadOnlyCollection<string> strange) = Verify(options);
        Assert.Equal((Verdict.Verified, 1257L), (report.Verdict, report.TreeSize));
        Assert.All(paths[..5], path => Assert.Contains(strange, told => told.StartsWith(path, StringComparison.Ordinal)));
        Assert.Contains(strange, told => told.StartsWith("checkpoint:", StringComparison.Ordinal));
        await store.TendAsync(1257, extendLocks: false, CancellationToken.None);
        Assert.All(paths, path => Assert.Contains(store.Strange, told => told.StartsWith(path, StringComparison.Ordinal)));

        await SealAsync(1258, 600);     // and it is written on
        await copying.RoundAsync();
        Assert.Equal((Verdict.Verified, 1857L), (Verify(options).Report.Verdict, Verify(options).Report.TreeSize));
        string mirror = TestLedger.NewRoot();                       // and a mirror follows it
        using (LedgerFetch source = LedgerFetch.FromBucket(options, TestLedger.Signer.VerifierKey, CancellationToken.None))
        using (LedgerCopy followed = LedgerCopy.Open(mirror, TestLedger.Signer.VerifierKey))
        {
            FollowOutcome outcome = await new LedgerFollower(followed, source, "the bucket", null, TimeProvider.System)
                .RoundAsync(CancellationToken.None);
            Assert.Equal(1857, Assert.IsType<FollowOutcome.Stored>(outcome).Entries);
        }
        Directory.Delete(mirror, recursive: true);
    }

    [Fact]
    public async Task Objects_that_somebody_wrote_beforehand_mislead_nobody()
    {
        BucketOptions options = await _gateway.MakeBucketAsync(Retention);
        using AmazonS3Client owner = _gateway.Client();
        await SealAsync(1, 600);
        NoteSigner stranger = NoteSigner.FromSeed(TestLedger.Origin, new byte[32]);
        byte[] forged = new Checkpoint { Origin = TestLedger.Origin, Size = 900_000,
            Root = Format.Merkle.Hash.Read(new byte[32]) }.Sign(stranger).ToBytes();
        foreach (string path in (string[])["tile/entries/000", "tile/0/000", "tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/002.p/88"])
        {
            byte[] true_ = await File.ReadAllBytesAsync(Path.Combine(_ledger.Paths.Ledger, path));
            await PutAsync(owner, options, path, [.. true_.Select(b => (byte)(b ^ 1))]);      // of the right length
        }
        await PutAsync(owner, options, BucketHeads.PathOf(600), forged);
        await PutAsync(owner, options, BucketHeads.PathOf(900_000), forged);
        await PutAsync(owner, options, "checkpoint", forged);

        BucketStore store = new(options, TimeProvider.System);
        // no head of ours yet: somebody else's place
        await Assert.ThrowsAsync<CopyDamagedException>(() => Copying.OpenAsync(_ledger, store));
        await owner.DeleteObjectAsync(options.Bucket, options.Prefix + "checkpoint");
        store = new BucketStore(options, TimeProvider.System);
        await using Copying copying = await Copying.OpenAsync(_ledger, store);
        await copying.RoundAsync();
        Assert.Equal(600, copying.Progress.Size);
        (VerificationReport report, IReadOnlyCollection<string> strange) = Verify(options);
        Assert.Equal((Verdict.Verified, 600L), (report.Verdict, report.TreeSize));
        Assert.Contains(strange, told => told.Contains("900000", StringComparison.Ordinal));
        Assert.Contains(store.Strange, told => told.StartsWith("tile/0/000:", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_second_writer_under_the_same_key_loses_and_what_the_first_wrote_is_read()
    {
        BucketOptions options = await _gateway.MakeBucketAsync(Retention);
        await SealAsync(1, 100);
        await using Copying first = await Copying.OpenAsync(_ledger, new BucketStore(options, TimeProvider.System));
        await first.RoundAsync();
        using TestLedger twin = _ledger.Copy();
        await using Copying second = await Copying.OpenAsync(twin, new BucketStore(options, TimeProvider.System));
        await SealAsync(101, 50);
        await using (LedgerWriter writer = await twin.OpenAsync())
            await writer.SealAsync(RealEntries.Batch(50, 900), CancellationToken.None);
        await first.RoundAsync();
        CopyContradictsException lost = await Assert.ThrowsAsync<CopyContradictsException>(() => second.RoundAsync());
        Assert.Contains("two histories", lost.Message, StringComparison.Ordinal);
        (VerificationReport report, _) = Verify(options);
        Assert.Equal(
            (Verdict.Verified, new LedgerReader(_ledger.Paths.Ledger).ReadCheckpoint().Root), (report.Verdict, report.Root!.Value));

        // longer, and later
        await using (LedgerWriter writer = await twin.OpenAsync())
            await writer.SealAsync(RealEntries.Batch(500, 950), CancellationToken.None);
        await Assert.ThrowsAsync<CopyContradictsException>(() => Copying.OpenAsync(twin, new BucketStore(options, TimeProvider.System)));
        await SealAsync(151, 10);
        await first.RoundAsync();
        Assert.Equal((Verdict.Verified, 160L), (Verify(options).Report.Verdict, Verify(options).Report.TreeSize));
    }

    [Fact]
    public async Task Locks_are_extended_before_they_end_and_tails_that_are_over_are_let_go()
    {
        BucketOptions options =
            await _gateway.MakeBucketAsync(TimeSpan.FromSeconds(3600)) with { PassingRetentionMax = TimeSpan.FromSeconds(3) };
        await SealAsync(1, 300);
        BucketStore store = new(options, TimeProvider.System);
        await using Copying copying = await Copying.OpenAsync(_ledger, store);
        await copying.RoundAsync();
        using Bucket bucket = new(options);
        ObjectVersion full = await OnlyAsync(bucket, "tile/0/000"), tail = await OnlyAsync(bucket, "tile/0/001.p/44");
        DateTimeOffset before = (await bucket.LockedUntilAsync(full.Path, full.Id, CancellationToken.None))!.Value;
        DateTimeOffset tailBefore = (await bucket.LockedUntilAsync(tail.Path, tail.Id, CancellationToken.None))!.Value;
        await Task.Delay(1_500, TestContext.Current.CancellationToken);       // clocks of storages count seconds
        await store.TendAsync(300, extendLocks: false, CancellationToken.None);
        Assert.Equal(before, await bucket.LockedUntilAsync(full.Path, full.Id, CancellationToken.None));
        Assert.True(await bucket.LockedUntilAsync(tail.Path, tail.Id, CancellationToken.None) > tailBefore);
        await store.TendAsync(300, extendLocks: true, CancellationToken.None);
        Assert.True(await bucket.LockedUntilAsync(full.Path, full.Id, CancellationToken.None) > before);

        await SealAsync(301, 300);
        await copying.RoundAsync();
        for (int waited = 0; (await ListAsync(bucket, "tile/0/001.p/")).Count > 0; waited++)
        {
            Assert.True(waited < 60, "the tail is still there");
            await Task.Delay(1_000, TestContext.Current.CancellationToken);
            await store.TendAsync(600, extendLocks: false, CancellationToken.None);
        }
        Assert.Equal(Verdict.Verified, Verify(options).Report.Verdict);
        Assert.Empty(store.Strange);
    }

    [Fact]
    public async Task What_the_storages_own_administrator_removes_is_found_and_stored_again_by_nobody()
    {
        BucketOptions options = await _gateway.MakeBucketAsync(Retention);
        await SealAsync(1, 600);
        BucketStore store = new(options, TimeProvider.System);
        await using Copying copying = await Copying.OpenAsync(_ledger, store);
        await copying.RoundAsync();
        using (Bucket bucket = new(options))
        {
            ObjectVersion bundle = await OnlyAsync(bucket, "tile/entries/000");
            await _gateway.AdministerAsync(
                "object", "rm", $"--bucket={options.Bucket}", $"--object={options.Prefix}{bundle.Path}", $"--object-version={bundle.Id}");
        }
        await store.TendAsync(600, extendLocks: false, CancellationToken.None);
        Assert.Contains(store.Strange, told => told.Contains("expected 2 full bundles", StringComparison.Ordinal));
        VerificationReport report = Verify(options).Report;
        Assert.Equal(Verdict.Failed, report.Verdict);
        Assert.Contains(report.Findings, finding => finding.File == "tile/entries/000");
    }

    [Fact]
    public async Task A_large_blob_is_stored_in_parts_and_locked()
    {
        BucketOptions options = await _gateway.MakeBucketAsync(Retention);
        Blob blob = TestLedger.BlobOf(7, (2 * Bucket.PartLength) + 5);
        BucketStore store = new(options, TimeProvider.System);
        await store.OpenAsync(default, CancellationToken.None);
        string path = $"blobs/{Convert.ToHexStringLower(blob.Sha256.Span)[..2]}/{Convert.ToHexStringLower(blob.Sha256.Span)}";
        for (int i = 0; i < 2; i++)
            await store.PutLargeAsync(path, new MemoryStream(blob.Ciphertext.ToArray()), blob.Ciphertext.Length, CancellationToken.None);
        using Bucket bucket = new(options);
        ObjectVersion stored = await OnlyAsync(bucket, path);
        Assert.Equal(blob.Ciphertext.Length, stored.Length);
        Assert.True(await bucket.LockedUntilAsync(path, stored.Id, CancellationToken.None) > DateTimeOffset.UtcNow + (Retention / 2));
        Assert.Equal(blob.Ciphertext.ToArray(), await bucket.ReadAsync(path, stored.Id, int.MaxValue / 2, CancellationToken.None));
        await store.DisposeAsync();
    }

    [Fact]
    public async Task Buckets_and_credentials_that_will_not_do_are_refused_with_what_to_do()
    {
        await SealAsync(1, 10);
        BucketOptions locked = await _gateway.MakeBucketAsync(Retention);
        await RefusedAsync(ExitCode.Usage, "no Object Lock", await _gateway.MakeBucketAsync(Retention, hasLock: false));
        await RefusedAsync(
            ExitCode.Usage, "versioning is not enabled", await _gateway.MakeBucketAsync(Retention, hasLock: false, hasVersions: false));
        await RefusedAsync(ExitCode.Usage, "no such bucket", locked with { Bucket = "missing" });
        await RefusedAsync(ExitCode.Usage, "does not accept the credentials (InvalidAccessKeyId)",
            locked with { Credentials = ("NOBODY", RadosGateway.Owner.Secret) });
        await RefusedAsync(ExitCode.Usage, "does not accept the credentials (SignatureDoesNotMatch)",
            locked with { Credentials = (RadosGateway.Owner.Id, "wrong") });
        await RefusedAsync(ExitCode.Usage, "lack a permission", locked with { Credentials = RadosGateway.Other });
        await RefusedAsync(ExitCode.Environment, "Is the storage up", locked with { Endpoint = new Uri("http://127.0.0.1:9/") });
        using X509Certificate2 certificate = SelfSigned();
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        Task serving = ServeTlsAsync(listener, certificate);
        await RefusedAsync(ExitCode.Environment, "TLS certificate is not trusted",
            locked with { Endpoint = new Uri($"https://localhost:{((IPEndPoint)listener.LocalEndpoint).Port}/") });
        listener.Stop();
        await serving;
        Assert.Equal(0, await VersionsAsync(locked));
    }

    [Fact]
    public async Task Storage_that_takes_every_lock_and_enforces_none_is_found_out()
    {
        await using LyingStorage liar = new();
        BucketOptions options = new() { Bucket = "b", Endpoint = liar.Endpoint, Credentials = ("a", "b"), Retention = Retention };
        foreach ((string keeps, string words) in ((string, string)[])
        [
            ("", "as asked, found no such lock"),
            ("lock", "after a shorter lock was asked for"),
            ("longer", "after its version was removed, found none"),
            ("delete", "after it was written over, found none"),
        ])
        {
            if (keeps.Length > 0) liar.Keeps.Add(keeps);
            await RefusedAsync(ExitCode.Usage, words, options);
        }
        liar.Keeps.Add("versions");
        await using BucketStore store = new(options, TimeProvider.System);
        await store.OpenAsync(default, CancellationToken.None);     // it keeps to everything now
        Assert.False(store.HonoursOnlyNew);

        // The lock that is tried ends in an hour, that of a tail in thirty days: only what stays tells.
        liar.Keeps.Add("40 days");
        await store.PutAsync([new StoreFile("tile/0/000.p/1", new byte[32], IsPassing: true)], CancellationToken.None);
        IndelibleException shorter = await Assert.ThrowsAsync<IndelibleException>(
            () => store.PutAsync([new StoreFile("tile/0/000", new byte[8192], IsPassing: false)], CancellationToken.None));
        Assert.Equal(ExitCode.Usage, shorter.ExitCode);
        Assert.Contains("does a policy of the bucket limit retention?", shorter.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_bucket_that_does_not_lock_may_hold_a_copy_that_asks_for_none()
    {
        foreach (bool hasVersions in (bool[])[true, false])
        {
            BucketOptions options = await _gateway.MakeBucketAsync(retention: null, hasLock: false, hasVersions);
            using TestLedger ledger = await TestLedger.CreateAsync();
            await using (LedgerWriter writer = await ledger.OpenAsync())
                await writer.SealAsync(RealEntries.Batch(300), CancellationToken.None);
            await using (Copying copying = await Copying.OpenAsync(ledger, new BucketStore(options, TimeProvider.System)))
                await copying.RoundAsync();
            Assert.Equal(Verdict.Verified, Verify(options).Report.Verdict);
            using AmazonS3Client owner = _gateway.Client();
            await PutAsync(owner, options, "tile/0/000", new byte[8192]);
            await owner.DeleteObjectAsync(options.Bucket, options.Prefix + "checkpoint");
            foreach (S3ObjectVersion version in (await owner.ListVersionsAsync(options.Bucket, options.Prefix + "checkpoint")).Versions)
                await owner.DeleteObjectAsync(options.Bucket, version.Key, version.VersionId);
            await using Copying again = await Copying.OpenAsync(ledger, new BucketStore(options, TimeProvider.System));
            if (hasVersions)
            {
                await again.RoundAsync();
                Assert.Equal(Verdict.Verified, Verify(options).Report.Verdict);
            }
            else await Assert.ThrowsAsync<CopyDamagedException>(() => again.RoundAsync());
        }
    }

    private static X509Certificate2 SelfSigned()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        X509Certificate2 made = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
    }

    private static async Task ServeTlsAsync(TcpListener listener, X509Certificate2 certificate)
    {
        while (true)
        {
            try
            {
                using TcpClient client = await listener.AcceptTcpClientAsync();
                await using SslStream tls = new(client.GetStream());
                await tls.AuthenticateAsServerAsync(certificate);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
            {
                return;
            }
            catch (Exception e) when (e is IOException or AuthenticationException)
            {
                continue;   // the client did not like the certificate
            }
        }
    }

    private async Task RefusedAsync(ExitCode exitCode, string words, BucketOptions options)
    {
        IndelibleException e =
            await Assert.ThrowsAsync<IndelibleException>(() => Copying.OpenAsync(_ledger, new BucketStore(options, TimeProvider.System)));
        Assert.Contains(words, e.Message, StringComparison.Ordinal);
        Assert.Equal(exitCode, e.ExitCode);
    }

    private async Task<ReadOnlyMemory<byte>> VerifiedAsync(BucketOptions options)
    {
        using LedgerFetch files = LedgerFetch.FromBucket(options, TestLedger.Signer.VerifierKey, CancellationToken.None);
        return (await files.ReadAsync("checkpoint", CancellationToken.None))!;
    }

    private static (VerificationReport Report, IReadOnlyCollection<string> Strange) Verify(BucketOptions options)
    {
        using LedgerFetch files = LedgerFetch.FromBucket(options, TestLedger.Signer.VerifierKey, CancellationToken.None);
        VerificationReport report = new LedgerVerifier(
            files.Fetch, files.OpenFile) { Policy = Policy.ForKey(TestLedger.Signer.VerifierKey) }.Verify(CancellationToken.None);
        return (report, files.Notices());
    }

    private static Task PutAsync(AmazonS3Client owner, BucketOptions options, string path, byte[] content) =>
        owner.PutObjectAsync(
            new PutObjectRequest { BucketName = options.Bucket, Key = options.Prefix + path, InputStream = new MemoryStream(content),
                UseChunkEncoding = false });

    private async Task SealAsync(int first, int count)
    {
        await using LedgerWriter writer = await _ledger.OpenAsync();
        if (count > 0)
            await writer.SealAsync(first == 2 ? RealEntries.Mixed(first, count) : RealEntries.Batch(count, first), CancellationToken.None);
    }

    private void Keep(string path, ReadOnlySpan<byte> content)
    {
        string full = Path.Combine(_ledger.Paths.Ledger, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllBytes(full, content.ToArray());
    }

    private static async Task<long> VersionsAsync(BucketOptions options)
    {
        using Bucket bucket = new(options);
        return (await ListAsync(bucket, "")).Count(version => !version.Path.StartsWith("probe/", StringComparison.Ordinal));
    }

    private static async Task<ObjectVersion> OnlyAsync(Bucket bucket, string path) => Assert.Single(await ListAsync(bucket, path));

    private static async Task<List<ObjectVersion>> ListAsync(Bucket bucket, string under)
    {
        List<ObjectVersion> all = [];
        await foreach (ObjectVersion version in bucket.VersionsAsync(under, null, deep: true, CancellationToken.None)) all.Add(version);
        return all;
    }
}
