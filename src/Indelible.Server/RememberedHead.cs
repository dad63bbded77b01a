using Indelible.Format.Notes;
using Indelible.Ledger;

namespace Indelible.Server;

/// <summary>The signed head of the last whole pass, beside the journal: what is published later must go on from it.</summary>
internal sealed class RememberedHead(string journalDirectory)
{
    /// <summary>Name of the head in a ledger.</summary>
    public const string CheckpointName = "checkpoint";

    private readonly string _path = Path.Combine(journalDirectory, "verified");

    /// <summary>The signed checkpoint; empty if there is none yet.</summary>
    public ReadOnlyMemory<byte> Read() => DurableFile.TryReadAll(_path, SignedNote.LengthMax);

    /// <summary>Remembers a signed checkpoint; durable when it returns.</summary>
    public void Write(byte[] checkpoint)
    {
        if (!Read().Span.SequenceEqual(checkpoint)) DurableFile.ReplaceSecret(_path, checkpoint);
    }
}
