using System.Runtime.InteropServices;

namespace Indelible.Ledger.Rocks;

/// <summary>What RocksDB answered instead of doing what it was asked.
/// The message is its own, and begins with the kind: <c>Corruption: …</c>, <c>IO error: …</c>.</summary>
public sealed class RocksDbException(string message) : Exception(message)
{
    /// <summary>Throws if a function left an error, and frees its text.</summary>
    internal static void ThrowIf(nint error)
    {
        if (error == 0) return;
        string message = Marshal.PtrToStringUTF8(error) ?? "";
        RocksNative.Free(error);
        throw new RocksDbException(message);
    }
}
