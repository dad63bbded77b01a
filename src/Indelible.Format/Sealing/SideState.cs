using System.Security.Cryptography;

namespace Indelible.Format.Sealing;

/// <summary>What a writer keeps of one side of the current entry: the subject key and what HKDF extracted from it, once.</summary>
internal sealed class SideState
{
    private readonly byte[] subjectKey = new byte[SideKey.Size];
    private HmacKey extracted;
    private bool isReady;

    /// <summary>Forgets the keys.</summary>
    public void Clear()
    {
        CryptographicOperations.ZeroMemory(subjectKey);
        extracted = default;
        isReady = false;
    }

    /// <summary>HKDF-Extract of the key under this entry's nonce; computed again only for another key.</summary>
    public ref readonly HmacKey Extract(ReadOnlySpan<byte> key, ReadOnlySpan<byte> nonce)
    {
        if (isReady && key.SequenceEqual(subjectKey)) return ref extracted;
        extracted = SideKey.Extract(key, nonce);
        key.CopyTo(subjectKey);
        isReady = true;
        return ref extracted;
    }
}
