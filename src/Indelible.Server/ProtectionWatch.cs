using System.Data.Common;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Ledger;
using Microsoft.Extensions.Logging;

namespace Indelible.Server;

/// <summary>Seals entries in their place among those of the log.
/// <paramref name="make"/> is given the position up to which changes stand before them.</summary>
internal delegate Task SealInOrder(Func<Lsn, EntryBatch?> make, CancellationToken cancellationToken);

/// <summary>Compares the source's catalog with what is protected, at intervals and after every change of schema,
/// whether or not anything reports DDL; seals what is not as it should be, and that it is again,
/// and a gap where the log may not have shown all that happened to rows.</summary>
internal sealed class ProtectionWatch(
    string source, Protection protection, SourceConnection connection, LedgerHost host,
    SourceProgress progress, OpenGaps gaps, ILogger logger) : IAsyncDisposable
{
    private readonly EntryMaker _maker = host.NewMaker(source);
    private readonly WatchMemory _memory = WatchMemory.Read(host.View, source);
    private readonly CatalogMemory _catalog = new(host, source, connection, protection);
    private readonly CatalogSession _session = new(connection, protection);
    private readonly Downgrades _downgrades = Downgrades.Read(host.View, source, protection);

    /// <summary>Takes in what a batch reports, before <see cref="SourceProgress"/> is told of it.</summary>
    public void Note(CapturedBatch batch) => _downgrades.Note(batch);

    /// <summary>Looks after every change of schema, and at intervals, until cancelled; or until the log is to be read by a new stream,
    /// whose first look then tells why.</summary>
    /// <param name="seesAttached">False if the stream does not see rows of a table that it knows and that was attached as a partition
    /// since: so are those of servers before 15.</param>
    /// <param name="seal">Seals what is told.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task RunAsync(bool seesAttached, SealInOrder seal, CancellationToken cancellationToken)
    {
        do await progress.SchemaChangedAsync(TimeSpan.FromSeconds(host.Config.CoverageIntervalSeconds), cancellationToken);
        while (await LookAsync(seesAttached, seal, cancellationToken));
    }

    /// <summary>Looks once, before the log is read. A look that fails is noted; what keeps the source from being reached is noticed by
    /// capture itself.</summary>
    public Task LookAsync(SealInOrder seal, CancellationToken cancellationToken) => LookAsync(seesAttached: true, seal, cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _session.DisposeAsync();

    /// <summary>False, and nothing is told, if there is what only a new stream sees.</summary>
    private async Task<bool> LookAsync(bool seesAttached, SealInOrder seal, CancellationToken cancellationToken)
    {
        try
        {
            _catalog.Recall();
            CatalogLook look = await _session.LookAsync(cancellationToken);
            if (!seesAttached && _catalog.HasAttached(look.Trace)) return false;
            await seal(at => Compare(look, at > look.ReadBy ? at : look.ReadBy), cancellationToken);
            _catalog.Sealed(look.Trace);
            gaps.Hidden(look.Checks.Where(check => check.Status != CheckStatus.Ok)
                .SelectMany(check => check.Gone is { } gone ? [gone] : check.Hides).Select(table => table.Id));
        }
        catch (Exception e) when (e is DbException or IndelibleException)
        {
            ServerLog.CatalogUnread(logger, source, e.Message);
        }
        return true;
    }

    /// <param name="look">What was read.</param>
    /// <param name="until">Everything that was read is older.</param>
    private EntryBatch Compare(CatalogLook look, Lsn until)
    {
        IReadOnlyList<SourceCheck> checks = look.Checks;
        EntryBatch entries = new();
        HashSet<uint> gone = [.. checks.Select(check => check.Gone?.Id).OfType<uint>()];
        Lapses lapses = new([.. protection.Tables.Where(table => !gone.Contains(table.Id))]);
        bool reportsDdl = checks.Any(check => check.Name == SourceDoctor.EventTriggers && check.Status == CheckStatus.Ok);
        foreach (SourceCheck check in checks.Where(check => Compare(entries, check)))
        {
            lapses.Add(check);
            if (!reportsDdl && check.Rewrites is { } rewritten) lapses.Add(rewritten, "rewrite-unrecorded", $"{check.Name}: {check.Found}");
        }
        Compare(entries, look.Rights);
        foreach (CatalogTrace.Difference difference in _catalog.Compare(entries, look.Trace, until)) lapses.Add(difference);
        foreach (ProtectedTable table in _downgrades.Take())
            lapses.Add(table, Downgrades.Reason, "a statement left it without identity FULL for a while");
        foreach (Lapse lapse in lapses.All) AddGap(entries, lapse, until);
        return entries;
    }

    /// <summary>The record was last whole at the last look; from here on it will be, once the table is compared.</summary>
    private void AddGap(EntryBatch entries, Lapse lapse, Lsn until)
    {
        Lsn from = gaps.Open(lapse.Table.Id, _catalog.Since > Lsn.None ? _catalog.Since : until);
        ProtectedTable table = lapse.Table;
        string message =
            $"{table.Schema}.{table.Name}: {lapse.What}: rows may have been changed meanwhile without the log showing it";
        _maker.AddGap(entries, lapse.Reason, from, until, message, new Relation(table.Id, table.Schema, table.Name, null));
        ServerLog.Gap(logger, source, from.ToString(), until.ToString(), message);
    }

    /// <summary>True if it is told of: it stands otherwise than at the last look.</summary>
    private bool Compare(EntryBatch entries, SourceCheck check)
    {
        if (check.Status == CheckStatus.Ok)
        {
            if (!_memory.Faults.Remove(check.Name)) return false;
            Add(entries, check.Name, check.Found, check.Found, null);
            return true;
        }
        if (_memory.Faults.GetValueOrDefault(check.Name) == check.Found) return false;
        _memory.Faults[check.Name] = check.Found;
        Add(entries, check.Name, check.Expected, check.Found, Words.Of(check.Status));
        ServerLog.NotAsProtected(logger,
            check.Status == CheckStatus.Fail ? LogLevel.Error : check.Status == CheckStatus.Warn ? LogLevel.Warning : LogLevel.Information,
            source, check.Name, check.Expected, check.Found);
        return true;
    }

    /// <summary>Nothing says how these should be, so each change of them is told, and how they stand then is what the
    /// next is compared with.</summary>
    private void Compare(EntryBatch entries, SortedDictionary<string, string> rights)
    {
        IReadOnlyDictionary<string, string>? before = _memory.Rights;
        if (before is not null)
        {
            string[] changed =
                [.. before.Keys.Union(rights.Keys).Where(what => before.GetValueOrDefault(what) != rights.GetValueOrDefault(what))];
            if (changed.Length == 0) return;
            foreach (string what in changed.Where(what => IsTold(what, before, rights)))
            {
                (string was, string now) = (before.GetValueOrDefault(what) ?? "nothing", rights.GetValueOrDefault(what) ?? "nothing");
                Add(entries, what, was, now, Words.Of(CheckStatus.Warn));
                ServerLog.NotAsProtected(logger, LogLevel.Warning, source, what, was, now);
            }
        }
        _memory.Rights = rights;
        _maker.AddGuard(entries, GuardCode.Rights, rights);
    }

    /// <summary>A role that comes or goes is told of. A table comes and goes with its protection, which is sealed, or with a statement,
    /// which other checks tell of.</summary>
    private static bool IsTold(string what, IReadOnlyDictionary<string, string> before, SortedDictionary<string, string> now) =>
        what.StartsWith("role ", StringComparison.Ordinal) || (before.ContainsKey(what) && now.ContainsKey(what));

    private void Add(EntryBatch entries, string what, string expected, string found, string? weight)
    {
        Dictionary<string, string> facts = new() { ["what"] = what, ["expected"] = expected, ["found"] = found };
        if (weight is not null) facts["weight"] = weight;
        _maker.AddGuard(entries, GuardCode.IdentityChanged, facts);
    }
}
