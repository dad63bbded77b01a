using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Indelible.Format;

namespace Indelible.Ledger;

/// <summary>A subject's key, in clear: 32 secret bytes held in place, and the id by which entries name it. Never log it.</summary>
public struct SubjectKey
{
    /// <summary>Length of the key, in bytes.</summary>
    public const int Size = 32;

    private KeyBytes bytes;

    internal SubjectKey(KeyId id, ReadOnlySpan<byte> key)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(key.Length, Size);
        Id = id;
        key.CopyTo(bytes);
    }

    /// <summary>The name entries use for this key.</summary>
    public KeyId Id { get; }

    /// <summary>The 32 secret bytes; a view into this variable.</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<byte> Bytes => bytes;

    /// <summary>The id alone: a key must not be printed.</summary>
    public override readonly string ToString() => Id.ToString();

    [InlineArray(Size)]
    private struct KeyBytes
    {
        private byte first;
    }
}
