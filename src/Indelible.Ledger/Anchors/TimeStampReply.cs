using System.Formats.Asn1;
using System.Numerics;
using System.Security.Cryptography;
using System.Security.Cryptography.Pkcs;
using System.Security.Cryptography.X509Certificates;
using Indelible.Format;

namespace Indelible.Ledger.Anchors;

/// <summary>What a time-stamp authority answered, as it is kept (<c>.tsr</c>), and what it states. RFC 3161.</summary>
public sealed class TimeStampReply
{
    /// <summary>The longest reply that is read, in bytes.</summary>
    public const int LengthMax = 1 << 17;
    private const string TimeStampingPurpose = "1.3.6.1.5.5.7.3.8";

    private readonly Rfc3161TimestampToken _token;

    private TimeStampReply(Rfc3161TimestampToken token) => _token = token;

    /// <summary>The time it states.</summary>
    public MicroTime At => MicroTime.From(_token.TokenInfo.Timestamp);

    /// <summary>The authority's number for it, in hex.</summary>
    public string Serial => Convert.ToHexStringLower(_token.TokenInfo.GetSerialNumber().Span);

    /// <summary>The policy it was made under.</summary>
    public string PolicyId => _token.TokenInfo.PolicyId.Value ?? "";

    /// <summary>Reads a reply; null if it is none, or the authority refused.</summary>
    public static TimeStampReply? Parse(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            AsnReader reply = new AsnReader(bytes, AsnEncodingRules.DER).ReadSequence();
            BigInteger status = reply.ReadSequence().ReadInteger();
            if (status > 1 || !reply.HasData) return null;      // granted, granted with modifications
            return Rfc3161TimestampToken.TryDecode(reply.ReadEncodedValue(), out Rfc3161TimestampToken? token, out _)
                ? new TimeStampReply(token) : null;
        }
        catch (AsnContentException)
        {
            return null;
        }
    }

    /// <summary>Checks that it is about this text, signed by an authority that the pinned certificates vouched for at its time,
    /// and not revoked by then.</summary>
    /// <param name="text">What was stamped.</param>
    /// <param name="pinned">Certificates that are trusted: roots, and perhaps those between.</param>
    /// <param name="kept">Further certificates that were kept with it.</param>
    /// <param name="lists">Revocation lists that were kept with it.</param>
    public TimeStampVerdict Verify(
        ReadOnlySpan<byte> text, X509Certificate2Collection pinned, X509Certificate2Collection kept, IReadOnlyList<RevocationList> lists)
    {
        if (_token.TokenInfo.HashAlgorithmId.Value != "2.16.840.1.101.3.4.2.1"
            || !_token.TokenInfo.GetMessageHash().Span.SequenceEqual(SHA256.HashData(text)))
            return TimeStampVerdict.Failed("expected a time stamp over the text of this checkpoint, found one over something else");
        X509Certificate2Collection candidates = [.. kept, .. pinned];
        if (!_token.VerifySignatureForHash(SHA256.HashData(text), HashAlgorithmName.SHA256, out X509Certificate2? signer, candidates))
        {
            return TimeStampVerdict.Failed(
                "expected a time stamp that its certificate verifies, found one that it does not, or no certificate");
        }
        using X509Chain chain = new();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(pinned);
        chain.ChainPolicy.ExtraStore.AddRange(candidates);
        chain.ChainPolicy.ExtraStore.AddRange(_token.AsSignedCms().Certificates);
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(TimeStampingPurpose));
        // the lists that were kept are checked below; nothing is fetched
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.VerificationTime = _token.TokenInfo.Timestamp.UtcDateTime;
        if (!chain.Build(signer!))
        {
            string why = string.Join("; ", chain.ChainStatus.Select(status => status.StatusInformation.Trim()));
            return TimeStampVerdict.Failed($"expected {signer!.Subject} to be vouched for by a pinned certificate at {At}: {why}");
        }
        X509Certificate2[] certificates =
            [.. chain.ChainElements.Select(element => X509CertificateLoader.LoadCertificate(element.Certificate.RawData))];
        if (RevocationList.Check(certificates, lists, _token.TokenInfo.Timestamp) is { } revoked) return TimeStampVerdict.Failed(revoked);
        DateTimeOffset ends = certificates.Min(certificate => new DateTimeOffset(certificate.NotAfter.ToUniversalTime()));
        return new TimeStampVerdict(null, certificates, MicroTime.From(ends), RevocationList.Covers(certificates, lists));
    }
}

/// <summary>What came of checking a time stamp.</summary>
/// <param name="Fault">What is wrong; null if nothing is.</param>
/// <param name="Chain">The authority's certificate and those above it.</param>
/// <param name="Ends">When the first of them ends.</param>
/// <param name="RevocationKnown">True if there is a list for each certificate below the pinned ones.</param>
public sealed record TimeStampVerdict(string? Fault, IReadOnlyList<X509Certificate2> Chain, MicroTime Ends, bool RevocationKnown)
{
    internal static TimeStampVerdict Failed(string fault) => new(fault, [], default, false);
}
