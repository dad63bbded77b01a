using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Format.Verification;
using Indelible.Ledger.Following;
using Indelible.Testing;
using Xunit;

namespace Indelible.Ledger.Tests;

/// <summary>Mirrors: what they store, what they refuse, and what they prove.</summary>
public sealed class FollowingTests : IAsyncLifetime
{
    private static readonly VerifierKey Key = TestLedger.Signer.VerifierKey;
    private static readonly NoteSigner Cosigner =
        NoteSigner.CosignerFromSeed("mirror.test/one", [.. Enumerable.Range(9, 32).Select(i => (byte)i)]);
    private readonly string _root = TestLedger.NewRoot();
    private TestLedger _ledger = null!;

    private string Mirror => Path.Combine(_root, "mirror");

    public async ValueTask InitializeAsync() => _ledger = await TestLedger.CreateAsync();

    public ValueTask DisposeAsync()
    {
        DurableFile.Hook = null;
        _ledger.Dispose();
        Directory.Delete(_root, recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_copy_is_the_ledger_at_every_size_with_blobs_and_is_cosigned()
    {
        int size = 0;
        Assert.IsType<FollowOutcome.Stored>(await FollowAsync(_ledger));
        foreach (int count in (int[])[1, 2, 252, 1, 1, 300, 511, 80_000])
        {
            await SealAsync(_ledger, RealEntries.Mixed(1 + size, count));
            size += count;
            var stored = Assert.IsType<FollowOutcome.Stored>(await FollowAsync(_ledger));
            Assert.Equal((size, count), (stored.Head.Size, stored.Entries));
            if (size < 2000) await LedgerCheck.AllAsync(LedgerCopy.LedgerBelow(Mirror), TestLedger.Origin, CancellationToken.None);
        }
        VerificationReport report = Verify(Policy.ForKey(Key));
        Assert.Equal((Verdict.Verified, size), (report.Verdict, report.Entries));
        Assert.True(report.Blobs > 1000);
        Assert.Equal(size, Assert.IsType<FollowOutcome.Stored>(await FollowAsync(_ledger, mirror: Path.Combine(_root, "fresh"))).Entries);
        Assert.True(File.Exists(Path.Combine(_root, "fresh", "ledger", "tile", "1", "000")));
        string policy = $"log {Key}\nwitness m {Cosigner.VerifierKey}\nquorum m\n";
        Assert.True(Policy.Parse(System.Text.Encoding.UTF8.GetBytes(policy), out Policy? asking).IsNone);
        Assert.Equal(Verdict.Verified, Verify(asking).Verdict);
        Assert.True(Directory.EnumerateFiles(Mirror, "*", SearchOption.AllDirectories)
            .Where(path => path.Contains("/tile/", StringComparison.Ordinal))
            .All(path => (File.GetUnixFileMode(path) & UnixFileMode.UserWrite) == 0));
    }

    [Fact]
    public async Task Handovers_time_stamps_and_the_hint_are_copied()
    {
        await SealAsync(_ledger, RealEntries.Batch(3));
        foreach (string name in (string[])["handover/3", "anchors/3/tsa.tsr"])
        {
            string path = Path.Combine(_ledger.Paths.Ledger, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            await File.WriteAllTextAsync(path, name);
        }
        await FollowAsync(_ledger);
        foreach (string name in (string[])["handover/3", "anchors/3/tsa.tsr", "ledger.json"])
        {
            Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(_ledger.Paths.Ledger, name)),
                await File.ReadAllBytesAsync(Path.Combine(LedgerCopy.LedgerBelow(Mirror), name)));
        }
    }

    [Fact]
    public async Task A_mirror_killed_at_any_system_call_goes_on_and_overwrites_nothing()
    {
        await SealAsync(_ledger, RealEntries.Mixed(4, 300));
        await FollowAsync(_ledger);
        await SealAsync(_ledger, RealEntries.Mixed(304, 240));
        var crashes = new List<string>();
        var hook = new Lock();
        DurableFile.Hook = (_, _, _, isDone) =>
        {
            lock (hook)
            {
                if (isDone) crashes.Add(CopyOf(Mirror));
            }
        };
        await FollowAsync(_ledger);
        DurableFile.Hook = null;
        Assert.True(crashes.Count > 60);
        await SealAsync(_ledger, RealEntries.Mixed(544, 100));
        await CheckResumedAsync(crashes, 640);
    }

    [Fact]
    public async Task A_power_cut_at_any_system_call_leaves_a_copy_that_goes_on()
    {
        await SealAsync(_ledger, RealEntries.Mixed(4, 300));
        await FollowAsync(_ledger);
        await SealAsync(_ledger, RealEntries.Mixed(304, 240));
        var disk = new DurableDisk(Mirror);
        var crashes = new List<string>();
        var hook = new Lock();
        DurableFile.Hook = (operation, path, target, isDone) =>
        {
            if (!isDone) return;
            lock (hook)
            {
                disk.Observe(operation, path, target);
                crashes.Add(disk.AfterPowerCut());
            }
        };
        await FollowAsync(_ledger);
        DurableFile.Hook = null;
        await CheckResumedAsync(crashes, 540);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(300)]
    [InlineData(-100)]
    [InlineData(-172)]      // a power of two
    public async Task A_rewritten_history_of_any_size_is_proved_and_nothing_is_overwritten(int more)
    {
        await SealAsync(_ledger, RealEntries.Mixed(1, 100));
        using TestLedger other = _ledger.Copy();
        await SealAsync(_ledger, RealEntries.Mixed(1 + 100, 328));
        await FollowAsync(_ledger);
        byte[] head = await File.ReadAllBytesAsync(Path.Combine(LedgerCopy.LedgerBelow(Mirror), "checkpoint"));
        await SealAsync(other, RealEntries.Mixed(1 + 1000, 328 + more));

        var found = Assert.IsType<FollowOutcome.Misbehaved>(await FollowAsync(other));
        byte[] evidence = await File.ReadAllBytesAsync(found.Evidence);
        VerificationReport report = EvidenceVerifier.Verify(evidence, Policy.ForKey(Key));
        Assert.Equal(Verdict.Verified, report.Verdict);
        Assert.Equal((Math.Max(428, 428 + more), Math.Min(428, 428 + more)), (report.TreeSize, report.Misbehaviour!.Size));
        Assert.Contains("MISBEHAVIOUR PROVED", ReportText.ToText(report), StringComparison.Ordinal);
        Assert.Equal(Verdict.SelfConsistent, EvidenceVerifier.Verify(evidence, null).Verdict);

        // It stops, also when the honest history is shown again, and what it has is as it was.
        await SealAsync(_ledger, RealEntries.Mixed(1 + 428, 10));
        Assert.Equal(found, await FollowAsync(_ledger));
        Assert.Equal(head, await File.ReadAllBytesAsync(Path.Combine(LedgerCopy.LedgerBelow(Mirror), "checkpoint")));
        Assert.Equal(Verdict.Verified, Verify(Policy.ForKey(Key)).Verdict);
    }

    [Fact]
    public async Task Evidence_changed_in_any_byte_proves_nothing()
    {
        using TestLedger other = _ledger.Copy();
        await SealAsync(_ledger, RealEntries.Mixed(1, 5));
        await SealAsync(other, RealEntries.Mixed(1 + 50, 7));
        await FollowAsync(_ledger);
        byte[] evidence = await File.ReadAllBytesAsync(Assert.IsType<FollowOutcome.Misbehaved>(await FollowAsync(other)).Evidence);
        Assert.Equal(Verdict.Verified, EvidenceVerifier.Verify(evidence, Policy.ForKey(Key)).Verdict);
        for (int i = 0; i < evidence.Length; i++)
        {
            byte[] changed = [.. evidence];
            changed[i] ^= 1;
            Assert.Equal(Verdict.Failed, EvidenceVerifier.Verify(changed, Policy.ForKey(Key)).Verdict);
            Assert.NotEqual(Verdict.Verified, EvidenceVerifier.Verify(evidence.AsSpan(0, i), Policy.ForKey(Key)).Verdict);
        }
        Assert.True(Misbehaviour.Parse(evidence, out Misbehaviour? read).IsNone);
        Assert.Equal(evidence, read!.ToBytes());
        foreach (Misbehaviour wrong in (Misbehaviour[])[read with { Older = read.Newer, Newer = read.Older },
            read with { Older = read.Newer }, read with { Path = [.. read.Path, read.Path[0]] }, read with { Prefix = null, Path = [] }])
            Assert.Equal(Verdict.Failed, EvidenceVerifier.Verify(wrong.ToBytes(), Policy.ForKey(Key)).Verdict);
    }

    [Fact]
    public async Task A_ledger_put_back_is_told_of_and_proves_nothing()
    {
        await SealAsync(_ledger, RealEntries.Mixed(1, 100));
        using TestLedger before = _ledger.Copy();
        await SealAsync(_ledger, RealEntries.Mixed(1 + 100, 100));
        await FollowAsync(_ledger);
        var back = Assert.IsType<FollowOutcome.RolledBack>(await FollowAsync(before));
        Assert.Equal((100, 200), (back.Found.Size, back.Accepted.Size));
        Assert.Empty(LedgerCopy.EvidenceIn(Mirror));
        await SealAsync(_ledger, RealEntries.Mixed(1 + 200, 1));
        Assert.IsType<FollowOutcome.Stored>(await FollowAsync(_ledger));
        // Where it goes on from the earlier state there are two histories.
        await SealAsync(before, RealEntries.Mixed(1 + 900, 500));
        Assert.IsType<FollowOutcome.Misbehaved>(await FollowAsync(before));
    }

    [Fact]
    public async Task A_head_that_was_accepted_and_not_stored_is_held_against_the_next()
    {
        await SealAsync(_ledger, RealEntries.Mixed(1, 100));
        using TestLedger other = _ledger.Copy();
        await FollowAsync(_ledger);
        await SealAsync(_ledger, RealEntries.Mixed(1 + 100, 600));
        File.Move(Path.Combine(_ledger.Paths.Ledger, "tile/entries/001"), Path.Combine(_root, "hidden"));
        Assert.Equal(ExitCode.Finding, (await Assert.ThrowsAsync<IndelibleException>(() => FollowAsync(_ledger))).ExitCode);
        await SealAsync(other, RealEntries.Mixed(1 + 1000, 900));
        Assert.IsType<FollowOutcome.Misbehaved>(await FollowAsync(other));
        Assert.Equal(100, new LedgerReader(LedgerCopy.LedgerBelow(Mirror)).ReadCheckpoint().Size);
    }

    [Theory]
    [InlineData("tile/entries/001", 1000)]
    [InlineData("tile/entries/002.p/188", 10)]
    [InlineData("tile/0/002.p/188", 10)]
    [InlineData("tile/1/000.p/2", 40)]
    public async Task A_source_whose_files_do_not_fit_its_signature_is_refused_and_leaves_nothing(string file, int place)
    {
        await SealAsync(_ledger, RealEntries.Mixed(1, 700));
        string path = Path.Combine(_ledger.Paths.Ledger, file);
        byte[] right = await File.ReadAllBytesAsync(path), wrong = [.. right];
        wrong[place] ^= 4;
        await ReplaceAsync(path, wrong);
        IndelibleException refused = await Assert.ThrowsAsync<IndelibleException>(() => FollowAsync(_ledger));
        Assert.Equal(ExitCode.Finding, refused.ExitCode);
        Assert.False(File.Exists(Path.Combine(LedgerCopy.LedgerBelow(Mirror), "checkpoint")));
        await ReplaceAsync(path, right);
        Assert.IsType<FollowOutcome.Stored>(await FollowAsync(_ledger));
        await LedgerCheck.AllAsync(LedgerCopy.LedgerBelow(Mirror), TestLedger.Origin, CancellationToken.None);
    }

    [Fact]
    public async Task A_signed_entry_that_is_not_canonical_is_refused()
    {
        await SealAsync(_ledger, TestLedger.Batch(0, 3));
        IndelibleException refused = await Assert.ThrowsAsync<IndelibleException>(() => FollowAsync(_ledger));
        Assert.Contains("entry 0: expected the one canonical form", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>The ledger's program is the newer one: nothing is wrong with the ledger.</summary>
    [Fact]
    public async Task A_signed_entry_of_a_newer_program_is_said_to_be_that()
    {
        EntryBatch batch = new();
        batch.Add([0x82, 0xa2, 0x00, 0x02, 0x18, 0x63, 0x00, 0x80]);   // [{0: 2, 99: 0}, []]
        await SealAsync(_ledger, batch);
        IndelibleException refused = await Assert.ThrowsAsync<IndelibleException>(() => FollowAsync(_ledger));
        Assert.Contains(
            ": entry 0: entry version 2: this program knows 1; upgrade. Nothing was accepted", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_blob_that_is_missing_or_another_is_refused(bool isMissing)
    {
        await SealAsync(_ledger, RealEntries.Mixed(1, 50));
        string blob = Directory.EnumerateFiles(Path.Combine(_ledger.Paths.Ledger, "blobs"), "*", SearchOption.AllDirectories).First();
        byte[] right = await File.ReadAllBytesAsync(blob);
        if (isMissing) File.Delete(blob);
        else await ReplaceAsync(blob, [.. right[..^1], (byte)(right[^1] ^ 1)]);
        Assert.Contains(
            "blobs/", (await Assert.ThrowsAsync<IndelibleException>(() => FollowAsync(_ledger))).Message, StringComparison.Ordinal);
        await ReplaceAsync(blob, right);
        Assert.IsType<FollowOutcome.Stored>(await FollowAsync(_ledger));
    }

    [Fact]
    public async Task Another_ledger_another_key_and_a_clock_that_went_back_are_refused_with_reasons()
    {
        await SealAsync(_ledger, RealEntries.Mixed(1, 10));
        await FollowAsync(_ledger);
        using NoteSigner stranger = NoteSigner.FromSeed("ledger.test/two", new byte[32]),
            thief = NoteSigner.FromSeed(TestLedger.Origin, new byte[32]);
        foreach (NoteSigner signer in (NoteSigner[])[stranger, thief])
            Assert.Equal(ExitCode.Usage, Assert.Throws<IndelibleException>(() => LedgerCopy.Open(Mirror, signer.VerifierKey)).ExitCode);

        byte[] head = await File.ReadAllBytesAsync(Path.Combine(_ledger.Paths.Ledger, "checkpoint"));
        var checkpoint = new Checkpoint { Origin = "ledger.test/two", Size = 0, Root = Format.Merkle.Tree.EmptyRoot };
        foreach (byte[] wrong in (byte[][])[checkpoint.Sign(stranger).ToBytes(),
            (checkpoint with { Origin = TestLedger.Origin }).Sign(thief).ToBytes(), "hello\n"u8.ToArray()])
        {
            await File.WriteAllBytesAsync(Path.Combine(_ledger.Paths.Ledger, "checkpoint"), wrong);
            Assert.Equal(ExitCode.Finding, (await Assert.ThrowsAsync<IndelibleException>(() => FollowAsync(_ledger))).ExitCode);
        }
        await File.WriteAllBytesAsync(Path.Combine(_ledger.Paths.Ledger, "checkpoint"), head);
        await SealAsync(_ledger, RealEntries.Mixed(1 + 10, 10));
        IndelibleException late =
            await Assert.ThrowsAsync<IndelibleException>(() => FollowAsync(_ledger, new FixedClock(DateTimeOffset.UnixEpoch)));
        Assert.Contains("set this machine's clock", late.Message, StringComparison.Ordinal);
        Assert.IsType<FollowOutcome.Stored>(await FollowAsync(_ledger));
    }

    [Fact]
    public async Task A_copy_that_was_changed_is_not_gone_on_with()
    {
        await SealAsync(_ledger, RealEntries.Mixed(1, 700));
        await FollowAsync(_ledger);
        string tile = Path.Combine(LedgerCopy.LedgerBelow(Mirror), "tile/1/000.p/2");
        byte[] bytes = await File.ReadAllBytesAsync(tile);
        bytes[3] ^= 1;
        await ReplaceAsync(tile, bytes);
        Assert.Throws<LedgerCorruptException>(() => LedgerCopy.Open(Mirror, Key));
    }

    [Fact]
    public async Task A_full_disk_is_told_and_the_copy_goes_on_when_there_is_room()
    {
        await SealAsync(_ledger, RealEntries.Mixed(1, 700));
        int writes = 0;
        DurableFile.Hook = (operation, path, _, isDone) =>
        {
            if (operation == DiskOperation.Write && !isDone && ++writes > 4)
                throw new IOException($"cannot write {path}: No space left on device", 28);
        };
        Assert.Contains(
            "No space left", (await Assert.ThrowsAsync<IOException>(() => FollowAsync(_ledger))).Message, StringComparison.Ordinal);
        DurableFile.Hook = null;
        Assert.IsType<FollowOutcome.Stored>(await FollowAsync(_ledger));
        Assert.Equal(Verdict.Verified, Verify(Policy.ForKey(Key)).Verdict);
    }

    private async Task CheckResumedAsync(List<string> crashes, int size)
    {
        foreach (string crash in crashes)
        {
            Dictionary<string, byte[]> before = TilesOf(crash);
            var stored = Assert.IsType<FollowOutcome.Stored>(await FollowAsync(_ledger, mirror: crash));
            Assert.Equal(size, stored.Head.Size);
            Assert.All(before, file => Assert.Equal(file.Value, File.Exists(file.Key) ? File.ReadAllBytes(file.Key) : file.Value));
            await LedgerCheck.AllAsync(LedgerCopy.LedgerBelow(crash), TestLedger.Origin, CancellationToken.None);
            Directory.Delete(crash, recursive: true);
        }
    }

    private static Dictionary<string, byte[]> TilesOf(string mirror) => Path.Combine(LedgerCopy.LedgerBelow(mirror), "tile") is var tiles
        && Directory.Exists(tiles)
        ? Directory.EnumerateFiles(tiles, "*", SearchOption.AllDirectories).ToDictionary(path => path, File.ReadAllBytes)
        : [];

    private async Task<FollowOutcome> FollowAsync(TestLedger ledger, TimeProvider? time = null, string? mirror = null)
    {
        using LedgerCopy copy = LedgerCopy.Open(mirror ?? Mirror, Key);
        using LedgerFetch source = LedgerFetch.FromDirectory(ledger.Paths.Ledger);
        return await new LedgerFollower(copy, source, "the source", Cosigner, time ?? TimeProvider.System)
            .RoundAsync(CancellationToken.None);
    }

    private VerificationReport Verify(Policy? policy)
    {
        using LedgerFetch files = LedgerFetch.FromDirectory(LedgerCopy.LedgerBelow(Mirror));
        return new LedgerVerifier(files.Fetch, files.OpenFile) { Policy = policy }.Verify(CancellationToken.None);
    }

    private static async Task SealAsync(TestLedger ledger, EntryBatch batch)
    {
        await using LedgerWriter writer = await ledger.OpenAsync();
        await writer.SealAsync(batch, CancellationToken.None);
    }

    private static async Task ReplaceAsync(string path, byte[] content)
    {
        File.Delete(path);
        await File.WriteAllBytesAsync(path, content);
    }

    private static string CopyOf(string directory)
    {
        string to = TestLedger.NewRoot();
        foreach (string path in Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(to, Path.GetRelativePath(directory, path));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(path, target);
        }
        return to;
    }

    private sealed class FixedClock(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
