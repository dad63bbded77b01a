using System.Security.Cryptography;

namespace Indelible.Capture.Attribution;

/// <summary>Checks the MAC that begins a message. Not safe for concurrent use: keeps its hash state. docs/format.md#attribution.</summary>
internal sealed class AttributionCheck : IDisposable
{
    private readonly IncrementalHash? _hmac;

    /// <param name="secret">The source's attribution secret; empty: nothing is genuine.</param>
    public AttributionCheck(ReadOnlySpan<byte> secret) =>
        _hmac = secret.IsEmpty ? null : IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, secret);

    /// <summary>Whether the payload begins with the MAC of the rest; <paramref name="body"/> is that rest.</summary>
    public bool IsGenuine(ReadOnlySpan<byte> payload, out ReadOnlySpan<byte> body)
    {
        body = default;
        if (_hmac is null || payload.Length <= SHA256.HashSizeInBytes) return false;
        ReadOnlySpan<byte> claimed = payload[..SHA256.HashSizeInBytes];
        body = payload[SHA256.HashSizeInBytes..];
        _hmac.AppendData(body);
        Span<byte> computed = stackalloc byte[SHA256.HashSizeInBytes];
        _hmac.GetHashAndReset(computed);
        return CryptographicOperations.FixedTimeEquals(claimed, computed);
    }

    public void Dispose() => _hmac?.Dispose();
}
