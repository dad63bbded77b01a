using System.Security.Cryptography;

namespace Indelible.Ledger;

/// <summary>Random bytes from the system, fetched 4 KiB at a time. Not safe for concurrent use.</summary>
public sealed class RandomBlock
{
    private readonly byte[] _block = new byte[4096];
    private int _taken = 4096;

    /// <summary>The next random bytes, at most 64; valid until the next call, so copy them.</summary>
    public ReadOnlySpan<byte> Take(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, 64);
        if (_taken + count > _block.Length)
        {
            RandomNumberGenerator.Fill(_block);
            _taken = 0;
        }
        _taken += count;
        return _block.AsSpan(_taken - count, count);
    }
}
