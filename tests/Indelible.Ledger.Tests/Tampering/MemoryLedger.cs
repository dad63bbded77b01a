using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;
using Indelible.Format.Sealing;
using Indelible.Format.Verification;
using Xunit;

namespace Indelible.Ledger.Tests.Tampering;

/// <summary>A ledger that the real writer made, its files held in memory: damaged there, and verified from there.
/// Immutable; any thread.</summary>
internal sealed class MemoryLedger
{
    private const int Batch = 300;

    private MemoryLedger(Dictionary<string, byte[]> files, IReadOnlyList<byte[]> entries)
    {
        (Files, Entries) = (files, entries);
        HashSet<string> needed = [];
        VerificationReport whole = Verify(files, onRead: path => needed.Add(path));
        Assert.Empty(whole.Findings);
        Assert.Equal((Verdict.Verified, (long)entries.Count), (whole.Verdict, whole.Entries));
        Needed = [.. needed.Where(files.ContainsKey).Where(path => path != HandoverFiles.HintPath).Order(StringComparer.Ordinal)];
    }

    /// <summary>The ledger's own key, as a verifier knows it.</summary>
    public static Policy Key { get; } = Policy.ForKey(TestLedger.Signer.VerifierKey);

    /// <summary>Every file, by its path below the ledger directory.</summary>
    public Dictionary<string, byte[]> Files { get; }

    /// <summary>Paths a verifier reads, but for the hint, which it believes nothing.</summary>
    public string[] Needed { get; }

    /// <summary>The entries.</summary>
    public IReadOnlyList<byte[]> Entries { get; }

    /// <summary>Entries of many kinds, sealed and published in batches.</summary>
    public static async Task<MemoryLedger> MakeAsync(int entryCount)
    {
        using TestLedger ledger = await TestLedger.CreateAsync();
        await using (LedgerWriter writer = await ledger.OpenAsync())
        {
            for (int first = 1; first <= entryCount; first += Batch)
            {
                await writer.SealAsync(RealEntries.Mixed(first, Math.Min(Batch, entryCount - first + 1)), CancellationToken.None);
                if (first + (20 * Batch) > entryCount || first % (20 * Batch) == 1) await writer.PublishAsync(CancellationToken.None);
            }
        }
        return await ReadAsync(ledger);
    }

    /// <summary>As it is on disk now.</summary>
    public static async Task<MemoryLedger> ReadAsync(TestLedger ledger)
    {
        Dictionary<string, byte[]> files = [];
        foreach (string file in Directory.EnumerateFiles(ledger.Paths.Ledger, "*", SearchOption.AllDirectories))
            files[Path.GetRelativePath(ledger.Paths.Ledger, file)] = await File.ReadAllBytesAsync(file);
        LedgerReader reader = new(ledger.Paths.Ledger);
        return new MemoryLedger(files, [.. reader.ReadEntries(0, reader.ReadCheckpoint().Size).Select(entry => entry.Entry.ToArray())]);
    }

    /// <summary>Verifies these files as an auditor does.</summary>
    public static VerificationReport Verify(
        Dictionary<string, byte[]> files, Action<string>? onRead = null, ReadOnlyMemory<byte> older = default,
        CancellationToken cancellationToken = default)
    {
        byte[]? Read(string path)
        {
            onRead?.Invoke(path);
            return files.GetValueOrDefault(path);
        }
        return new LedgerVerifier(
            path => Read(path) is { } content ? new ReadOnlyMemory<byte>(content) : default(ReadOnlyMemory<byte>?),
            path => Read(path) is { } content ? new MemoryStream(content) : null) { Policy = Key, OlderCheckpoint = older }.Verify(
                cancellationToken);
    }

    /// <summary>The genuine head when the ledger had that many entries.</summary>
    public Checkpoint HeadAt(long size) => new()
    {
        Origin = TestLedger.Origin, Size = size, Root = Tree.Root(size, new TileNodes(Entries.Count, tile => Files[tile.Path]).Read),
    };

    /// <summary>Genuine evidence of an entry; every value that a key opens is disclosed.</summary>
    public byte[] Prove(long index)
    {
        EntryCodec.Decode(Entries[(int)index], out Entry entry);
        DisclosedSide?[] sides = [.. entry.Fields.Where(field => field.After.Kind == ValueKind.Sealed)
            .Select(field => SealedValue.Disclose(entry, field, Side.After, new byte[32], new byte[32]))];
        return new Evidence
        {
            Index = index,
            Path = Proof.BuildInclusion(index, Entries.Count, new TileNodes(Entries.Count, tile => Files[tile.Path]).Read),
            Checkpoint = Files["checkpoint"],
            Extra = new EvidenceExtra { Entry = Entries[(int)index], Disclosed = [.. sides.OfType<DisclosedSide>()] }.ToBytes(),
        }.ToBytes();
    }

    /// <summary>Where an entry is.</summary>
    public TileCoordinate BundleOf(long index) => TileCoordinate.Holding(TileCoordinate.EntriesLevel, index, Entries.Count);

    /// <summary>The files that other entries in the place of these would have, and the root they lead to; the checkpoint stays.</summary>
    public (Dictionary<string, byte[]> Files, Hash Root) Retiled(IReadOnlyList<byte[]> entries)
    {
        Dictionary<string, byte[]> files = new(Files);
        List<List<Hash>> levels = [];
        TreeRange range = new((int level, long _, in Hash hash) =>
        {
            if (level == levels.Count) levels.Add([]);
            levels[level].Add(hash);
        });
        foreach (byte[] entry in entries) range.Append(Tree.Leaf(entry));
        for (int first = 0; first < entries.Count; first += TileCoordinate.FullWidth)
        {
            files[TileCoordinate.Holding(TileCoordinate.EntriesLevel, first, entries.Count).Path] =
                Bundled(entries.Skip(first).Take(TileCoordinate.FullWidth));
        }
        for (int level = 0; level < levels.Count; level++)
            for (int first = 0; first < levels[level].Count; first += TileCoordinate.FullWidth)
            {
                files[TileCoordinate.Holding(level, first, entries.Count).Path] =
                    [.. levels[level].Skip(first).Take(TileCoordinate.FullWidth).SelectMany(hash => hash.Bytes.ToArray())];
            }
        return (files, range.Root);
    }

    /// <summary>A bundle of entries, each with its length before it.</summary>
    public static byte[] Bundled(IEnumerable<byte[]> entries)
    {
        MemoryStream bundle = new();
        foreach (byte[] entry in entries)
        {
            bundle.Write([(byte)(entry.Length >> 8), (byte)(entry.Length & 0xFF)]);
            bundle.Write(entry);
        }
        return bundle.ToArray();
    }
}
