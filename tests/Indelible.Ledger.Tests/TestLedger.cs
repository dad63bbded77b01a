using System.Security.Cryptography;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Notes;
using Microsoft.Extensions.Logging.Abstractions;

namespace Indelible.Ledger.Tests;

/// <summary>A ledger in a temporary directory, with fixed keys.</summary>
internal sealed class TestLedger : IDisposable
{
    public const string Origin = "ledger.test/one";
    public static readonly byte[] JournalKey = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];
    public static readonly NoteSigner Signer = NoteSigner.FromSeed(Origin, [.. Enumerable.Range(50, 32).Select(i => (byte)i)]);

    public TestLedger(string? root = null)
    {
        Root = root ?? NewRoot();
        Paths = LedgerPaths.For(Path.Combine(Root, "ledger"));
    }

    public string Root { get; }
    public LedgerPaths Paths { get; set; }
    public LedgerKeys Keys => new() { Signer = Signer, JournalHmacKey = JournalKey, Guard = new Guard(Paths.Keyring) };

    public static async Task<TestLedger> CreateAsync()
    {
        var ledger = new TestLedger();
        await LedgerWriter.CreateAsync(ledger.Paths, ledger.Keys, CancellationToken.None);
        return ledger;
    }

    public Task<LedgerWriter> OpenAsync(LedgerOptions? options = null) =>
        LedgerWriter.OpenAsync(
            Paths, Keys, TimeProvider.System, NullLogger.Instance, options ?? new LedgerOptions(), CancellationToken.None);

    /// <summary>The same, as it is on disk now.</summary>
    public TestLedger Copy()
    {
        string root = NewRoot();
        CopyTo(Root, root);
        return new TestLedger(root);
    }

    /// <summary>In memory where there is such a file system: crashes are simulated, so flushing need not cost anything.</summary>
    public static string NewRoot()
    {
        string parent = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
        return Directory.CreateDirectory(Path.Combine(parent, "indelible-test-" + Guid.NewGuid().ToString("N"))).FullName;
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);

    public static byte[] EntryBytes(long number, int length = 40)
    {
        byte[] entry = new byte[length];
        new Random((int)(number % int.MaxValue)).NextBytes(entry);
        BitConverter.TryWriteBytes(entry, number);
        return entry;
    }

    public static EntryBatch Batch(long first, int count, int length = 40)
    {
        var batch = new EntryBatch();
        for (int i = 0; i < count; i++) batch.Add(EntryBytes(first + i, length));
        return batch;
    }

    public static SourceMark Mark(string source, ulong lsn) => new(source, new Position(new Lsn(lsn), 3, 1, 2), new Lsn(lsn + 8));

    public static Blob BlobOf(int seed, int length)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return new Blob(SHA256.HashData(bytes), bytes);
    }

    private static void CopyTo(string from, string to)
    {
        foreach (string directory in Directory.EnumerateDirectories(from))
        {
            string target = Path.Combine(to, Path.GetFileName(directory));
            Directory.CreateDirectory(target);
            CopyTo(directory, target);
        }
        foreach (string file in Directory.EnumerateFiles(from)) File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
    }
}
