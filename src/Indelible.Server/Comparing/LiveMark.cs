using System.Runtime.InteropServices;

namespace Indelible.Server.Comparing;

/// <summary>What is kept of a live row until it is compared: nothing that says its key or its values.</summary>
/// <param name="High">First half of the keyed hash of its primary key.</param>
/// <param name="Low">The other half.</param>
/// <param name="Digest">Of its protected values, as <see cref="RowDigest"/> makes it.</param>
/// <param name="Range">The range of keys it was read in, counted from 0.</param>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
internal readonly record struct LiveMark(ulong High, ulong Low, ulong Digest, int Range)
{
    /// <summary>Bytes of one.</summary>
    public const int Size = 28;

    public LiveMark(UInt128 row, ulong digest, int range) : this((ulong)(row >> 64), unchecked((ulong)row), digest, range) { }

    /// <summary>Keyed hash of the primary key.</summary>
    public UInt128 Row => new(High, Low);
}
