using System.Globalization;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Index;
using Indelible.Ledger;

namespace Indelible.Server.Alerts;

/// <summary>What is to be told of a stretch of the ledger: what is alike makes one alert, however many entries it is.</summary>
/// <param name="To">The stretch ends before this entry.</param>
/// <param name="Alerts">In the order of their first entries.</param>
internal sealed record AlertRound(long To, IReadOnlyList<Alert> Alerts)
{
    /// <summary>Alerts of one round; more end it early.</summary>
    private const int AlertsMax = 100;
    private const int PageLimit = 1000;
    /// <summary>Entries looked at, at most, for what an operator did just before.</summary>
    private const int MemoryEntriesMax = 100_000;
    /// <summary>Bytes of an alert's words.</summary>
    private const int MessageLengthMax = 2_048;

    /// <summary>Looks at everything indexed from an entry on.</summary>
    public static AlertRound Of(LedgerView view, AlertRules rules, long from, MicroTime now, CancellationToken cancellationToken)
    {
        long to = view.Index.IndexedSize;
        List<Group> groups = [];
        Dictionary<(string?, Told), Group> byTold = [];
        foreach (long index in Candidates(view, rules, from, to))
        {
            cancellationToken.ThrowIfCancellationRequested();
            EntryHeader? header = Read(view, index, now, groups);
            if (header is null) continue;
            foreach (Told told in rules.Of(header))
            {
                if (byTold.TryGetValue((header.Source, told), out Group? group)) group.Add(index, header);
                else
                {
                    groups.Add(byTold[(header.Source, told)] = new Group(told, index, header.SealedAt, header));
                }
            }
            if (groups.Count >= AlertsMax) return new AlertRound(index + 1, [.. groups.Select(group => group.ToAlert(view.Origin))]);
        }
        return new AlertRound(Math.Max(from, to), [.. groups.Select(group => group.ToAlert(view.Origin))]);
    }

    /// <summary>Lets the rules see what was changed shortly before an entry, which was told of already if it had to be.</summary>
    public static void Remind(LedgerView view, AlertRules rules, long from)
    {
        if (rules.Memory == TimeSpan.Zero || from == 0) return;
        long micros = (long)rules.Memory.TotalMicroseconds;
        Stack<EntryHeader> before = new();
        long newest = long.MinValue;
        for (long index = from - 1; index >= 0 && before.Count < MemoryEntriesMax; index--)
        {
            EntryHeader header = view.Header(index);
            newest = Math.Max(newest, EntryTerms.TimeOf(header).Micros);
            if (EntryTerms.TimeOf(header).Micros < newest - micros) break;
            before.Push(header);
        }
        while (before.TryPop(out EntryHeader? header)) rules.Remember(header);
    }

    /// <summary>Entries worth reading. Where changes as such do not count, the index names the few that do.</summary>
    private static IEnumerable<long> Candidates(LedgerView view, AlertRules rules, long from, long to)
    {
        if (rules.NeedsAll)
        {
            for (long index = from; index < to; index++) yield return index;
            yield break;
        }
        IEnumerable<long> guards = Found(view, new Query { Kind = EntryKind.Guard }, from, to);
        IEnumerable<long> nobodys = Found(view, new Query { Kind = EntryKind.Change, Grade = Grade.None }, from, to);
        foreach (long index in Merge.InOrder(guards, nobodys)) yield return index;
    }

    private static IEnumerable<long> Found(LedgerView view, Query query, long from, long to)
    {
        string? after = from == 0 ? null : (from - 1).ToString(CultureInfo.InvariantCulture);
        do
        {
            Page page = view.Index.Find(query with { OldestFirst = true, Limit = PageLimit, After = after });
            foreach (long index in page.Entries)
            {
                if (index >= to) yield break;
                yield return index;
            }
            after = page.Next;
        }
        while (after is not null);
    }

    /// <summary>A header; null where the entry cannot be read, which is told of in its place.</summary>
    private static EntryHeader? Read(LedgerView view, long index, MicroTime now, List<Group> groups)
    {
        try
        {
            return view.Header(index);
        }
        catch (LedgerCorruptException e)
        {
            groups.Add(
                new Group(new Told("verification-failed", null, null, "", $"entry {index} cannot be read: {e.Message}"), index, now, null));
            return null;
        }
    }

    /// <summary>Entries that make one alert.</summary>
    private sealed class Group(Told told, long index, MicroTime at, EntryHeader? header)
    {
        private readonly HashSet<uint> _transactions = header?.TransactionId is { } transaction ? [transaction] : [];
        private readonly long _first = index;
        private long _count = 1, _last = index;

        public void Add(long later, EntryHeader next)
        {
            (_count, _last) = (_count + 1, later);
            if (next.TransactionId is { } transaction && _transactions.Count < AlertsMax) _transactions.Add(transaction);
        }

        public Alert ToAlert(string origin) => new()
        {
            Id = $"{origin} {_first} {told.Kind}",
            Kind = told.Kind,
            Origin = origin,
            At = at,
            Source = header?.Source,
            Table = told.Table,
            Code = told.Code,
            Row = _count == 1 && header?.Key is { } key ? KeyText.Of(key) : null,
            Operator = header?.Operator is { Grade: not Grade.None } who ? who.Id ?? who.SessionUser : null,
            Entries = (_first, _last),
            Count = _count,
            Facts = header?.Facts,
            Message = Message(),
        };

        private string Message()
        {
            string where = string.Join(", ", ((string?[])[header?.Source, told.Table]).Where(part => part is not null));
            string facts = header?.Facts is { } all
                ? string.Concat(all.OrderBy(fact => fact.Key != "from").Select(fact => $"; {fact.Key}: {fact.Value}"))
                : "";
            return HeaderTexts.Clip($"{where}{(where.Length > 0 ? ": " : "")}{told.Says}{More()}{facts}", MessageLengthMax)
                + $". See `indelible show {_first}`";
        }

        private string More()
        {
            if (_count == 1) return "";
            string transactions = _transactions.Count == 0
                ? ""
                : $" in {_transactions.Count}{(_transactions.Count == AlertsMax ? " or more" : "")} transactions";
            return $"; {_count} entries, {_first} to {_last}{transactions}";
        }
    }
}
