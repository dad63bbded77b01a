using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Index;
using Indelible.Ledger;

namespace Indelible.Server.Comparing;

/// <summary>Compares rows one by one, by their keys: what a snapshot shows of a row with what the ledger held of it at exactly that
/// snapshot, whatever happened since.</summary>
/// <remarks>A transaction counts if and only if the snapshot sees it, once the ledger is past the log position read
/// after the snapshot.</remarks>
internal sealed class ExactRows(
    LedgerView view, string source, ProtectedTable table, LiveTable live, RowTokens tokens, RowDigest digest, ILedgerReach reach,
    DifferenceList differences, CrosscheckCounts counts,
    FoundRows? found = null)
{
    /// <summary>Times a row is read that is to be sealed as found and changes all the time.</summary>
    private const int ReadsMax = 100;

    private readonly LiveValues _liveValues = new(view);
    private readonly IReadOnlyList<string> _lost = live.LostColumns;

    /// <summary>Compares the rows with these keys, whether they are in the database, in the ledger or in neither.
    /// What differs is listed or, where it is to be sealed row by row,
    /// given to <see cref="FoundRows"/>.</summary>
    /// <returns>Null; or why the ledger does not get as far as the rows were read.</returns>
    public async Task<string?> CheckAsync(IReadOnlyList<IReadOnlyList<string>> keys, CancellationToken cancellationToken)
    {
        foreach (IReadOnlyList<string>[] some in keys.Chunk(LiveTable.ChunkRowMax))
        {
            int reads = 0;
            for (IReadOnlyList<IReadOnlyList<string>> open = some; open.Count > 0;)
            {
                if (found is not null && reads++ == ReadsMax) return $"{open.Count} rows change too often to be compared";
                LiveChunk chunk = await ReadAsync(open, cancellationToken);
                if (await reach.ReachAsync(chunk.ReadAfter, cancellationToken) is { } reason) return reason;
                open = await CompareAsync(open, chunk, cancellationToken);
            }
        }
        return null;
    }

    /// <summary>Reads rows, at most <see cref="LiveTable.ChunkRowMax"/>, in a snapshot.</summary>
    public async Task<LiveChunk> ReadAsync(IReadOnlyList<IReadOnlyList<string>> keys, CancellationToken cancellationToken)
    {
        if (found is not null) await found.BeginAsync(cancellationToken);
        return await live.ReadKeysAsync(keys, cancellationToken);
    }

    /// <summary>Compares them, once the ledger is past where they were read.</summary>
    /// <returns>The keys of those to be read once more, in a later snapshot: they cannot be told, because a baseline was
    /// read meanwhile, or were found and something newer of them was sealed.</returns>
    public async Task<IReadOnlyList<IReadOnlyList<string>>> CompareAsync(
        IReadOnlyList<IReadOnlyList<string>> keys, LiveChunk chunk, CancellationToken cancellationToken)
    {
        List<IReadOnlyList<string>> open = CheckChunk(keys, chunk, cancellationToken);
        if (found is not null) open.AddRange(await found.SealAsync(chunk, cancellationToken));
        return open;
    }

    /// <summary>Gives the keys that cannot be told at this snapshot.</summary>
    private List<IReadOnlyList<string>> CheckChunk(
        IReadOnlyList<IReadOnlyList<string>> keys, LiveChunk chunk, CancellationToken cancellationToken)
    {
        Dictionary<UInt128, LiveRow> rows = [];
        foreach (LiveRow row in chunk.Rows) rows[tokens.Of(row.Key)] = row;
        List<IReadOnlyList<string>> open = [];
        foreach (IReadOnlyList<string> key in keys)
        {
            cancellationToken.ThrowIfCancellationRequested();
            UInt128 name = tokens.Of(key);
            LiveRow? row = rows.GetValueOrDefault(name);
            if (row is not null && AgreesWithImage(name, row, chunk)) Count(row);
            else if (!TryCheck(key, row, Instant.Of(table, chunk))) open.Add(key);
        }
        return open;
    }

    private void Count(LiveRow row)
    {
        counts.Rows++;
        counts.Values += row.Values.Count - _lost.Count;
    }

    /// <summary>As in <see cref="ImageMerge"/>: most rows that changed while others were read agree now.</summary>
    private bool AgreesWithImage(UInt128 name, LiveRow row, LiveChunk chunk)
    {
        bool agrees = false;
        view.Index.Rows.Walk(RowTag.Of(source, table.Id), name, name, (_, image) =>
        {
            agrees = image.At <= chunk.ReadBefore && digest.TryOf(image, out ulong held) && held == digest.Of(row.Values);
            return false;
        });
        return agrees;
    }

    /// <summary>False if it cannot be told at this instant.</summary>
    private bool TryCheck(IReadOnlyList<string> key, LiveRow? row, Instant instant)
    {
        RowState state = RowState.Of(
            view, RowQuery.Of(view, source, table, key).Query, (_, header) => instant.Sees(header, found?.TakenOver ?? Lsn.None));
        if (instant.HasLaterReading) return false;
        counts.Single++;
        if (found is not null)
        {
            found.Note(key, row, state);
            if (row is not null) Count(row);
            return true;
        }
        RowKey name = RowKeys.Of(view.Keyring, source, table, key, RowKeys.NeedsToken(table, key));
        if (row is null)
        {
            if (state.Exists == true) differences.Add(table, name, null, "in the ledger, missing in the database", state.NewestEntry);
            return true;
        }
        counts.Rows++;
        if (state.Exists == true)
        {
            for (int i = 0; i < table.Columns.Count; i++) CheckValue(name, table.Columns[i], row.Values[i], state);
        }
        else differences.Add(table, name, null,
            state.Exists is null ? "in the database, unknown to the ledger" : "in the database, ended in the ledger", state.EndedBy);
        return true;
    }

    private void CheckValue(RowKey row, ProtectedColumn column, CapturedValue value, RowState state)
    {
        if (_lost.Contains(column.Name)) return;    // told once, for the column
        StateField? field = state[column.Name];
        if (field is not null && !LiveValues.IsKnown(field)) counts.Unknown++;
        else if (field is not null && !_liveValues.HasKey(field)) counts.Locked++;
        else
        {
            counts.Values++;
            string? what = field is null ? "no value in the ledger" : _liveValues.Compare(field, value);
            if (what is not null) differences.Add(table, row, column.Name, what, field?.EntryIndex ?? state.NewestEntry, value, field);
        }
    }
}
