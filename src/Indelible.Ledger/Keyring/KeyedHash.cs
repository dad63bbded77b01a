using System.Diagnostics;

namespace Indelible.Ledger;

/// <summary>HMAC-SHA256 under one key, prepared once. Safe to use from several threads.</summary>
internal sealed unsafe class KeyedHash
{
    /// <summary>Length of the whole hash, in bytes; callers may keep less of it.</summary>
    public const int Size = 32;

    private readonly byte[] prepared = new byte[Sodium.HmacStateSize];

    public KeyedHash(ReadOnlySpan<byte> key)
    {
        fixed (byte* state = prepared, keyBytes = key)
        {
            int result = Sodium.crypto_auth_hmacsha256_init(state, keyBytes, (nuint)key.Length);
            if (result != 0) throw new UnreachableException("HMAC-SHA256 does not initialise");
        }
    }

    /// <summary>Receives the first <c>hash.Length</c> bytes (at most 32) of the hash of <paramref name="input"/>.</summary>
    public void Compute(ReadOnlySpan<byte> input, Span<byte> hash)
    {
        byte* state = stackalloc byte[Sodium.HmacStateSize];
        prepared.CopyTo(new Span<byte>(state, Sodium.HmacStateSize));
        byte* mac = stackalloc byte[Size];
        fixed (byte* inputBytes = input) _ = Sodium.crypto_auth_hmacsha256_update(state, inputBytes, (ulong)input.Length);
        _ = Sodium.crypto_auth_hmacsha256_final(state, mac);
        new ReadOnlySpan<byte>(mac, hash.Length).CopyTo(hash);
    }
}
