using System.Buffers.Binary;
using System.Globalization;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Index;
using Indelible.Ledger;

namespace Indelible.Server;

/// <summary>Compares every protected value of the live database with what the ledger implies at exactly the same snapshot: never "now against now".</summary>
/// <remarks>Live rows are read in chunks, each in a snapshot; a transaction counts if and only if the snapshot sees it, once capture is past the log position
/// read after the snapshot. Memory: one chunk, and 8 bytes a row (16 while the list of them grows).</remarks>
public sealed class Crosscheck(LedgerHost host, string source, SourceConfig config, SourceConnection connection, Action<string> progress)
{
    private const int PageLimit = 1000;
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(20);
    /// <summary>How long capture may stand still.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly DifferenceList _differences = new();
    private readonly LiveValues _liveValues = new(host.View);
    private long _rows;
    private long _values;
    private long _unknown;

    /// <summary>Compares all protected tables of the source and seals the result as a guard entry.</summary>
    public async Task<CrosscheckReport> RunAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task capturing = host.IsRunning ? Task.Delay(Timeout.Infinite, stop.Token) : host.CaptureAsync(source, stop.Token);
        try
        {
            foreach (ProtectedTable table in config.Protection.Tables) await CheckTableAsync(table, capturing, cancellationToken);
        }
        finally
        {
            await stop.CancelAsync();
            await capturing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        return await SealResultAsync(cancellationToken);
    }

    private async Task CheckTableAsync(ProtectedTable table, Task capturing, CancellationToken cancellationToken)
    {
        try
        {
            await using LiveTable rows = await LiveTable.OpenAsync(connection, table, cancellationToken);
            await CheckTableAsync(table, rows, capturing, cancellationToken);
        }
        catch (IndelibleException e) when (e.ExitCode == ExitCode.Finding)
        {
            _differences.Add(table, null, null, e.Message, null); // dropped, or its key redefined
        }
    }

    private async Task CheckTableAsync(ProtectedTable table, LiveTable rows, Task capturing, CancellationToken cancellationToken)
    {
        List<ulong> live = [];
        Instant? first = null;
        await foreach (LiveChunk chunk in rows.ReadAsync(after: null, cancellationToken))
        {
            first ??= Instant.Of(table, chunk);
            live.AddRange(chunk.Rows.Select(row => TagOf(table, row.Key)));
            await CheckRowsAsync(table, rows, chunk, capturing, cancellationToken);
            progress($"{table.Schema}.{table.Name}: {live.Count} rows compared, {_differences.Count} differences");
        }
        live.Sort();
        CheckRowsOnlyInLedger(table, live, first!, cancellationToken);
    }

    /// <summary>Compares a chunk. Rows that cannot be told, because a baseline was read meanwhile, are read once more, in a snapshot after it.</summary>
    private async Task CheckRowsAsync(ProtectedTable table, LiveTable rows, LiveChunk chunk, Task capturing, CancellationToken cancellationToken)
    {
        while (chunk.Rows.Count > 0)
        {
            await CatchUpAsync(chunk.ReadAfter, capturing, cancellationToken);
            List<IReadOnlyList<string>> open = [];
            foreach (LiveRow row in chunk.Rows)
            {
                if (!TryCheckRow(table, row, Instant.Of(table, chunk))) open.Add(row.Key);
            }
            if (open.Count == 0) return;
            chunk = await rows.ReadKeysAsync(open, cancellationToken);
        }
    }

    /// <summary>Waits until everything up to a log position is sealed, published and indexed.</summary>
    private async Task CatchUpAsync(Lsn position, Task capturing, CancellationToken cancellationToken)
    {
        Lsn reached = Lsn.None;
        long reachedAt = host.Time.GetTimestamp();
        while ((host.Writer.MarkOf(source)?.Confirmable ?? Lsn.None) is var now && now < position)
        {
            if (capturing.IsCompleted) await capturing; // its failure is the reason
            if (now > reached) (reached, reachedAt) = (now, host.Time.GetTimestamp());
            if (host.Time.GetElapsedTime(reachedAt) > Patience)
            {
                throw new IndelibleException(ExitCode.Environment, $"source {source}: expected capture to pass {position}, "
                    + $"found it standing at {now} for {Patience.TotalSeconds} s\n  see `indelible status` and `indelible doctor`");
            }
            await Task.Delay(Glance, host.Time, cancellationToken);
        }
        await host.PublishAsync(cancellationToken);
    }

