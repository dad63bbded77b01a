using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Indelible.Ledger;

/// <summary>Gathers small pieces into large writes and authenticates what it writes.</summary>
internal sealed class BackupChunk(SafeFileHandle file, string path, IncrementalHash mac)
{
    private readonly byte[] _buffer = new byte[1 << 20];
    private int _length;

    public void Add(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (_length == _buffer.Length) Flush();
            int count = Math.Min(bytes.Length, _buffer.Length - _length);
            bytes[..count].CopyTo(_buffer.AsSpan(_length));
            _length += count;
            bytes = bytes[count..];
        }
    }

    public void Flush()
    {
        mac.AppendData(_buffer, 0, _length);
        DurableFile.Write(file, path, _buffer.AsSpan(0, _length));
        _length = 0;
    }
}
