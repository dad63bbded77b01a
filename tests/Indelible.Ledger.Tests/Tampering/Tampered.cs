using Indelible.Format.Merkle;
using Indelible.Format.Notes;

namespace Indelible.Ledger.Tests.Tampering;

/// <summary>A ledger somebody tampered with, and where.</summary>
/// <param name="Kind">What was done to it, in a word.</param>
/// <param name="What">The same, with its place.</param>
/// <param name="Files">Its files now.</param>
internal sealed record Tampered(string Kind, string What, Dictionary<string, byte[]> Files)
{
    private static readonly NoteSigner Impostor =
        NoteSigner.FromSeed(TestLedger.Origin, [.. Enumerable.Repeat((byte)99, NoteSigner.SeedSize)]);
    private static readonly NoteSigner Stranger =
        NoteSigner.FromSeed("ledger.test/two", [.. Enumerable.Repeat((byte)77, NoteSigner.SeedSize)]);

    /// <summary>The one entry concerned: the finding must name it; null if several are, or none.</summary>
    public long? Entry { get; init; }

    /// <summary>Files concerned: a finding must name one; empty if it cannot be said.</summary>
    public string[] Touched { get; init; } = [];

    /// <summary>A checkpoint the auditor remembers.</summary>
    public byte[] Older { get; init; } = [];

    /// <summary>Tampers with it in one of many ways.</summary>
    public static Tampered With(MemoryLedger ledger, Random random) => random.Next(100) switch
    {
        < 40 => OneEntry(ledger, random),
        < 70 => AFile(ledger, random),
        < 80 => Reordered(ledger, random),
        < 86 => Foreign(ledger, random),
        < 93 => RolledBack(ledger, random),
        _ => KeyReplaced(ledger, random),
    };

    /// <summary>One entry is altered, removed or doubled in its bundle; nothing else is touched.</summary>
    private static Tampered OneEntry(MemoryLedger ledger, Random random)
    {
        int index = random.Next(ledger.Entries.Count);
        string path = ledger.BundleOf(index).Path;
        int first = index / TileCoordinate.FullWidth * TileCoordinate.FullWidth, place = index - first;
        List<byte[]> entries = [.. ledger.Entries.Skip(first).Take(TileCoordinate.FullWidth)];
        byte[] original = entries[place];
        string what;
        switch (random.Next(8))
        {
            case 0:
                entries.RemoveAt(place);
                what = "removed";
                break;
            case 1:
                entries.Insert(place, original);
                what = "doubled";
                break;
            case 2:
                return Length(ledger, random, index, path, entries, place);
            case 3 or 4:
                entries[place] = [.. original];
                entries[place][random.Next(original.Length)] ^= (byte)(1 << random.Next(8));
                what = "one bit";
                break;
            default:
                entries[place] = Mutation.Bytes(original, random, out what);
                break;
        }
        return new Tampered("entry", $"entry {index}: {what}",
            new Dictionary<string, byte[]>(ledger.Files) { [path] = MemoryLedger.Bundled(entries) }) { Entry = index, Touched = [path] };
    }

    /// <summary>A bit of the length before an entry.</summary>
    private static Tampered Length(MemoryLedger ledger, Random random, int index, string path, List<byte[]> entries, int place)
    {
        byte[] bundle = [.. ledger.Files[path]];
        bundle[entries.Take(place).Sum(entry => 2 + entry.Length) + random.Next(2)] ^= (byte)(1 << random.Next(8));
        return new Tampered("entry", $"entry {index}: its length",
            new Dictionary<string, byte[]>(ledger.Files) { [path] = bundle }) { Entry = index, Touched = [path] };
    }

    private static Tampered AFile(MemoryLedger ledger, Random random)
    {
        string path = Pick(ledger.Needed, random);
        (string what, Dictionary<string, byte[]> changed, string[] touched) = Mutation.Of(ledger.Files, ledger.Needed, path, random);
        return new Tampered("file", $"{what} of {string.Join(" and ", touched)}", changed) { Touched = touched };
    }

