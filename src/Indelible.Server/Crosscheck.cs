using System.Globalization;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Index;
using Indelible.Ledger;

namespace Indelible.Server;

/// <summary>One difference between the ledger and the live database.</summary>
/// <param name="Table">Schema-qualified table.</param>
/// <param name="Row">The row's key; a token where the key is protected.</param>
/// <param name="Column">The column; null if the whole row is on one side only.</param>
/// <param name="What">What differs, in words; never a value.</param>
/// <param name="EntryIndex">The entry that says what the ledger holds; null if there is none.</param>
public sealed record Difference(string Table, string Row, string? Column, string What, long? EntryIndex);

/// <summary>What a crosscheck came to.</summary>
public sealed record CrosscheckReport
{
    /// <summary>Short name of the source.</summary>
    public required string Source { get; init; }
    /// <summary>Rows compared.</summary>
    public required long Rows { get; init; }
    /// <summary>Values compared.</summary>
    public required long Values { get; init; }
    /// <summary>Differences found.</summary>
    public required long DifferenceCount { get; init; }
    /// <summary>The first of them, at most <see cref="Crosscheck.DifferencesMax"/>.</summary>
    public required IReadOnlyList<Difference> Differences { get; init; }
    /// <summary>Entry that states this result.</summary>
    public required long GuardEntry { get; init; }
}

/// <summary>Compares every protected value of the live database with what the ledger implies at exactly the same snapshot: never "now against now".</summary>
/// <remarks>Live rows are read in chunks, each in a snapshot; a transaction counts if and only if the snapshot sees it, once capture is past the log position
/// read after the snapshot. Memory: one chunk, and 16 bytes a row.</remarks>
public sealed class Crosscheck(LedgerHost host, string source, SourceConfig config, SourceConnection connection, Action<string> progress)
{
    /// <summary>Differences listed; more are only counted.</summary>
    public const int DifferencesMax = 10_000;
    private const int PageLimit = 1000;
    private static readonly TimeSpan CatchUpPatience = TimeSpan.FromMinutes(2);

    private readonly List<Difference> _differences = [];
    private long _differenceCount;
    private long _rows;
    private long _values;