    /// <summary>False if it cannot be told at this instant.</summary>
    private bool TryCheckRow(ProtectedTable table, LiveRow row, Instant instant)
    {
        RowState state = RowState.Of(host.View, RowQuery.Of(host.View, source, table, row.Key).Query, (_, header) => instant.Sees(header));
        if (instant.HasLaterReading) return false;
        _rows++;
        RowKey key = RowKeys.Of(host.Keyring, source, table, row.Key, RowKeys.NeedsToken(table, row.Key));
        if (state.Exists != true)
        {
            _differences.Add(table, key, null, state.Exists is null ? "in the database, unknown to the ledger" : "in the database, ended in the ledger", state.EndedBy);
            return true;
        }
        for (int i = 0; i < table.Columns.Count; i++) CheckValue(table, key, table.Columns[i], row.Values[i], state);
        return true;
    }

    private void CheckValue(ProtectedTable table, RowKey key, ProtectedColumn column, CapturedValue live, RowState state)
    {
        StateField? field = state[column.Name];
        if (field is not null && !LiveValues.IsKnown(field))
        {
            _unknown++;
            return;
        }
        _values++;
        if (field is null) _differences.Add(table, key, column.Name, "no value in the ledger", state.NewestEntry);
        else if (live.IsMissing) _differences.Add(table, key, column.Name, "the column is gone from the database", field.EntryIndex);
        else if (_liveValues.Compare(field, live) is { } what) _differences.Add(table, key, column.Name, what, field.EntryIndex);
    }

    /// <summary>Rows the ledger holds and no chunk showed: found by the entries that rows begin with.</summary>
    private void CheckRowsOnlyInLedger(ProtectedTable table, List<ulong> live, Instant first, CancellationToken cancellationToken)
    {
        HashSet<ulong> gone = [];
        Query query = new() { Relation = new RelationId(source, table.Id), OldestFirst = true, Limit = PageLimit };
        for (string? after = null; ;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Page page = host.View.Index.Find(query with { After = after });
            foreach (long index in page.Entries)
            {
                EntryHeader header = host.View.Entry(index).Header;
                if (header.Key is not { } key || !Begins(header)) continue;
                ulong tag = TagOf(table, key);
                if (live.BinarySearch(tag) < 0 && !gone.Contains(tag) && IsGone(table, key, first.Anew())) gone.Add(tag);
            }
            if ((after = page.Next) is null) return;
        }
    }

    private static bool Begins(EntryHeader header) =>
        header.Kind == EntryKind.Baseline || header.Operation is Operation.Insert or Operation.Found || header.PreviousKey is not null;

    /// <summary>A row that stood at the first snapshot, and that nothing touched since, must have been shown by a chunk.</summary>
    private bool IsGone(ProtectedTable table, RowKey key, Instant first)
    {
        RowState state = RowState.Of(host.View, QueryOf(table, key), (_, header) => first.Sees(header));
        if (state.Exists != true || first.HasLater) return false;
        _differences.Add(table, key, null, "in the ledger, missing in the database", state.NewestEntry);
        return true;
    }

    private Query QueryOf(ProtectedTable table, RowKey key) => new()
    {
        Relation = new RelationId(source, table.Id),
        Key = key.Token.IsEmpty ? [.. key.Columns.Select(column => column.Value)] : null,
        KeyToken = key.Token.IsEmpty ? null : key.Token.ToArray(),
    };

    private ulong TagOf(ProtectedTable table, RowKey key) => key.Token.IsEmpty
        ? TagOf(table, [.. key.Columns.Select(column => column.Value)])
        : BinaryPrimitives.ReadUInt64BigEndian(key.Token.Span);

    private ulong TagOf(ProtectedTable table, IReadOnlyList<string> key)
    {
        Span<byte> token = stackalloc byte[Keyring.RowKeyTokenSize];
        host.Keyring.RowKeyToken(source, table.Id, key, token);
        return BinaryPrimitives.ReadUInt64BigEndian(token);
    }

    private async Task<CrosscheckReport> SealResultAsync(CancellationToken cancellationToken)
    {
        EntryBatch entries = new();
        host.NewMaker(source).AddGuard(entries, GuardCode.Crosscheck, new Dictionary<string, string>
        {
            ["rows"] = _rows.ToString(CultureInfo.InvariantCulture),
            ["values"] = _values.ToString(CultureInfo.InvariantCulture),
            ["unknown"] = _unknown.ToString(CultureInfo.InvariantCulture),
            ["differences"] = _differences.Count.ToString(CultureInfo.InvariantCulture),
        }, _differences.Text());
        SealedBatch sealedAt = await host.SealAsync(entries, cancellationToken);
        return new CrosscheckReport
        {
            Source = source,
            Rows = _rows,
            Values = _values,
            UnknownValues = _unknown,
            DifferenceCount = _differences.Count,
            Differences = _differences.Listed,
            GuardEntry = sealedAt.FirstIndex,
        };
    }
}
