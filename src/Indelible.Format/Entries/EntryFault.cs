namespace Indelible.Format.Entries;

/// <summary>Why bytes are not an entry: the rule they break, and where.</summary>
/// <param name="Rule">What docs/format.md asks and what was found instead; empty if nothing is wrong. Never holds a value.</param>
/// <param name="Offset">0-based offset in the entry, in bytes.</param>
public readonly record struct EntryFault(string Rule, int Offset)
{
    /// <summary>Nothing is wrong.</summary>
    public static readonly EntryFault None = new("", 0);

    /// <summary>Whether the entry says that it is of a version this program does not know: then nothing else of it is judged.</summary>
    public bool IsVersion { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Rule.Length == 0 ? "none" : $"{Rule} (at byte {Offset})";
}
