using System.Globalization;
using Indelible.Format.Merkle;
using Microsoft.Win32.SafeHandles;

namespace Indelible.Ledger;

/// <summary>Appends records to segments: one write and one flush each.
/// Sealing owns everything but <see cref="Trim"/>, which publishing calls.</summary>
internal sealed class Journal(string directory, string origin, ReadOnlyMemory<byte> key) : IDisposable
{
    private const string Extension = ".journal";
    private readonly RecordBuffer _record = new();
    private readonly Queue<(string Path, long EndSize)> _closed = [];
    private readonly Lock _closedLock = new();
    private SafeFileHandle? _file;
    private string _path = "";
    private long _segment;
    private Hash _mac;

    /// <summary>Bytes in the current segment.</summary>
    public long SegmentLength { get; private set; }

    /// <summary>The segments of a journal directory, oldest first; empty if there is no directory.</summary>
    public static IReadOnlyList<string> Segments(string directory) =>
        Directory.Exists(directory) ? [.. Directory.EnumerateFiles(directory, "*" + Extension).Order(StringComparer.Ordinal)] : [];

    /// <summary>Takes over after a replay: a new segment will follow the ones there are, and those go once they are published.</summary>
    public void ContinueAfter(JournalReplay replay, long treeSize)
    {
        (_segment, _mac) = (replay.LastSegment, replay.Mac);
        lock (_closedLock)
            foreach (string path in replay.Paths) _closed.Enqueue((path, treeSize));
    }

    /// <summary>Begins a segment with a record of everything the earlier ones said; durable when it returns.</summary>
    public void BeginSegment(TreeRange tree, IReadOnlyCollection<SourceMark> marks)
    {
        if (_file is not null)
        {
            _file.Dispose();
            lock (_closedLock) _closed.Enqueue((_path, tree.Size));
        }
        _segment++;
        _path = Path.Combine(directory, _segment.ToString("D16", CultureInfo.InvariantCulture) + Extension);
        _file = DurableFile.CreateForAppend(_path, DurableFile.SecretMode);
        SegmentLength = 0;
        var state = new JournalRecord.State
        {
            Segment = _segment, PreviousMac = _mac, Origin = origin, Head = new GuardedHead(tree.Size, tree.Root),
            Frontier = tree.Frontier(), Marks = [.. marks],
        };
        JournalCodec.Encode(state, _record, key.Span);
        AppendRecord();
        DurableFile.SyncDirectory(directory);
    }

    /// <summary>Seals a group; durable when it returns.</summary>
    public void Append(long firstIndex, GuardedHead head, IReadOnlyList<SourceMark> marks, IReadOnlyList<EntryBatch> batches)
    {
        JournalCodec.EncodeGroup(firstIndex, head, marks, batches, _record, key.Span, _mac);
        AppendRecord();
    }

    /// <summary>Removes closed segments in which nothing is unpublished. What they said of marks is at the start of the next one.</summary>
    public void Trim(long publishedSize)
    {
        while (true)
        {
            string path;
            lock (_closedLock)
            {
                if (!_closed.TryPeek(out (string Path, long EndSize) oldest) || oldest.EndSize > publishedSize) return;
                path = _closed.Dequeue().Path;
            }
            DurableFile.Delete(path);
            // Oldest first and one by one: what a power cut brings back must not leave a hole.
            DurableFile.SyncDirectory(directory);
        }
    }

    public void Dispose() => _file?.Dispose();

    private void AppendRecord()
    {
        DurableFile.Write(_file!, _path, _record.Record);
        DurableFile.SyncContent(_file!, _path);
        SegmentLength += _record.Record.Length;
        _mac = _record.Mac;
    }
}
