using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Format.Verification;
using Indelible.Ledger.Stores;
using Xunit;

namespace Indelible.Ledger.Tests.Stores;

/// <summary>A copy in a directory: whole, resumable, never overwritten, and never of another history.</summary>
public sealed class DirectoryCopyTests : IAsyncLifetime
{
    private TestLedger _ledger = null!;
    private string _copy = "";

    public async ValueTask InitializeAsync()
    {
        _ledger = await TestLedger.CreateAsync();
        _copy = Directory.CreateDirectory(Path.Combine(_ledger.Root, "copy")).FullName;
    }

    public ValueTask DisposeAsync()
    {
        DurableFile.Hook = null;
        _ledger.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_copy_holds_everything_the_head_covers_and_nothing_that_is_over()
    {
        Keep("anchors/300/tsa.tsr", "token"u8);
        Keep("handover/0", "handover"u8);
        int sealedSize = 0;
        await using Copying copying = await Copying.OpenAsync(_ledger, _copy);
        foreach (int count in (int[])[0, 1, 255, 1, 300, 60, 700])
        {
            await SealAsync(sealedSize + 1, count);
            sealedSize += count;
            await copying.RoundAsync();
            Assert.Equal(new CopyProgress(sealedSize, sealedSize), copying.Progress);
            Assert.Equal(Verdict.Verified, Verify(_copy).Verdict);
            Assert.Equal(Files(_ledger.Paths.Ledger), Files(_copy));
        }
        Assert.True(Verify(_copy).Blobs > 20);
        Assert.Equal("token", await File.ReadAllTextAsync(Path.Combine(_copy, "anchors/300/tsa.tsr")));
        Keep("anchors/300/other.tsr", "later"u8);
        await copying.RoundAsync();
        Assert.Equal("later", await File.ReadAllTextAsync(Path.Combine(_copy, "anchors/300/other.tsr")));
    }

    [Fact]
    public async Task Wherever_copying_dies_the_next_goes_on_and_the_copy_is_whole()
    {
        await SealAsync(1, 1_500);
        List<DiskOperation> all = [];
        DurableFile.Hook = (operation, path, _, isDone) =>
        {
            if (!isDone && path.StartsWith(_copy, StringComparison.Ordinal)) all.Add(operation);
        };
        await using (Copying whole = await Copying.OpenAsync(_ledger, _copy)) await whole.RoundAsync();
        DurableFile.Hook = null;
        IReadOnlyDictionary<string, string> expected = Files(_copy);
        for (int step = 0; step < all.Count; step += 1 + (all.Count / 60))
        {
            string copy = Directory.CreateDirectory(Path.Combine(_ledger.Root, $"copy{step}")).FullName;
            int left = step;
            DurableFile.Hook = (_, path, _, isDone) =>
            {
                if (path.StartsWith(copy, StringComparison.Ordinal) && !isDone && left-- == 0) throw new IOException("the disk went away");
            };
            CopyProgress progress = default;
            await Assert.ThrowsAsync<IOException>(async () =>
            {
                await using Copying dying = await Copying.OpenAsync(_ledger, copy);
                await dying.RoundAsync(saved => progress = saved);
            });
            DurableFile.Hook = null;
            await using Copying next = await Copying.OpenAsync(_ledger, copy, progress);
            await next.RoundAsync();
            Assert.Equal(expected, Files(copy));
        }
    }

    [Fact]
    public async Task Full_tiles_that_were_copied_before_a_death_are_not_copied_again()
    {
        await SealAsync(1, 256 * 200);
        CopyProgress progress = default;
        DurableFile.Hook = (_, _, target, isDone) =>
        {
            if (target?.EndsWith("tile/entries/150", StringComparison.Ordinal) == true
                && target.StartsWith(_copy, StringComparison.Ordinal)) throw new IOException("died");
        };
        await Assert.ThrowsAsync<IOException>(async () =>
        {
            await using Copying dying = await Copying.OpenAsync(_ledger, _copy);
            await dying.RoundAsync(saved => progress = saved);
        });
        Assert.Equal((0, 256 * 128), (progress.Size, progress.Copied));
        int written = 0;
        DurableFile.Hook = (operation, path, _, isDone) => written += operation == DiskOperation.Write && isDone
            && path.StartsWith(_copy, StringComparison.Ordinal) ? 1 : 0;
        await using Copying next = await Copying.OpenAsync(_ledger, _copy, progress);
        await next.RoundAsync();
        Assert.InRange(written, 2 * 72, (2 * 72) + 10);
        Assert.Equal(Verdict.Verified, Verify(_copy).Verdict);
    }

    [Fact]
    public async Task What_is_damaged_here_is_not_copied()
    {
        await SealAsync(1, 600);
        foreach (string path in (string[])["tile/entries/001", "tile/0/000", "tile/0/002.p/88", "tile/1/000.p/2"])
        {
            byte[] whole = await File.ReadAllBytesAsync(Path.Combine(_ledger.Paths.Ledger, path));
            await PutAsync(path, [.. whole[..^1], (byte)(whole[^1] ^ 1)]);
            string copy = Directory.CreateTempSubdirectory("copy").FullName;
            await using (Copying copying = await Copying.OpenAsync(_ledger, copy))
            {
                await Assert.ThrowsAsync<LedgerCorruptException>(() => copying.RoundAsync());
                Assert.Equal(0, copying.Progress.Size);
                await PutAsync(path, whole);
                await copying.RoundAsync();
            }
            Assert.Equal(Verdict.Verified, Verify(copy).Verdict);
            Directory.Delete(copy, recursive: true);
        }
    }

    [Fact]
    public async Task What_is_damaged_there_is_told_and_not_overwritten()
    {
        await SealAsync(1, 300);
        string path = Path.Combine(_copy, "tile/entries/000");
        await using (Copying copying = await Copying.OpenAsync(_ledger, _copy)) await copying.RoundAsync();
        File.Delete(Path.Combine(_copy, "checkpoint"));
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await File.WriteAllTextAsync(path, "forged");
        await using Copying again = await Copying.OpenAsync(_ledger, _copy);
        CopyDamagedException told = await Assert.ThrowsAsync<CopyDamagedException>(() => again.RoundAsync());
        Assert.Contains(path, told.Message, StringComparison.Ordinal);
        Assert.Equal("forged", await File.ReadAllTextAsync(path));
    }

    [Fact]
    public async Task A_copy_that_went_back_is_told_of_until_it_is_forgotten()
    {
        await SealAsync(1, 300);
        await using (Copying copying = await Copying.OpenAsync(_ledger, _copy)) await copying.RoundAsync();
        Directory.Delete(_copy, recursive: true);
        Directory.CreateDirectory(_copy);
        CopyDamagedException told =
            await Assert.ThrowsAsync<CopyDamagedException>(() => Copying.OpenAsync(_ledger, _copy, new CopyProgress(300, 300)));
        Assert.Contains("at least 300 entries", told.Message, StringComparison.Ordinal);
        await using Copying anew = await Copying.OpenAsync(_ledger, _copy);
        await anew.RoundAsync();
        Assert.Equal(Verdict.Verified, Verify(_copy).Verdict);
    }

    [Fact]
    public async Task A_ledger_that_went_back_or_forked_is_found_out_by_its_copy()
    {
        await SealAsync(1, 100);
        using TestLedger older = _ledger.Copy();
        await SealAsync(101, 100);
        await using (Copying copying = await Copying.OpenAsync(_ledger, _copy)) await copying.RoundAsync();

        CopyContradictsException rolledBack = await Assert.ThrowsAsync<CopyContradictsException>(() => Copying.OpenAsync(older, _copy));
        Assert.Contains("holds 200 entries", rolledBack.Message, StringComparison.Ordinal);
        await using (LedgerWriter writer = await older.OpenAsync())
            await writer.SealAsync(RealEntries.Mixed(500, 130), CancellationToken.None);
        CopyContradictsException forked = await Assert.ThrowsAsync<CopyContradictsException>(() => Copying.OpenAsync(older, _copy));
        Assert.Contains("two histories", forked.Message, StringComparison.Ordinal);
        Assert.Equal(200, Verify(_copy).TreeSize);
    }

    [Fact]
    public async Task Nothing_is_written_where_something_else_is_or_where_nothing_is_mounted()
    {
        await SealAsync(1, 10);
        await RefusedAsync(ExitCode.Environment, "mkdir -p", Path.Combine(_ledger.Root, "missing"));
        await File.WriteAllTextAsync(Path.Combine(_copy, "thesis.odt"), "");
        await RefusedAsync(ExitCode.Usage, "thesis.odt", _copy);
        await RefusedAsync(ExitCode.Environment, "in use", _ledger.Paths.Ledger, await _ledger.OpenAsync());

        string others = Directory.CreateDirectory(Path.Combine(_ledger.Root, "others")).FullName;
        NoteSigner stranger = NoteSigner.FromSeed("ledger.test/two", new byte[32]);
        await File.WriteAllBytesAsync(Path.Combine(others, "checkpoint"),
            new Checkpoint { Origin = "ledger.test/two", Size = 0, Root = Format.Merkle.Tree.EmptyRoot }.Sign(stranger).ToBytes());
        CopyDamagedException told = await Assert.ThrowsAsync<CopyDamagedException>(() => Copying.OpenAsync(_ledger, others));
        Assert.Contains("ledger.test/two", told.Message, StringComparison.Ordinal);
        Assert.Equal(["checkpoint"], Directory.GetFileSystemEntries(others).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Two_do_not_write_one_copy()
    {
        await SealAsync(1, 10);
        await using Copying first = await Copying.OpenAsync(_ledger, _copy);
        await RefusedAsync(ExitCode.Environment, "one writer", _copy);
        await first.RoundAsync();
        Assert.Equal(10, first.Progress.Size);
    }

    private async Task RefusedAsync(ExitCode exitCode, string words, string directory, IAsyncDisposable? held = null)
    {
        IndelibleException e = await Assert.ThrowsAsync<IndelibleException>(() => Copying.OpenAsync(_ledger, directory));
        Assert.Equal(exitCode, e.ExitCode);
        Assert.Contains(words, e.Message, StringComparison.Ordinal);
        if (held is not null) await held.DisposeAsync();
    }

    private async Task SealAsync(int first, int count)
    {
        await using LedgerWriter writer = await _ledger.OpenAsync();
        if (count > 0)
            await writer.SealAsync(count > 10_000 ? RealEntries.Batch(count) : RealEntries.Mixed(first, count), CancellationToken.None);
    }

    private void Keep(string path, ReadOnlySpan<byte> content)
    {
        string full = Path.Combine(_ledger.Paths.Ledger, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllBytes(full, content.ToArray());
    }

    private async Task PutAsync(string path, byte[] content)
    {
        string full = Path.Combine(_ledger.Paths.Ledger, path);
        File.SetUnixFileMode(full, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await File.WriteAllBytesAsync(full, content);
    }

    private static VerificationReport Verify(string directory)
    {
        using LedgerFetch files = LedgerFetch.FromDirectory(directory);
        return new LedgerVerifier(files.Fetch, files.OpenFile) { Policy = Policy.ForKey(TestLedger.Signer.VerifierKey) }.Verify(
            CancellationToken.None);
    }

    private static SortedDictionary<string, string> Files(string directory) => new(
        Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories).ToDictionary(
            path => Path.GetRelativePath(directory, path),
            path => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(path)))), StringComparer.Ordinal);
}

/// <summary>A ledger's copy, opened.</summary>
internal sealed class Copying : IAsyncDisposable
{
    private readonly ILedgerStore _store;
    private readonly CopyWriter _copy;

    private Copying(TestLedger ledger, ILedgerStore store, CopyProgress progress, LedgerReader? reader) =>
        (_store, _copy) = (store,
            new CopyWriter(reader ?? new LedgerReader(ledger.Paths.Ledger), () => Format.Notes.KeyHistory.Of(TestLedger.Signer.VerifierKey),
                store, progress));

    public CopyProgress Progress => _copy.Progress;

    public static Task<Copying> OpenAsync(TestLedger ledger, string directory, CopyProgress progress = default) =>
        OpenAsync(ledger, new DirectoryStore(directory), progress);

    public static async Task<Copying> OpenAsync(
        TestLedger ledger, ILedgerStore store, CopyProgress progress = default, LedgerReader? reader = null)
    {
        Copying copying = new(ledger, store, progress, reader);
        try
        {
            await copying._copy.OpenAsync(CancellationToken.None);
            return copying;
        }
        catch
        {
            await copying.DisposeAsync();
            throw;
        }
    }

    public Task RoundAsync(Action<CopyProgress>? saved = null) => _copy.RoundAsync(saved ?? (static _ => { }), CancellationToken.None);

    public ValueTask DisposeAsync() => _store.DisposeAsync();
}
