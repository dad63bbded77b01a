using Indelible.Format.Notes;

namespace Indelible.Ledger.Following;

/// <summary>Copies what a ledger holds beside its tree: the hint, handover checkpoints, time stamps. Write-once but for the hint, which nobody trusts.</summary>
/// <remarks>A directory is listed; of a web server, which lists nothing, those that are named in entries are asked for.</remarks>
internal sealed class NamedFiles(LedgerCopy copy, LedgerFetch source)
{
    private static readonly string[] Folders = ["handover", "anchors"];

    /// <summary>Copies what is there and is not here.</summary>
    public async Task CopyAsync(CancellationToken cancellationToken)
    {
        await CopyHintAsync(cancellationToken);
        if (source.Root is not { } root) return;
        using var files = new ImmutableFiles(copy.LedgerDirectory, "named");
        foreach (string folder in Folders.Select(folder => Path.Combine(root, folder)).Where(Directory.Exists))
        {
            foreach (string file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
            {
                string path = Path.GetRelativePath(root, file);
                if (Path.Exists(Path.Combine(copy.LedgerDirectory, path)) || path.EndsWith(DurableFile.Unfinished, StringComparison.Ordinal)) continue;
                if (await source.ReadAsync(path, cancellationToken) is { } bytes) files.Stage(path, bytes);
            }
        }
        files.Commit();
    }

    private async Task CopyHintAsync(CancellationToken cancellationToken)
    {
        if (await source.ReadAsync(LedgerFiles.Hint, cancellationToken) is not { Length: <= SignedNote.LengthMax } hint) return;
        string path = Path.Combine(copy.LedgerDirectory, LedgerFiles.Hint);
        if (DurableFile.TryReadAll(path, SignedNote.LengthMax)?.AsSpan().SequenceEqual(hint) != true) DurableFile.Replace(path, hint);
    }
}
