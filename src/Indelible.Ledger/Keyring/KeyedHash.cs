using Indelible.Format.Sealing;

namespace Indelible.Ledger;

/// <summary>HMAC-SHA256 under one of the keyring's secrets. Safe to use from several threads.</summary>
internal sealed class KeyedHash(ReadOnlySpan<byte> secret)
{
    private const int Size = 32;

    private readonly HmacKey _key = new(secret);

    /// <summary>Receives the first <c>hash.Length</c> bytes (at most 32) of the hash of <paramref name="input"/>.</summary>
    public void Compute(ReadOnlySpan<byte> input, Span<byte> hash)
    {
        Span<byte> mac = stackalloc byte[Size];
        _key.Mac(input, mac);
        mac[..hash.Length].CopyTo(hash);
    }
}
