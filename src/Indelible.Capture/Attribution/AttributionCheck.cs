using System.Security.Cryptography;
using System.Text;

namespace Indelible.Capture.Attribution;

/// <summary>Checks the MAC that ends a message. Not safe for concurrent use: keeps its hash state.</summary>
internal sealed class AttributionCheck : IDisposable
{
    private const int MacHexLength = 64;
    private static readonly byte[] MacName = Encoding.ASCII.GetBytes("mac=");

    private readonly IncrementalHash? _hmac;

    /// <param name="secret">The source's attribution secret; empty: nothing is genuine.</param>
    public AttributionCheck(ReadOnlySpan<byte> secret) =>
        _hmac = secret.IsEmpty ? null : IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, secret);

    /// <summary>Whether the payload ends in its MAC line and the MAC holds; <paramref name="body"/> is all before the MAC line.</summary>
    public bool IsGenuine(ReadOnlySpan<byte> payload, out ReadOnlySpan<byte> body)
    {
        body = default;
        int bodyLength = payload.Length - MacHexLength - MacName.Length;
        if (_hmac is null || bodyLength <= 0 || payload[bodyLength - 1] != (byte)'\n' || !payload[bodyLength..].StartsWith(MacName)) return false;
        Span<byte> claimed = stackalloc byte[SHA256.HashSizeInBytes];
        if (!TryHex(payload[^MacHexLength..], claimed)) return false;
        body = payload[..bodyLength];
        _hmac.AppendData(body);
        Span<byte> computed = stackalloc byte[SHA256.HashSizeInBytes];
        _hmac.GetHashAndReset(computed);
        return CryptographicOperations.FixedTimeEquals(claimed, computed);
    }

    public void Dispose() => _hmac?.Dispose();

    private static bool TryHex(ReadOnlySpan<byte> hex, Span<byte> bytes)
    {
        for (int i = 0; i < bytes.Length; i++)
        {
            int high = Digit(hex[2 * i]);
            int low = Digit(hex[(2 * i) + 1]);
            if (high < 0 || low < 0) return false;
            bytes[i] = (byte)((high << 4) | low);
        }
        return true;
    }

    private static int Digit(byte c) => c switch
    {
        >= (byte)'0' and <= (byte)'9' => c - '0',
        >= (byte)'a' and <= (byte)'f' => c - 'a' + 10,
        _ => -1,
    };
}
