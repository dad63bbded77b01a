using System.Security.Cryptography;
using Indelible.Format.Entries;

namespace Indelible.Format.Verification;

/// <summary>Reads every blob that entries name, in pieces, and compares length and hash. One verification owns it.</summary>
internal sealed class BlobCheck(OpenFile open, Findings findings)
{
    private const int BufferLength = 1 << 16;
    private readonly byte[] _buffer = new byte[BufferLength];

    /// <summary>Blobs hashed so far.</summary>
    public long Blobs { get; private set; }

    /// <summary>Path of a blob below the ledger directory.</summary>
    public static string PathOf(ReadOnlySpan<byte> sha256)
    {
        string name = Convert.ToHexStringLower(sha256);
        return $"blobs/{name[..2]}/{name}";
    }

    public void Check(FieldValue value, string what, string file, long index)
    {
        string path = PathOf(value.Bytes.Span);
        using Stream? blob = open(path);
        if (blob is null)
        {
            findings.Fault(Rules.Blob, file, index, $"{what}: expected the blob {path}, found no file");
            return;
        }
        Blobs++;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        ulong length = 0;
        for (int read; length <= value.BlobLength && (read = blob.Read(_buffer)) > 0; length += (ulong)read)
            hash.AppendData(_buffer, 0, read);
        if (length != value.BlobLength)
        {
            findings.Fault(Rules.Blob, path, index,
                $"{what}: expected {value.BlobLength} bytes, found {(length > value.BlobLength ? "more" : length)}");
        }
        else if (!hash.GetHashAndReset().AsSpan().SequenceEqual(value.Bytes.Span))
            findings.Fault(Rules.Blob, path, index, $"{what}: the blob does not hash to its name");
    }
}
