using Indelible.Format;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;

namespace Indelible.Ledger.Following;

/// <summary>A checkpoint as its ledger signed it.</summary>
/// <param name="Note">The text with its signatures, verbatim.</param>
/// <param name="Checkpoint">What the text says.</param>
public sealed record SignedHead(SignedNote Note, Checkpoint Checkpoint)
{
    /// <summary>Tree size.</summary>
    public long Size => Checkpoint.Size;

    /// <summary>Root of that tree.</summary>
    public Hash Root => Checkpoint.Root;

    /// <summary>Reads a checkpoint and checks that the key signed it; <paramref name="head"/> is null exactly if
    /// a fault is returned.</summary>
    public static TextFault Read(ReadOnlySpan<byte> bytes, VerifierKey key, out SignedHead? head)
    {
        head = null;
        TextFault fault = Checkpoint.Parse(bytes, out SignedNote? note, out Checkpoint? checkpoint);
        if (fault.IsNone) fault = Policy.ForKey(key).Check(note!, checkpoint!, out _);
        if (fault.IsNone) head = new SignedHead(note!, checkpoint!);
        return fault;
    }

    /// <summary>The same, of a ledger whose signing key was handed over.</summary>
    public static TextFault Read(ReadOnlySpan<byte> bytes, KeyHistory keys, out SignedHead? head)
    {
        head = null;
        TextFault fault = Checkpoint.Parse(bytes, out SignedNote? note, out Checkpoint? checkpoint);
        if (fault.IsNone) fault = keys.Check(note!, checkpoint!);
        if (fault.IsNone) head = new SignedHead(note!, checkpoint!);
        return fault;
    }

    /// <inheritdoc/>
    public override string ToString() => $"size {Size}, root {Root}";
}
