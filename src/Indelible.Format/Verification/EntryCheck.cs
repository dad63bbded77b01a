using System.Text;
using Indelible.Format.Cbor;
using Indelible.Format.Entries;

namespace Indelible.Format.Verification;

/// <summary>Checks what each entry says: canonical form, origin, order and coverage of its source, its blobs.
/// One verification owns it.</summary>
/// <param name="origin">The ledger's.</param>
/// <param name="blobs">Checks blobs; null if they are not to be.</param>
/// <param name="findings">Receives what is wrong.</param>
/// <param name="known">Learns from entries that were accepted.</param>
/// <param name="seen">Told each header but those of changes and baselines; null if nobody wants it.</param>
/// <param name="isContinued">True if the first entry checked is not the ledger's first.</param>
internal sealed class EntryCheck(
    string origin, BlobCheck? blobs, Findings findings, KnownItems known, Action<long, EntryHeader>? seen = null, bool isContinued = false)
{
    /// <summary>Code of the guard entry that announces a gap. docs/format.md#codes.</summary>
    public const string GapCode = "gap";

    private readonly Dictionary<string, SourceCheck> _sources = new(StringComparer.Ordinal);
    private byte[] _lastName = [];
    private SourceCheck? _lastSource;
    private bool _isInterrupted;
    private readonly long[] _kinds = new long[(int)EntryKind.Event + 1];

    /// <summary>What the first entry says the ledger succeeds; null if it says nothing of it.</summary>
    public Predecessor? Predecessor { get; private set; }

    /// <summary>What the last entry says comes after the ledger; null if it was not closed.</summary>
    public Successor? Successor { get; private set; }

    public IReadOnlyDictionary<EntryKind, long> Kinds =>
        Enum.GetValues<EntryKind>().Where(kind => _kinds[(int)kind] > 0).ToDictionary(kind => kind, kind => _kinds[(int)kind]);

    public IReadOnlyList<SourceSummary> Sources =>
        [.. _sources.Values.Select(source => source.Summary).OrderBy(source => source.Source, StringComparer.Ordinal)];

    /// <summary>An ordinary entry: all that is left to check is its place in its source.</summary>
    /// <param name="entry">What was read of it.</param>
    /// <param name="bytes">The entry.</param>
    /// <param name="file">The bundle it is in.</param>
    /// <param name="index">0-based index in the ledger.</param>
    public void CheckOrdinary(in OrdinaryEntry entry, ReadOnlySpan<byte> bytes, string file, long index)
    {
        _kinds[(int)entry.Kind]++;
        if (entry.Kind != EntryKind.Change) return;
        ReadOnlySpan<byte> name = bytes[entry.SourceStart..entry.SourceEnd];
        if (_lastSource is null || !name.SequenceEqual(_lastName))
        {
            _lastName = name.ToArray();
            _lastSource = Source(NameIn(name));
        }
        _lastSource.Change(entry.Position, file, index);
    }

    /// <summary>Any entry.</summary>
    /// <param name="bytes">One entry; used only during the call.</param>
    /// <param name="file">The bundle it is in.</param>
    /// <param name="index">0-based index in the ledger.</param>
    public void Check(ReadOnlyMemory<byte> bytes, string file, long index)
    {
        EntryFault fault = EntryCodec.Decode(bytes, out Entry entry);
        if (fault.IsVersion)
        {
            findings.NotRead(file, index, $"{fault.Rule}. Its place in the tree is as it should be; what it says was not looked at");
            _isInterrupted = true;
            foreach (SourceCheck source in _sources.Values) source.Interrupt();
            return;
        }
        if (fault != EntryFault.None)
        {
            findings.Fault(Rules.Canonical, file, index, fault.ToString());
            return;
        }
        known.Learn(bytes.Span);
        EntryHeader header = entry.Header;
        if (header.Kind is not (EntryKind.Change or EntryKind.Baseline)) seen?.Invoke(index, header);
        if (header.Origin != origin) findings.Fault(Rules.Origin, file, index, $"expected origin '{origin}', found '{header.Origin}'");
        _kinds[(int)header.Kind]++;
        CheckPlace(header, file, index);
        if (header.Source is not null) CheckSource(header, file, index);
        if (blobs is null) return;
        foreach (Field field in entry.Fields)
        {
            CheckBlob(field.Before, field.Name, Side.Before, file, index);
            CheckBlob(field.After, field.Name, Side.After, file, index);
        }
    }

    /// <summary>A successor begins with the entry that names its predecessor; nothing follows the entry that closes a ledger.
    /// docs/format.md#chains.</summary>
    private void CheckPlace(EntryHeader header, string file, long index)
    {
        if (Successor is { } successor)
        {
            findings.Fault(Rules.Succession, file, index,
                $"expected nothing after the entry that closed this ledger in favour of {successor.Origin}, found an entry");
        }
        if (Succession.SuccessorIn(header) is { } after) Successor = after;
        if (header is not { Kind: EntryKind.Admin, Code: Succession.SucceedsCode }) return;
        if (index > 0)
        {
            findings.Fault(Rules.Succession, file, index,
                $"expected the entry that names the predecessor to be the first of the ledger, found it at {index}");
        }
        else if ((Predecessor = Succession.PredecessorIn(header)) is null)
            findings.Fault(Rules.Succession, file, index, "expected the predecessor's origin, key, complete size and root");
    }

    /// <summary>After the last entry.</summary>
    public void Finish()
    {
        foreach (SourceCheck source in _sources.Values) source.Finish();
    }

    private void CheckSource(EntryHeader header, string file, long index)
    {
        switch (header.Kind)
        {
            // A difference found by a baseline has no place of its own in the log.
            case EntryKind.Change when header.Operation != Operation.Found && header.Position is { } position:
                Source(header.Source!).Change(position, file, index);
                break;
            case EntryKind.Coverage when header.Coverage is { } coverage:
                Source(header.Source!).Coverage(coverage, file, index);
                break;
            case EntryKind.Guard when header.Code == GapCode:
                Source(header.Source!).Gap(header, file, index);
                break;
        }
    }

    private void CheckBlob(FieldValue value, string field, Side side, string file, long index)
    {
        if (value.Kind == ValueKind.Blob) blobs!.Check(value, $"{field} ({side})", file, index);
    }

    private static string NameIn(ReadOnlySpan<byte> item)
    {
        var reader = new CborReader(item);
        reader.TryReadText(out ReadOnlySpan<byte> name);
        return Encoding.UTF8.GetString(name);
    }

    private SourceCheck Source(string name)
    {
        if (!_sources.TryGetValue(name, out SourceCheck? source))
            _sources[name] = source = new SourceCheck(name, findings, isContinued || _isInterrupted);
        return source;
    }
}
