using System.Runtime.CompilerServices;
using System.Text;
using Indelible.Capture;
using Indelible.Index;
using Indelible.Ledger;

namespace Indelible.Server.Comparing;

/// <summary>Rows of a table that did not agree at first sight, waiting to be compared one by one.
/// Live ones are found again by reading their range once more.</summary>
/// <remarks>Memory: 20 bytes a row, and <see cref="CountMax"/> rows, beyond which they are compared before the merge goes on.</remarks>
internal sealed class SuspectRows(
    ProtectedTable table, LiveTable live, RowTokens tokens, IReadOnlyList<LiveRange> ranges, UnseenRows unseen)
{
    private const int CountMax = 1 << 20;

    private readonly List<(int Range, UInt128 Row)> _live = [];
    private readonly List<UInt128> _unseen = [];
    private readonly (int Start, int Length)[] _fields = new (int, int)[live.CopyColumns];

    /// <summary>How many.</summary>
    public int Count => _live.Count + _unseen.Count;

    /// <summary>True once they are to be compared before more are added.</summary>
    public bool IsFull => Count >= CountMax;

    /// <summary>Adds what a merge found.</summary>
    public void Add(MergeOutcome outcome)
    {
        _live.AddRange(outcome.Suspects);
        _unseen.AddRange(outcome.Unseen);
    }

    /// <summary>Gives their keys, some at a time, and forgets them. Rows that are neither in the table nor in the ledger any more
    /// are left out.</summary>
    public async IAsyncEnumerable<IReadOnlyList<IReadOnlyList<string>>> TakeKeysAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (IGrouping<int, (int Range, UInt128 Row)> group in _live.GroupBy(one => one.Range))
        {
            HashSet<UInt128> wanted = [.. group.Select(one => one.Row)];
            if (group.Key < ranges.Count) yield return await KeysAsync(ranges[group.Key], wanted, cancellationToken);
            _unseen.AddRange(wanted);    // gone from the table since
        }
        _live.Clear();
        foreach (IReadOnlyList<IReadOnlyList<string>> keys in unseen.Keys(_unseen, cancellationToken)) yield return keys;
        _unseen.Clear();
    }

    /// <summary>The keys of the wanted rows that are in a range now; these are then wanted no more.</summary>
    private async Task<List<IReadOnlyList<string>>> KeysAsync(LiveRange range, HashSet<UInt128> wanted, CancellationToken cancellationToken)
    {
        List<IReadOnlyList<string>> keys = [];
        await live.ReadRangeAsync(0, range.After, range.Through, rowMax: 0, block =>
        {
            CopyRows rows = new(block.Bytes.Span, _fields);
            while (rows.Next())
            {
                if (wanted.Remove(LiveReading.NameOf(rows, tokens, table.Key.Count))) keys.Add(KeyOf(rows));
            }
            LiveReading.GiveBack(block);
            return ValueTask.CompletedTask;
        }, cancellationToken);
        return keys;
    }

    private string[] KeyOf(in CopyRows row)
    {
        string[] key = new string[table.Key.Count];
        for (int i = 0; i < key.Length; i++) key[i] = Encoding.UTF8.GetString(row[i]);
        return key;
    }
}
