namespace Indelible.Index;

/// <summary>Changes of row images, in order. Filled by one thread; not changed once applied.</summary>
/// <param name="source">Short name of the source.</param>
public sealed class RowChanges(string source)
{
    private readonly List<Step> _steps = [];

    /// <summary>Short name of the source.</summary>
    public string Source => source;

    /// <summary>Size of the ledger up to which every entry of the source is reflected once these are applied.</summary>
    public long AppliedTo { get; set; }

    /// <summary>True if nothing changed.</summary>
    public bool IsEmpty => _steps.Count == 0;

    internal IReadOnlyList<Step> Steps => _steps;

    /// <summary>The row holds this now.</summary>
    public void Set(in RowTag row, RowImage image) => _steps.Add(new Step.Holds(row, image));

    /// <summary>The row ended.</summary>
    public void Remove(in RowTag row) => _steps.Add(new Step.End(row));

    /// <summary>All rows of a table ended, or those of one partition.</summary>
    /// <param name="table">As <see cref="RowTag.Of"/> names it.</param>
    /// <param name="leaf">As <see cref="RowImage.LeafOf"/> names it; zero for all.</param>
    public void RemoveAll(ulong table, ulong leaf) => _steps.Add(leaf == 0 ? new Step.EndOfTable(table) : new Step.EndOfLeaf(table, leaf));

    /// <summary>What is known of a table changed.</summary>
    public void Mark(ulong table, in TableMarks marks) => _steps.Add(new Step.Marked(table, marks));

    /// <summary>One change. A closed set.</summary>
    internal abstract record Step
    {
        private Step() { }

        public sealed record Holds(RowTag Row, RowImage Image) : Step;

        public sealed record End(RowTag Row) : Step;

        public sealed record EndOfTable(ulong Table) : Step;

        public sealed record EndOfLeaf(ulong Table, ulong Leaf) : Step;

        public sealed record Marked(ulong Table, TableMarks Marks) : Step;
    }
}
