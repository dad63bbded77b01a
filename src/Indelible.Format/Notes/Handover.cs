namespace Indelible.Format.Notes;

/// <summary>A checkpoint by which a ledger's signing key gives way to the next: its one extension line names both, and both signed it.
/// Kept for ever as <c>handover/&lt;size&gt;</c>. docs/format.md#handover.</summary>
/// <param name="From">The key that ends: it signs no greater head.</param>
/// <param name="To">The key that begins.</param>
/// <param name="Note">The text with both signatures.</param>
/// <param name="Checkpoint">The last head of the one key, and the first of the other.</param>
public sealed record Handover(VerifierKey From, VerifierKey To, SignedNote Note, Checkpoint Checkpoint)
{
    /// <summary>Directory of a ledger that holds them.</summary>
    public const string Directory = "handover";
    private const string Word = "handover";

    /// <summary>Path of the one at a size, below the ledger directory.</summary>
    public static string PathOf(long size) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Directory}/{size}");

    /// <summary>Makes one of a head.</summary>
    public static Handover Sign(Checkpoint head, NoteSigner from, NoteSigner to)
    {
        Checkpoint checkpoint = head with { Extensions = [$"{Word} {from.VerifierKey} {to.VerifierKey}"] };
        string text = checkpoint.ToText();
        return new Handover(from.VerifierKey, to.VerifierKey, new SignedNote(text, [from.Sign(text), to.Sign(text)]), checkpoint);
    }

    /// <summary>Reads one and checks both signatures; <paramref name="handover"/> is null exactly if a fault is returned.</summary>
    public static TextFault Parse(ReadOnlySpan<byte> bytes, out Handover? handover)
    {
        handover = null;
        TextFault fault = Checkpoint.Parse(bytes, out SignedNote? note, out Checkpoint? checkpoint);
        if (!fault.IsNone) return fault;
        string[] words = checkpoint!.Extensions is [var line] ? line.Split(' ') : [];
        if (words is not [Word, var from, var to])
            return new TextFault($"expected one line '{Word} <old key> <new key>' after the root", 4);
        fault = VerifierKey.Parse(from, out VerifierKey? before);
        if (fault.IsNone) fault = VerifierKey.Parse(to, out VerifierKey? _);
        if (!fault.IsNone) return fault;
        _ = VerifierKey.Parse(to, out VerifierKey? after);
        if (before!.IsCosigner || after!.IsCosigner || before.Name != checkpoint.Origin || after.Name != checkpoint.Origin
            || before.Equals(after))
            return new TextFault($"expected two keys of the ledger {checkpoint.Origin}", 4);
        foreach (VerifierKey key in (VerifierKey[])[before, after])
        {
            fault = note!.Verify([key], out _);
            if (!fault.IsNone) return fault;
        }
        handover = new Handover(before, after, note!, checkpoint);
        return TextFault.None;
    }
}

/// <summary>The signing keys a ledger had, one after the other, as far as handovers link them with the one that
/// is known. Immutable.</summary>
public sealed class KeyHistory
{
    /// <summary>Handovers read at most: more is no ledger that anybody runs.</summary>
    public const int HandoversMax = 1000;

    private KeyHistory(VerifierKey known, IReadOnlyList<Handover> handovers)
    {
        (Known, Handovers) = (known, handovers);
        Newest = handovers.Count > 0 ? handovers[^1].To : known;
    }

    /// <summary>The key that was given: all trust comes from it.</summary>
    public VerifierKey Known { get; }
    /// <summary>The newest key.</summary>
    public VerifierKey Newest { get; }
    /// <summary>The handovers between the keys, oldest first.</summary>
    public IReadOnlyList<Handover> Handovers { get; }

    /// <summary>Of one key alone.</summary>
    public static KeyHistory Of(VerifierKey known) => new(known, []);

    /// <summary>Links a key with those before and after it. A file that is no handover, or of other keys, links nothing.</summary>
    /// <param name="known">The key.</param>
    /// <param name="files">Files that may be handovers.</param>
    public static KeyHistory Of(VerifierKey known, IEnumerable<ReadOnlyMemory<byte>> files)
    {
        List<Handover> all = [];
        foreach (ReadOnlyMemory<byte> file in files)
        {
            if (Handover.Parse(file.Span, out Handover? handover).IsNone) all.Add(handover!);
        }
        all.Sort((one, other) => one.Checkpoint.Size.CompareTo(other.Checkpoint.Size));
        List<Handover> linked = [];
        VerifierKey last = known, first = known;
        foreach (Handover handover in all.Where(handover => handover.From.Equals(last)))
        {
            linked.Add(handover);
            last = handover.To;
        }
        foreach (Handover handover in Enumerable.Reverse(all).Where(handover => handover.To.Equals(first)))
        {
            if (linked.Count > 0 && handover.Checkpoint.Size > linked[0].Checkpoint.Size) continue;
            linked.Insert(0, handover);
            first = handover.From;
        }
        return new KeyHistory(known, linked);
    }

    /// <summary>The same key, with more files.</summary>
    public KeyHistory With(IEnumerable<ReadOnlyMemory<byte>> files) =>
        Of(Known, [.. Handovers.Select(handover => (ReadOnlyMemory<byte>)handover.Note.ToBytes()), .. files]);

    /// <summary>Keys that may sign a head of this size: each from the handover to it up to the handover from it.</summary>
    public IReadOnlyList<VerifierKey> At(long size)
    {
        if (Handovers.Count == 0) return [Known];
        List<VerifierKey> keys = [];
        if (size <= Handovers[0].Checkpoint.Size) keys.Add(Handovers[0].From);
        for (int i = 0; i < Handovers.Count; i++)
        {
            bool hasEnded = i + 1 < Handovers.Count && size > Handovers[i + 1].Checkpoint.Size;
            if (size >= Handovers[i].Checkpoint.Size && !hasEnded) keys.Add(Handovers[i].To);
        }
        return keys;
    }

    /// <summary>Checks that a key of this history, in its time, signed a head of its ledger.</summary>
    public TextFault Check(SignedNote note, Checkpoint checkpoint) => Policy.ForKeys(At(checkpoint.Size)).Check(note, checkpoint, out _);

    /// <inheritdoc/>
    public override string ToString() => Newest.Equals(Known) ? Known.ToString() : $"{Known}, or {Newest} after it";
}
