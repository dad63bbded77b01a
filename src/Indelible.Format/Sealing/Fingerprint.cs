namespace Indelible.Format.Sealing;

/// <summary>A value as the continuity check remembers it: 64 bits of SipHash-2-4 under a key of the value's column. Equal values have equal
/// fingerprints; whoever lacks the key learns nothing from one. Never part of an entry.</summary>
/// <param name="Bits">Zero: not known. One: NULL.</param>
/// <remarks>Source: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF"; libsodium's <c>crypto_shorthash</c>.</remarks>
public readonly record struct Fingerprint(ulong Bits)
{
    /// <summary>Length of a key, in bytes.</summary>
    public const int KeySize = 16;

    /// <summary>Of a value that is not known; differs from nothing.</summary>
    public static readonly Fingerprint Unknown = new(0);

    /// <summary>Of NULL.</summary>
    public static readonly Fingerprint Null = new(1);

    /// <summary>False for <see cref="Unknown"/>.</summary>
    public bool IsKnown => Bits != 0;

    /// <summary>True unless both are known and differ.</summary>
    public bool MayBe(Fingerprint other) => Bits == other.Bits || Bits == 0 || other.Bits == 0;

    /// <summary>Of a value's text in UTF-8, under a key of <see cref="KeySize"/> bytes. Safe to call concurrently.</summary>
    public static unsafe Fingerprint Of(ReadOnlySpan<byte> key, ReadOnlySpan<byte> text)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(key.Length, KeySize);
        ulong bits;
        fixed (byte* keyStart = key, textStart = text)
        {
            Sodium.crypto_shorthash((byte*)&bits, textStart, (ulong)text.Length, keyStart);
        }
        return new Fingerprint(bits > Null.Bits ? bits : bits + 2);
    }
}