    /// <summary>Entries change places, or are exchanged, and everything above is computed anew:
    /// by a thief of the disk, who cannot sign, by an impostor, or by whoever has the key.</summary>
    private static Tampered Reordered(MemoryLedger ledger, Random random)
    {
        List<byte[]> entries = [.. ledger.Entries];
        int one = random.Next(entries.Count), other = random.Next(entries.Count);
        if (one == other) other = (one + 1) % entries.Count;
        (entries[one], entries[other]) = (entries[other], entries[one]);
        (Dictionary<string, byte[]> files, Hash root) = ledger.Retiled(entries);
        Checkpoint head = ledger.HeadAt(ledger.Entries.Count) with { Root = root };
        string what = $"entries {one} and {other}, tiles computed anew, ";
        switch (random.Next(3))
        {
            case 0:
                return new Tampered("reordered", what + "the old checkpoint", files) { Touched = ["checkpoint"] };
            case 1:
                files["checkpoint"] = head.Sign(Impostor).ToBytes();
                return new Tampered("reordered", what + "signed by another key of that name", files) { Touched = ["checkpoint"] };
            default:
                files["checkpoint"] = head.Sign(TestLedger.Signer).ToBytes();
                long remembered = Math.Max(one, other) + 1;
                return new Tampered("reordered", what + $"signed by the ledger's key, size {remembered} remembered",
                    files) { Older = ledger.HeadAt(remembered).Sign(TestLedger.Signer).ToBytes() };
        }
    }

    /// <summary>The checkpoint of another ledger.</summary>
    private static Tampered Foreign(MemoryLedger ledger, Random random)
    {
        Checkpoint head = ledger.HeadAt(random.Next(1, ledger.Entries.Count + 1)) with { Origin = Stranger.VerifierKey.Name };
        NoteSigner signer = random.Next(2) == 0 ? Stranger : TestLedger.Signer;
        Dictionary<string, byte[]> files = new(ledger.Files) { ["checkpoint"] = head.Sign(signer).ToBytes() };
        return new Tampered("foreign", $"checkpoint of {head.Origin}, size {head.Size}, signed by {signer.VerifierKey.Name}",
            files) { Touched = ["checkpoint"] };
    }

    /// <summary>A genuine checkpoint of before, shown to somebody who saw a newer one.</summary>
    private static Tampered RolledBack(MemoryLedger ledger, Random random)
    {
        int remembered = random.Next(2, ledger.Entries.Count + 1), shown = random.Next(1, remembered);
        Dictionary<string, byte[]> files = new(ledger.Files) { ["checkpoint"] = ledger.HeadAt(shown).Sign(TestLedger.Signer).ToBytes() };
        return new Tampered("rollback", $"size {shown} shown, {remembered} remembered",
            files) { Older = ledger.HeadAt(remembered).Sign(TestLedger.Signer).ToBytes() };
    }

    /// <summary>The head itself is true; the key that signs it is not the ledger's, or only says that it is.</summary>
    private static Tampered KeyReplaced(MemoryLedger ledger, Random random)
    {
        Checkpoint head = ledger.HeadAt(ledger.Entries.Count);
        string signed = System.Text.Encoding.UTF8.GetString(head.Sign(Impostor).ToBytes());
        bool isRelabelled = random.Next(2) == 0;
        if (isRelabelled) signed = Relabelled(signed, System.Text.Encoding.UTF8.GetString(ledger.Files["checkpoint"]), random);
        Dictionary<string, byte[]> files = new(ledger.Files) { ["checkpoint"] = System.Text.Encoding.UTF8.GetBytes(signed) };
        return new Tampered("key", isRelabelled ? "another key's signature under the ledger's key id" : "another key of that name",
            files) { Touched = ["checkpoint"] };
    }

    /// <summary>The key id of the genuine signature before the bytes of the false one, one of which is random.</summary>
    private static string Relabelled(string forged, string genuine, Random random)
    {
        byte[] signature = Signature(forged), known = Signature(genuine);
        known.AsSpan(0, 4).CopyTo(signature);
        signature[4 + random.Next(64)] = (byte)random.Next(256);
        return forged[..(forged.LastIndexOf(' ') + 1)] + Convert.ToBase64String(signature) + "\n";
    }

    private static byte[] Signature(string note) => Convert.FromBase64String(note[(note.LastIndexOf(' ') + 1)..].Trim());

    /// <summary>Blobs are most of the files: without this they would take most of the tampering.</summary>
    public static string Pick(string[] paths, Random random)
    {
        string group =
            random.Next(8) switch { 0 => "checkpoint", 1 => "blobs/", 2 or 3 or 4 => "tile/entries/", 5 => "tile/1/", _ => "tile/0/" };
        string[] candidates = [.. paths.Where(path => path.StartsWith(group, StringComparison.Ordinal))];
        return candidates[random.Next(candidates.Length)];
    }
}
