namespace Indelible.Index;

/// <summary>Changes of row images, in order. Filled by one thread; not changed once applied.</summary>
/// <param name="source">Short name of the source.</param>
public sealed class RowChanges(string source)
{
    private readonly List<Step> _steps = [];
    private Step.Rows? _rows;

    /// <summary>Short name of the source.</summary>
    public string Source => source;

    /// <summary>Size of the ledger up to which every entry of the source is reflected once these are applied.</summary>
    public long AppliedTo { get; set; }

    /// <summary>True if nothing changed.</summary>
    public bool IsEmpty => _steps.Count == 0;

    internal IReadOnlyList<Step> Steps => _steps;

    /// <summary>The row holds this now.</summary>
    public void Set(in RowTag row, RowImage image) => Rows().Add(row, image);

    /// <summary>The row ended.</summary>
    public void Remove(in RowTag row) => Rows().Add(row, null);

    /// <summary>All rows of a table ended, or those of one partition.</summary>
    /// <param name="table">As <see cref="RowTag.Of"/> names it.</param>
    /// <param name="leaf">As <see cref="RowImage.LeafOf"/> names it; zero for all.</param>
    public void RemoveAll(ulong table, ulong leaf) => Add(leaf == 0 ? new Step.EndOfTable(table) : new Step.EndOfLeaf(table, leaf));

    /// <summary>What is known of a table changed.</summary>
    public void Mark(ulong table, in TableMarks marks) => Add(new Step.Marked(table, marks));

    private Step.Rows Rows()
    {
        if (_rows is { IsFull: false }) return _rows;
        _rows = new Step.Rows();
        _steps.Add(_rows);
        return _rows;
    }

    private void Add(Step step)
    {
        _rows = null;       // what follows comes after it
        _steps.Add(step);
    }

    /// <summary>One change. A closed set.</summary>
    internal abstract record Step
    {
        private Step() { }

        /// <summary>Rows that hold something now or, where there is no image, ended.</summary>
        public sealed record Rows : Step
        {
            /// <summary>An index fits into the low bits of an order.</summary>
            private const int CountMax = 1 << 16;

            private readonly List<(RowTag Row, RowImage? Image)> _rows = [];

            public bool IsFull => _rows.Count == CountMax;

            public void Add(in RowTag row, RowImage? image) => _rows.Add((row, image));

            /// <summary>In the order of their names, nearly: RocksDB's table in memory takes random names one cache miss at a time.
            /// What is said twice of a row keeps its order.</summary>
            public IEnumerable<(RowTag Row, RowImage? Image)> Sorted()
            {
                ulong[] order = new ulong[_rows.Count];
                for (int i = 0; i < order.Length; i++) order[i] = ((ulong)(_rows[i].Row.Row >> 64) & ~(ulong)(CountMax - 1)) | (uint)i;
                Array.Sort(order);
                foreach (ulong place in order) yield return _rows[(int)(place & (CountMax - 1))];
            }
        }

        public sealed record EndOfTable(ulong Table) : Step;

        public sealed record EndOfLeaf(ulong Table, ulong Leaf) : Step;

        public sealed record Marked(ulong Table, TableMarks Marks) : Step;
    }
}
