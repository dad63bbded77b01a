using Indelible.Format;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;

namespace Indelible.Ledger.Following;

/// <summary>Stores everything between the stored head and an accepted one: hashes first, which lead to the signed root;
/// then bundles, checked against them, many at once; then the partial files, and, when all is durable, the checkpoint.</summary>
internal sealed class CopyRound(
    LedgerCopy copy, LedgerFetch source, SourceTiles tiles, NamedFiles named, NoteSigner? cosigner, TimeProvider time) : IDisposable
{
    /// <summary>Bundles under way or waiting for those before them.</summary>
    private const int BundlesMax = 48;
    /// <summary>Bytes of them, about: bundles of large entries are fewer at once.</summary>
    private const int BytesMax = 48 << 20;

    private readonly ImmutableFiles[] _files = [new(copy.LedgerDirectory, "copy0-"), new(copy.LedgerDirectory, "copy1-")];
    private Task _committing = Task.CompletedTask;
    private int _current;
    private int _bundleLength = 1;
    private readonly List<string> _outgrown = [];

    /// <summary>Told entries stored so far and wanted.</summary>
    public Action<long, long>? Progress { get; init; }

    /// <summary>Stores up to a head.</summary>
    public async Task RunAsync(SignedHead head, CancellationToken cancellationToken)
    {
        using CopyRound self = this;
        long storedSize = copy.Stored?.Size ?? 0;
        CopyEdge edge = CopyEdge.Load(copy.Reader, storedSize);
        var range = new TreeRange(edge.Range.Size, edge.Range.Frontier());
        IReadOnlyList<Subtree> subtrees = await TreePlan.ReadAsync(tiles, range, head, cancellationToken);
        var check = new BundleCheck(tiles, copy.Reader, new BlobCopy(source, tiles, copy.LedgerDirectory), named, head.Checkpoint.Origin);
        try
        {
            await foreach (CheckedBundle bundle in OrderedWork.RunAsync(
                TreePlan.BundlesAsync(tiles, subtrees, cancellationToken), check.ReadAsync, AtOnce, cancellationToken))
            {
                await StageAsync(edge, bundle);
                Progress?.Invoke((bundle.Index * TileCoordinate.FullWidth) + bundle.Leaves.Length, head.Size);
            }
            foreach ((TileCoordinate place, ReadOnlyMemory<byte> content) in edge.Partials())
                _files[_current].Stage(place.Path, content.Span);
            await CommitAsync();
        }
        finally
        {
            await _committing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        await _committing;
        await named.CopyAsync(cancellationToken);
        copy.Store(Cosigned(head));
        // Partial files are kept until the full one is stored. c2sp.org/tlog-tiles.
        foreach (string partials in _outgrown) DurableFile.DeleteDirectory(partials);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (ImmutableFiles files in _files) files.Dispose();
    }

    private int AtOnce() => Math.Clamp(BytesMax / _bundleLength, 2, BundlesMax);

    private async Task StageAsync(CopyEdge edge, CheckedBundle bundle)
    {
        _bundleLength = Math.Max(1, bundle.Bytes.Length);
        foreach ((TileCoordinate place, ReadOnlyMemory<byte> content) in edge.Append(bundle))
        {
            if (Path.Combine(copy.LedgerDirectory, place.Path + ".p") is var partials && Directory.Exists(partials))
                _outgrown.Add(partials);
            if (place.IsEntries && bundle.IsHere) _files[_current].Keep(place.Path);
            else _files[_current].Stage(place.Path, content.Span);
        }
        if (_files[_current].IsLarge) await CommitAsync();
    }

    /// <summary>Flushes what is staged beside what comes next; waits for the one before.</summary>
    private async Task CommitAsync()
    {
        await _committing;
        ImmutableFiles files = _files[_current];
        _committing = FlushAsync();
        _current = 1 - _current;

        async Task FlushAsync()
        {
            await Task.Yield();
            files.Commit();
        }
    }

    /// <summary>The head as it is shown here: with our signature, under what is stored.</summary>
    private SignedHead Cosigned(SignedHead head)
    {
        if (cosigner is null) return head;
        long now = time.GetUtcNow().ToUnixTimeSeconds();
        if (copy.Stored is { } stored && TimeOf(stored) is { } before && now < before)
        {
            throw new IndelibleException(ExitCode.Environment,
                $"expected the clock to be past {DateTimeOffset.FromUnixTimeSeconds(before):O}, when this mirror signed last, "
                    + $"found {DateTimeOffset.FromUnixTimeSeconds(now):O}: set this machine's clock");
        }
        NoteSignature signature = cosigner.Cosign(head.Note.Text, now);
        IEnumerable<NoteSignature> others =
            head.Note.Signatures.Where(other => other.Name != signature.Name || other.KeyId != signature.KeyId);
        return head with { Note = head.Note with { Signatures = [.. others, signature] } };
    }

    private long? TimeOf(SignedHead head) =>
        head.Note.Verify([cosigner!.VerifierKey], out IReadOnlyList<VerifiedSignature> own).IsNone ? own[0].Timestamp : null;
}
