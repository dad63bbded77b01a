using System.Threading.Channels;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;

namespace Indelible.Server;

/// <summary>Protected tables of one source of which the record is not whole since some gap, and whether they can be compared now.
/// Any thread.</summary>
internal sealed class OpenGaps
{
    private readonly Lock _lock = new();
    private readonly Dictionary<uint, (int Version, Lsn Since)> _owed = [];
    private readonly Channel<bool> _changes =
        Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private HashSet<uint> _hidden = [];

    /// <summary>Where the log of a server begins that took over, if such a gap was open; else none.</summary>
    public Lsn TakenOver { get; private set; }

    /// <summary>Those the ledger knows of. Only published entries count.</summary>
    public static OpenGaps Read(LedgerView view, string source, Protection protection)
    {
        OpenGaps gaps = new();
        foreach ((EntryHeader gap, IReadOnlyList<uint> tables) in Gaps.Owed(view, source, protection))
        {
            Lsn from = Lsn.TryParse(gap.Facts?.GetValueOrDefault("from") ?? "", out Lsn parsed) ? parsed : Lsn.None;
            foreach (uint table in tables) gaps.Open(table, from);
            bool isTakenOver = gap.Facts?.GetValueOrDefault("reason") == "timeline-changed";
            if (isTakenOver && Lsn.TryParse(gap.Facts!.GetValueOrDefault("to") ?? "", out Lsn to) && to > gaps.TakenOver)
                gaps.TakenOver = to;
        }
        return gaps;
    }

    /// <summary>A gap of a table was, or is being, sealed.</summary>
    /// <param name="table">Id of the table.</param>
    /// <param name="since">Last position up to which it was covered.</param>
    /// <returns>The same, or of an older gap that is still open.</returns>
    public Lsn Open(uint table, Lsn since)
    {
        lock (_lock)
        {
            bool isOpen = _owed.TryGetValue(table, out (int Version, Lsn Since) open);
            if (isOpen && open.Since < since) since = open.Since;
            _owed[table] = (open.Version + 1, since);
        }
        _changes.Writer.TryWrite(true);
        return since;
    }

    /// <summary>Says which tables' changes the log may not show now: to compare them would settle nothing.</summary>
    public void Hidden(IEnumerable<uint> tables)
    {
        HashSet<uint> hidden = [.. tables];
        lock (_lock)
        {
            if (_hidden.SetEquals(hidden)) return;
            _hidden = hidden;
        }
        _changes.Writer.TryWrite(true);
    }

    /// <summary>Tables that can be compared, each with what <see cref="TryClose"/> is to be given then.</summary>
    public IReadOnlyList<(uint Table, int Version)> Comparable()
    {
        lock (_lock) return [.. _owed.Where(open => !_hidden.Contains(open.Key)).Select(open => (open.Key, open.Value.Version))];
    }

    /// <summary>A table was compared whole; false if another gap was opened since.</summary>
    public bool TryClose(uint table, int version)
    {
        lock (_lock)
        {
            return !_hidden.Contains(table) && _owed.GetValueOrDefault(table).Version == version && _owed.Remove(table);
        }
    }

    /// <summary>Waits until something changed, or for the interval.</summary>
    public async Task ChangedAsync(TimeSpan interval, TimeProvider time, CancellationToken cancellationToken)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task changed = _changes.Reader.ReadAsync(limit.Token).AsTask();
        await Task.WhenAny(changed, Task.Delay(interval, time, limit.Token));
        await limit.CancelAsync();
        await changed.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
    }
}
