using System.Globalization;
using System.Text;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Index;
using Indelible.Ledger;

namespace Indelible.Server;

/// <summary>Remembers, in the ledger, which transactions wrote a source's catalog, so that what was changed and changed back is told of,
/// also if nobody was looking meanwhile.</summary>
internal sealed class CatalogMemory(LedgerHost host, string source, SourceConnection connection, Protection protection)
{
    private const string TextName = "catalog";
    private readonly EntryMaker _maker = host.NewMaker(source);
    private CatalogTrace? _last;

    /// <summary>Remembers the catalog as it is, as after <c>protect</c>.</summary>
    public async Task RememberAsync(CancellationToken cancellationToken)
    {
        EntryBatch entries = new();
        Add(entries, await CatalogTrace.ReadAsync(connection, protection, cancellationToken));
        await host.SealAsync(entries, cancellationToken);
    }

    /// <summary>End of the log at the last look; none if there was none.</summary>
    public Lsn Since => _last?.LogEnd ?? Lsn.None;

    /// <summary>Before the first look: reads how the catalog stood when it was last remembered.</summary>
    public void Recall() => _last ??= Remembered();

    /// <summary>Adds what is otherwise than at the last look: what, before, after, and between which positions of the
    /// log it was changed.</summary>
    /// <returns>These differences.</returns>
    public IReadOnlyList<CatalogTrace.Difference> Compare(EntryBatch entries, CatalogTrace now, Lsn until)
    {
        List<CatalogTrace.Difference> told = _last is null ? [] : [.. now.Since(_last).Where(IsOurs)];
        foreach (CatalogTrace.Difference difference in told) Add(entries, difference, _last!.LogEnd, until);
        if (_last is null || told.Count > 0) Add(entries, now);
        return told;
    }

    /// <summary>True if a table became a partition of a protected one since the last look.</summary>
    public bool HasAttached(CatalogTrace now) =>
        _last is { } last && now.Since(last).Any(difference => IsOurs(difference) && difference.Hides == "partition-attached");

    /// <summary>The next look compares with this one.</summary>
    public void Sealed(CatalogTrace trace) => _last = trace;

    /// <summary>False for what is about a table that is protected no more.</summary>
    private bool IsOurs(CatalogTrace.Difference difference) => difference.Root == 0
        || protection.Tables.Exists(table => table.Oid == difference.Root);

    private void Add(EntryBatch entries, CatalogTrace.Difference difference, Lsn since, Lsn until) =>
        _maker.AddGuard(entries, GuardCode.IdentityChanged, new Dictionary<string, string>
        {
            ["what"] = difference.What,
            ["expected"] = difference.Before,
            ["found"] = difference.After,
            ["since"] = since.ToString(),
            ["until"] = until.ToString(),
            ["weight"] = Words.Of(CheckStatus.Warn),
        });

    private void Add(EntryBatch entries, CatalogTrace trace)
    {
        Dictionary<string, string> facts = new() { ["facts"] = trace.Lines.Count.ToString(CultureInfo.InvariantCulture) };
        _maker.AddGuard(entries, GuardCode.Catalog, facts, trace.ToText(), TextName);
    }

    /// <summary>The newest that was sealed since protection last changed; null if there is none, it does not open,
    /// or another version of this program wrote it otherwise.</summary>
    private CatalogTrace? Remembered() =>
        Remembered(host.View, source) is [{ } entry] && TextOf(host.View, entry, entry.Fields[0]) is { } text ? Parse(text) : null;

    /// <summary>The entry that holds it; none if there is none since protection last changed.</summary>
    internal static IReadOnlyList<Entry> Remembered(LedgerView view, string source)
    {
        foreach (Entry entry in view.NewestEntries(source, EntryKind.Guard))
        {
            if (entry.Header.Code is GuardCode.ProtectionStarted or GuardCode.ProtectionChanged) return [];
            if (entry.Header.Code == GuardCode.Catalog) return [entry];
        }
        return [];
    }

    /// <summary>A sealed text of an entry; null if it does not open.</summary>
    internal static string? TextOf(LedgerView view, Entry entry, Field field) =>
        view.Values.Open(entry, field, Side.After) is { Fault: OpenFault.None } text
            ? Encoding.UTF8.GetString(text.Value.Bytes.Span)
            : null;

    private static CatalogTrace? Parse(string text)
    {
        try
        {
            return CatalogTrace.Parse(text);
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
