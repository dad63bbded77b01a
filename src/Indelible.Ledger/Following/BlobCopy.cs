using System.Globalization;
using System.Security.Cryptography;
using Indelible.Format.Entries;
using Microsoft.Win32.SafeHandles;

namespace Indelible.Ledger.Following;

/// <summary>Stores blobs: fetched in pieces, checked by length and hash, durable under their name when it returns. Many at once.</summary>
internal sealed class BlobCopy(LedgerFetch source, SourceTiles tiles, string root)
{
    private const int BufferLength = 1 << 16;
    private long _stagedEver;

    /// <summary>Sees to it that the copy has the blob a value names.</summary>
    /// <exception cref="Format.IndelibleException">Finding: the source does not have it, or another one.</exception>
    public async Task EnsureAsync(FieldValue value, long index, CancellationToken cancellationToken)
    {
        string path = LedgerFiles.Blob(value.Bytes.Span), target = Path.Combine(root, path);
        string directory = Path.GetDirectoryName(target)!;
        // A name that is there was given to content that was flushed; the directory may not have been.
        if (!Path.Exists(target)) await FetchAsync(value, path, target, directory, index, cancellationToken);
        DurableFile.SyncDirectory(directory);
    }

    private async Task FetchAsync(
        FieldValue value, string path, string target, string directory, long index, CancellationToken cancellationToken)
    {
        await using Stream content = source.OpenFile(path) ?? throw tiles.Wrong($"entry {index}: expected the blob {path}, found no file");
        string temporary = Path.Combine(root, ImmutableFiles.TemporaryDirectory,
            string.Create(CultureInfo.InvariantCulture, $"blob{Interlocked.Increment(ref _stagedEver)}"));
        DurableFile.MakeDirectory(Path.GetDirectoryName(temporary)!);
        using (SafeFileHandle file = DurableFile.CreateForWrite(temporary, DurableFile.ImmutableMode))
        {
            if (await CopyAsync(content, file, temporary, value, cancellationToken) is { } rule)
            {
                DurableFile.Delete(temporary);
                throw tiles.Wrong($"entry {index}: {path}: {rule}");
            }
            DurableFile.Sync(file, temporary);
        }
        DurableFile.MakeDirectory(directory);
        DurableFile.TryLink(temporary, target);     // who was faster stored the same bytes
        DurableFile.Delete(temporary);
    }

    /// <summary>What is wrong with the content; null if it is the blob.</summary>
    private static async Task<string?> CopyAsync(
        Stream content, SafeFileHandle file, string temporary, FieldValue value, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[BufferLength];
        ulong length = 0;
        for (int read; length <= value.BlobLength && (read = await content.ReadAsync(buffer, cancellationToken)) > 0; length += (ulong)read)
        {
            hash.AppendData(buffer, 0, read);
            DurableFile.Write(file, temporary, buffer.AsSpan(0, read));
        }
        if (length != value.BlobLength) return $"expected {value.BlobLength} bytes, found {(length > value.BlobLength ? "more" : length)}";
        return hash.GetHashAndReset().AsSpan().SequenceEqual(value.Bytes.Span)
            ? null
            : "expected content that hashes to its name, found other";
    }
}
