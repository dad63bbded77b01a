using System.Globalization;
using System.Security.Cryptography;
using Indelible.Format.Entries;
using Indelible.Format.Notes;
using Indelible.Ledger.Anchors;

namespace Indelible.Ledger.Following;

/// <summary>Copies what a ledger holds beside its tree: the hint, handover checkpoints, time stamps.
/// Write-once but for the hint, which nobody trusts. One follower owns it.</summary>
/// <remarks>A directory is listed. Of what lists nothing, time stamps are asked for that entries name;
/// the token must hash to what was sealed.</remarks>
internal sealed class NamedFiles(LedgerCopy copy, LedgerFetch source, SourceTiles tiles)
{
    private const int AuthorityLengthMax = 32;
    private static readonly string[] Folders = ["handover", "anchors"];
    private readonly Dictionary<AnchorFiles, string> _wanted = [];

    /// <summary>Paths that entries name and the source did not have when it was asked last.</summary>
    public IReadOnlyList<string> Missing
    {
        get
        {
            lock (_wanted) return [.. _wanted.Keys.Select(anchor => anchor.Reply)];
        }
    }

    /// <summary>Takes note of an entry that names a time stamp. Any thread.</summary>
    public void Note(EntryHeader header)
    {
        if (header is not { Kind: EntryKind.Admin, Code: AnchorFiles.Code, Facts: { } facts }) return;
        string authority = facts.GetValueOrDefault("authority") ?? "", token = facts.GetValueOrDefault("token") ?? "";
        // They become a path: nothing but what can be a name.
        bool isName = authority.Length is > 0 and <= AuthorityLengthMax
            && authority.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_');
        if (!isName || !long.TryParse(facts.GetValueOrDefault("size"), NumberStyles.None, CultureInfo.InvariantCulture, out long size))
            return;
        lock (_wanted) _wanted[new AnchorFiles(size, authority)] = token;
    }

    /// <summary>Copies what is there and is not here.</summary>
    /// <exception cref="Format.IndelibleException">Finding: a time stamp is not the one whose hash was sealed.</exception>
    public async Task CopyAsync(CancellationToken cancellationToken)
    {
        await CopyHintAsync(cancellationToken);
        if (source.Root is { } root) await CopyListedAsync(root, cancellationToken);
        KeyValuePair<AnchorFiles, string>[] wanted;
        lock (_wanted) wanted = [.. _wanted];
        foreach ((AnchorFiles anchor, string token) in wanted)
        {
            if (!Path.Exists(Path.Combine(copy.LedgerDirectory, anchor.Reply)) && !await CopyAnchorAsync(anchor, token, cancellationToken))
                continue;
            lock (_wanted) _wanted.Remove(anchor);
        }
    }

    private async Task CopyListedAsync(string root, CancellationToken cancellationToken)
    {
        using var files = new ImmutableFiles(copy.LedgerDirectory, "named");
        foreach (string folder in Folders.Select(folder => Path.Combine(root, folder)).Where(Directory.Exists))
        {
            foreach (string file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
            {
                string path = Path.GetRelativePath(root, file);
                if (Path.Exists(Path.Combine(copy.LedgerDirectory, path))
                    || path.EndsWith(DurableFile.Unfinished, StringComparison.Ordinal)) continue;
                if (await source.ReadAsync(path, cancellationToken) is { } bytes) files.Stage(path, bytes);
            }
        }
        files.Commit();
    }

    /// <summary>The token with what it is checked by; false if the source does not have it.</summary>
    private async Task<bool> CopyAnchorAsync(AnchorFiles anchor, string token, CancellationToken cancellationToken)
    {
        if (await source.ReadAsync(anchor.Reply, cancellationToken) is not { } reply) return false;
        string found = Convert.ToHexStringLower(SHA256.HashData(reply));
        if (found != token) throw tiles.Wrong($"{anchor.Reply}: expected the time stamp whose SHA-256 was sealed, {token}, found {found}");
        using var files = new ImmutableFiles(copy.LedgerDirectory, "named");
        foreach (string beside in (string[])[anchor.Chain, anchor.Lists])
        {
            if (!Path.Exists(Path.Combine(copy.LedgerDirectory, beside)) && await source.ReadAsync(beside, cancellationToken) is { } bytes)
                files.Stage(beside, bytes);
        }
        files.Stage(anchor.Reply, reply);
        files.Commit();
        return true;
    }

    private async Task CopyHintAsync(CancellationToken cancellationToken)
    {
        if (await source.ReadAsync(LedgerFiles.Hint, cancellationToken) is not { Length: <= SignedNote.LengthMax } hint) return;
        string path = Path.Combine(copy.LedgerDirectory, LedgerFiles.Hint);
        if (DurableFile.TryReadAll(path, SignedNote.LengthMax)?.AsSpan().SequenceEqual(hint) != true) DurableFile.Replace(path, hint);
    }
}
