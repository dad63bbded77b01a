using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace Indelible.Format.Merkle;

/// <summary>A SHA-256 hash: 32 bytes held in place, compared bytewise.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly struct Hash : IEquatable<Hash>
{
    /// <summary>Length of a hash, in bytes.</summary>
    public const int Size = 32;

    // Only storage: the words are never read as numbers.
    private readonly ulong _a, _b, _c, _d;

    /// <summary>Copies exactly 32 bytes; throws <see cref="ArgumentOutOfRangeException"/> on any other length.</summary>
    public static Hash Read(ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytes.Length, Size);
        return MemoryMarshal.Read<Hash>(bytes);
    }

    /// <summary>Views bytes as hashes, without copying; throws <see cref="ArgumentOutOfRangeException"/> unless the length
    /// is a multiple of 32.</summary>
    public static ReadOnlySpan<Hash> View(ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytes.Length % Size, 0);
        return MemoryMarshal.Cast<byte, Hash>(bytes);
    }

    /// <summary>The 32 bytes, in place.</summary>
    [UnscopedRef]
    public ReadOnlySpan<byte> Bytes => MemoryMarshal.AsBytes(new ReadOnlySpan<Hash>(in this));

    /// <summary>Writes 32 bytes at the start of <paramref name="destination"/>.</summary>
    public void CopyTo(Span<byte> destination) => Bytes.CopyTo(destination);

    /// <inheritdoc/>
    public bool Equals(Hash other) => _a == other._a && _b == other._b && _c == other._c && _d == other._d;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Hash other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _a.GetHashCode();

    /// <summary>Same bytes.</summary>
    public static bool operator ==(Hash left, Hash right) => left.Equals(right);

    /// <summary>Different bytes.</summary>
    public static bool operator !=(Hash left, Hash right) => !left.Equals(right);

    /// <summary>Base64 with padding (RFC 4648 §4), as checkpoints print it: 44 characters.</summary>
    public override string ToString() => Convert.ToBase64String(Bytes);
}
