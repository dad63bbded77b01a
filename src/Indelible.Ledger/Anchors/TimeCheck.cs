using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;
using Indelible.Format.Verification;

namespace Indelible.Ledger.Anchors;

/// <summary>Checks the time stamps that a ledger's entries name, offline, after the ledger itself was verified.</summary>
/// <param name="files">The ledger.</param>
/// <param name="head">Its verified head.</param>
/// <param name="pinned">Certificates of authorities that are trusted.</param>
/// <param name="now">Tells which certificates have ended since.</param>
public sealed class TimeCheck(LedgerFetch files, Checkpoint head, X509Certificate2Collection pinned, MicroTime now)
{
    private readonly List<Checked> _checked = [];
    private readonly List<Finding> _findings = [];
    private readonly List<Finding> _notices = [];

    /// <summary>What is wrong with them.</summary>
    public IReadOnlyList<Finding> Findings => _findings;

    /// <summary>What must be known of them.</summary>
    public IReadOnlyList<Finding> Notices => _notices;

    /// <summary>What they prove, the oldest first.</summary>
    public IReadOnlyList<StampedTime> Times =>
        [.. _checked.Where(one => IsLasting(one)).Select(one => new StampedTime(one.Files.Size, one.At, one.Files.Authority))];

    /// <summary>Checks each.</summary>
    /// <param name="anchors">Entries with code <c>timestamped</c>, by index.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task RunAsync(IReadOnlyList<(long Index, EntryHeader Header)> anchors, CancellationToken cancellationToken)
    {
        TileNodes nodes = new(head.Size, Tile);
        foreach ((long index, EntryHeader header) in anchors)
        {
            if (header.Facts is not { } facts
                || !long.TryParse(facts.GetValueOrDefault("size"), NumberStyles.None, CultureInfo.InvariantCulture, out long size)
                || size > index || facts.GetValueOrDefault("authority") is not { } authority)
            {
                Fault("", index, "expected facts size and authority of a time stamp made before, found others");
                continue;
            }
            Hash root = Tree.Root(size, nodes.Read);
            string tokenHash = facts.GetValueOrDefault("token") ?? "";
            await CheckAsync(index, new AnchorFiles(size, authority), tokenHash, root, cancellationToken);
        }
        foreach (Checked one in _checked.Where(one => !IsLasting(one)))
        {
            Notice(one.Files.Reply, one.Index,
                $"a certificate of the authority has ended at {one.Ends}, and no later time stamp was made over it before: "
                    + "it proves its time only to whoever believes that nobody has had the authority's key since");
        }
    }

    private async Task CheckAsync(long index, AnchorFiles anchor, string tokenHash, Hash root, CancellationToken cancellationToken)
    {
        byte[]? bytes = await files.ReadAsync(anchor.Reply, cancellationToken);
        if (bytes is null || Convert.ToHexStringLower(SHA256.HashData(bytes)) != tokenHash)
        {
            Fault(anchor.Reply, index, bytes is null
                ? "expected the time stamp that this entry names, found no file"
                : "expected the time stamp whose hash this entry names, found another");
            return;
        }
        (X509Certificate2Collection kept, IReadOnlyList<RevocationList> lists) = await anchor.ReadBesideAsync(files, cancellationToken);
        byte[] text = Encoding.UTF8.GetBytes(new Checkpoint { Origin = head.Origin, Size = anchor.Size, Root = root }.ToText());
        TimeStampReply? reply = TimeStampReply.Parse(bytes);
        TimeStampVerdict? verdict = reply?.Verify(text, pinned, kept, lists);
        if (verdict is not { Fault: null })
        {
            Fault(anchor.Reply, index, verdict?.Fault ?? "expected a time-stamp reply (RFC 3161), found none");
        }
        else
        {
            _checked.Add(new Checked(index, anchor, reply!.At, verdict.Ends));
            if (!verdict.RevocationKnown)
            {
                Notice(anchor.Reply, index,
                    "not checked: whether the authority's certificates were revoked; no revocation list of theirs was kept");
            }
        }
    }

    private void Fault(string file, long index, string what) => _findings.Add(new Finding(Rules.TimeStamp, file, index, what));

    private void Notice(string file, long index, string what) => _notices.Add(new Finding(Rules.TimeStamp, file, index, what));

    /// <summary>Its certificates are valid, or another time stamp that lasts was made over its entry while they were.</summary>
    private bool IsLasting(Checked one) => one.Ends > now
        || _checked.Exists(later => later.Files.Size > one.Index && later.At < one.Ends && IsLasting(later));

    private ReadOnlyMemory<byte> Tile(TileCoordinate place)
    {
        ReadOnlyMemory<byte> bytes = files.Fetch(place.Path) ?? files.Fetch(place.Full.Path)
            ?? throw new InvalidDataException($"{place}: expected the tile that was verified a moment ago, found none");
        return bytes[..(place.Width * Hash.Size)].ToArray();
    }

    private sealed record Checked(long Index, AnchorFiles Files, MicroTime At, MicroTime Ends);
}
