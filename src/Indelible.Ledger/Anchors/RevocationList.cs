using System.Formats.Asn1;
using System.Numerics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Indelible.Ledger.Anchors;

/// <summary>A certificate revocation list, RFC 5280 §5, as much of it as is needed to tell offline whether a
/// certificate was revoked.</summary>
public sealed class RevocationList
{
    /// <summary>The longest list that is kept, in bytes.</summary>
    public const int LengthMax = 4 << 20;

    private const string DistributionPoints = "2.5.29.31";
    private readonly Dictionary<BigInteger, DateTimeOffset> _revoked = [];
    private readonly ReadOnlyMemory<byte> _signed, _signature;
    private readonly byte[] _issuer;
    private readonly string _algorithm;

    private RevocationList(ReadOnlyMemory<byte> bytes)
    {
        AsnReader all = new AsnReader(bytes, AsnEncodingRules.DER).ReadSequence();
        _signed = all.PeekEncodedValue();
        AsnReader list = all.ReadSequence();
        if (list.PeekTag() == Asn1Tag.Integer) list.ReadInteger();
        list.ReadSequence();
        _issuer = list.ReadEncodedValue().ToArray();
        ReadTime(list);
        if (list.HasData && list.PeekTag().TagClass == TagClass.Universal
            && list.PeekTag().TagValue is (int)UniversalTagNumber.UtcTime or (int)UniversalTagNumber.GeneralizedTime) ReadTime(list);
        if (list.HasData && list.PeekTag() == Asn1Tag.Sequence)
        {
            for (AsnReader entries = list.ReadSequence(); entries.HasData;)
            {
                AsnReader entry = entries.ReadSequence();
                _revoked[entry.ReadInteger()] = ReadTime(entry);
            }
        }
        _algorithm = all.ReadSequence().ReadObjectIdentifier();
        _signature = all.ReadBitString(out _);
        Bytes = bytes;
    }

    /// <summary>The list, DER.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>Reads lists that follow each other; null if they are none.</summary>
    public static IReadOnlyList<RevocationList>? Parse(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            List<RevocationList> lists = [];
            for (AsnReader all = new(bytes, AsnEncodingRules.DER); all.HasData;) lists.Add(new RevocationList(all.ReadEncodedValue()));
            return lists;
        }
        catch (AsnContentException)
        {
            return null;
        }
    }

    /// <summary>What is wrong with a chain at a time, by the lists; null if nothing is known to be.</summary>
    internal static string? Check(IReadOnlyList<X509Certificate2> chain, IReadOnlyList<RevocationList> lists, DateTimeOffset at)
    {
        for (int i = 0; i + 1 < chain.Count; i++)
        {
            foreach (RevocationList list in lists.Where(list => list.IsOf(chain[i + 1])))
            {
                if (list._revoked.TryGetValue(new BigInteger(chain[i].SerialNumberBytes.Span, isUnsigned: true, isBigEndian: true),
                    out DateTimeOffset since) && since <= at)
                    return $"expected a certificate that was not revoked, found {chain[i].Subject} revoked since {since:u}";
            }
        }
        return null;
    }

    /// <summary>True if each certificate below the last has a list of the one above it.</summary>
    internal static bool Covers(IReadOnlyList<X509Certificate2> chain, IReadOnlyList<RevocationList> lists) =>
        Enumerable.Range(0, Math.Max(0, chain.Count - 1)).All(i => lists.Any(list => list.IsOf(chain[i + 1])));

    /// <summary>Where a certificate says that its list is.</summary>
    public static IEnumerable<Uri> AddressesIn(X509Certificate2 certificate)
    {
        if (certificate.Extensions[DistributionPoints] is not { } extension) yield break;
        for (AsnReader points = new AsnReader(extension.RawData, AsnEncodingRules.DER).ReadSequence(); points.HasData;)
        {
            AsnReader point = points.ReadSequence();
            Asn1Tag nested = new(TagClass.ContextSpecific, 0);
            if (!point.HasData || !point.PeekTag().HasSameClassAndValue(nested)) continue;
            AsnReader name = point.ReadSequence(nested);
            if (!name.PeekTag().HasSameClassAndValue(nested)) continue;
            for (AsnReader names = name.ReadSequence(nested); names.HasData;)
            {
                Asn1Tag uri = new(TagClass.ContextSpecific, 6);
                if (!names.PeekTag().HasSameClassAndValue(uri)) names.ReadEncodedValue();
                else if (Uri.TryCreate(names.ReadCharacterString(UniversalTagNumber.IA5String, uri), UriKind.Absolute, out Uri? address)
                    && address.Scheme is "http" or "https") yield return address;
            }
        }
    }

    private bool IsOf(X509Certificate2 issuer) => issuer.SubjectName.RawData.AsSpan().SequenceEqual(_issuer) && IsSignedBy(issuer);

    private bool IsSignedBy(X509Certificate2 issuer)
    {
        (HashAlgorithmName Hash, bool IsRsa)? how = _algorithm switch
        {
            "1.2.840.113549.1.1.11" => (HashAlgorithmName.SHA256, true),
            "1.2.840.113549.1.1.12" => (HashAlgorithmName.SHA384, true),
            "1.2.840.113549.1.1.13" => (HashAlgorithmName.SHA512, true),
            "1.2.840.10045.4.3.2" => (HashAlgorithmName.SHA256, false),
            "1.2.840.10045.4.3.3" => (HashAlgorithmName.SHA384, false),
            "1.2.840.10045.4.3.4" => (HashAlgorithmName.SHA512, false),
            _ => null,
        };
        if (how is not { } algorithm) return false;
        using RSA? rsa = algorithm.IsRsa ? issuer.GetRSAPublicKey() : null;
        using ECDsa? ecdsa = algorithm.IsRsa ? null : issuer.GetECDsaPublicKey();
        return rsa?.VerifyData(_signed.Span, _signature.Span, algorithm.Hash, RSASignaturePadding.Pkcs1)
            ?? ecdsa?.VerifyData(_signed.Span, _signature.Span, algorithm.Hash, DSASignatureFormat.Rfc3279DerSequence) ?? false;
    }

    private static DateTimeOffset ReadTime(AsnReader reader) =>
        reader.PeekTag().TagValue == (int)UniversalTagNumber.UtcTime ? reader.ReadUtcTime() : reader.ReadGeneralizedTime();
}