    private readonly record struct Instant(PgSnapshot Snapshot, Lsn ReadBefore)
    {
        /// <summary>True if the entry's effect shows in the snapshot. Baselines and differences found were read before it.</summary>
        public bool Sees(EntryHeader header) =>
            header.TransactionId is not { } xid || Snapshot.Sees(xid, header.Position?.CommitLsn ?? Lsn.None, ReadBefore);
    }

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
        HashSet<UInt128> live = [];
        Instant? first = null;
        await using LiveTable rows = await LiveTable.OpenAsync(connection, table, cancellationToken);
        await foreach (LiveChunk chunk in rows.ReadAsync(after: null, cancellationToken))
        {
            Instant instant = new(chunk.Snapshot, chunk.ReadBefore);
            first ??= instant;
            await CatchUpAsync(chunk.ReadAfter, capturing, cancellationToken);
            foreach (LiveRow row in chunk.Rows)
            {
                live.Add(TagOf(table, row.Key));
                CheckRow(table, row, instant);
            }
            progress($"{table.Schema}.{table.Name}: {live.Count} rows compared, {_differenceCount} differences");
        }
        CheckRowsOnlyInLedger(table, live, first!.Value, cancellationToken);
    }

    /// <summary>Waits until everything up to a log position is sealed, published and indexed.</summary>
    private async Task CatchUpAsync(Lsn position, Task capturing, CancellationToken cancellationToken)
    {
        long started = host.Time.GetTimestamp();
        while ((host.Writer.MarkOf(source)?.Confirmable ?? Lsn.None) < position)
        {
            if (capturing.IsCompleted) await capturing; // its failure is the reason
            if (host.Time.GetElapsedTime(started) > CatchUpPatience)
            {
                throw new IndelibleException(ExitCode.Environment, $"source {source}: expected capture to pass {position} within {CatchUpPatience.TotalSeconds} s, "
                    + $"found it at {host.Writer.MarkOf(source)?.Confirmable}\n  see `indelible status` and `indelible doctor`");
            }
            await Task.Delay(TimeSpan.FromMilliseconds(20), host.Time, cancellationToken);
        }
        await host.PublishAsync(cancellationToken);
    }

    private void CheckRow(ProtectedTable table, LiveRow row, Instant instant)
    {
        _rows++;
        RowState state = RowState.Of(host.View, RowQuery.Of(host.View, source, table, row.Key).Query, (_, header) => instant.Sees(header));
        if (state.Exists != true)
        {
            Differs(table, row.Key, null, state.Exists is null ? "in the database, unknown to the ledger" : "in the database, ended in the ledger", state.EndedBy);
            return;
        }
        for (int i = 0; i < table.Columns.Count; i++) CheckValue(table, row, table.Columns[i], row.Values[i], state);
    }

    private void CheckValue(ProtectedTable table, LiveRow row, ProtectedColumn column, CapturedValue live, RowState state)
    {
        _values++;
        StateField? field = state.Fields.FirstOrDefault(field => field.Name == column.Name);
        if (field is null) Differs(table, row.Key, column.Name, "no value in the ledger", null);
        else if (live.IsMissing) Differs(table, row.Key, column.Name, "the column is gone from the database", field.EntryIndex);
        else if (LiveValues.Compare(host.View, field, live) is { } what) Differs(table, row.Key, column.Name, what, field.EntryIndex);
    }

    /// <summary>Rows the ledger holds and no chunk showed. One that stood at the first snapshot, and that nothing touched since, must have been shown.</summary>
    private void CheckRowsOnlyInLedger(ProtectedTable table, HashSet<UInt128> live, Instant first, CancellationToken cancellationToken)
    {
        HashSet<UInt128> seen = [];
        Query query = new() { Source = source, Schema = table.Schema, Table = table.Name, OldestFirst = true, Limit = PageLimit };
        for (string? after = null; ;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Page page = host.View.Index.Find(query with { After = after });
            foreach (long index in page.Entries)
            {
                if (KeyOf(index) is { } key && TagOf(table, key) is var tag && !live.Contains(tag) && seen.Add(tag)) CheckGone(table, key, first);
            }
            if ((after = page.Next) is null) return;
        }
    }

    private void CheckGone(ProtectedTable table, RowKey key, Instant first)
    {
        Query query = new Query { Source = source, Schema = table.Schema, Table = table.Name } with
        {
            Key = key.Token.IsEmpty ? [.. key.Columns.Select(column => column.Value)] : null,
            KeyToken = key.Token.IsEmpty ? null : key.Token.ToArray(),
        };
        bool wasTouched = false;
        RowState state = RowState.Of(host.View, query, (_, header) =>
        {
            bool counts = first.Sees(header);
            wasTouched |= !counts;
            return counts;
        });
        if (state.Exists == true && !wasTouched) Differs(table, key, null, "in the ledger, missing in the database", state.Fields.Count > 0 ? state.Fields[0].EntryIndex : null);
    }

    private RowKey? KeyOf(long index) =>
        EntryCodec.Decode(host.View.Reader.ReadEntry(index), out Entry entry) == EntryFault.None ? entry.Header.Key : null;

    private UInt128 TagOf(ProtectedTable table, RowKey key) => key.Token.IsEmpty
        ? TagOf(table, [.. key.Columns.Select(column => column.Value)])
        : System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(key.Token.Span);

    private UInt128 TagOf(ProtectedTable table, IReadOnlyList<string> key)
    {
        Span<byte> token = stackalloc byte[Keyring.RowKeyTokenSize];
        host.Keyring.RowKeyToken(source, table.Id, key, token);
        return System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(token);
    }

    private void Differs(ProtectedTable table, IReadOnlyList<string> key, string? column, string what, long? entry) =>
        Differs(table, RowKeys.Of(host.Keyring, source, table, key, RowKeys.NeedsToken(table, key)), column, what, entry);

    private void Differs(ProtectedTable table, RowKey key, string? column, string what, long? entry)
    {
        _differenceCount++;
        if (_differences.Count >= DifferencesMax) return;
        string row = key.Token.IsEmpty
            ? string.Join(", ", key.Columns.Select(part => $"{part.Name}={part.Value}"))
            : $"token {Convert.ToHexStringLower(key.Token.Span[..8])}";
        _differences.Add(new Difference($"{table.Schema}.{table.Name}", row, column, what, entry));
    }

    private async Task<CrosscheckReport> SealResultAsync(CancellationToken cancellationToken)
    {
        EntryBatch entries = new();
        string listed = string.Join("\n", _differences.Take(200).Select(d => $"{d.Table} {d.Row} {d.Column}: {d.What}"));
        host.NewMaker(source).AddGuard(entries, GuardCode.Crosscheck, new Dictionary<string, string>
        {
            ["rows"] = _rows.ToString(CultureInfo.InvariantCulture),
            ["values"] = _values.ToString(CultureInfo.InvariantCulture),
            ["differences"] = _differenceCount.ToString(CultureInfo.InvariantCulture),
        }, listed.Length == 0 ? null : listed);
        SealedBatch sealedAt = await host.SealAsync(entries, cancellationToken);
        return new CrosscheckReport
        {
            Source = source,
            Rows = _rows,
            Values = _values,
            DifferenceCount = _differenceCount,
            Differences = _differences,
            GuardEntry = sealedAt.FirstIndex,
        };
    }
}
