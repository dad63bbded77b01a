using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Indelible.Ledger.Anchors;

/// <summary>The files of one time stamp in a ledger: <c>anchors/&lt;size&gt;/&lt;authority&gt;.tsr</c>,
/// the chain it was checked with (<c>.pem</c>), and revocation lists (<c>.crl</c>).</summary>
/// <param name="Size">Tree size of the checkpoint stamped.</param>
/// <param name="Authority">Name of the authority.</param>
public readonly record struct AnchorFiles(long Size, string Authority)
{
    /// <summary>Code of the entry that seals a time stamp's hash. docs/format.md#codes.</summary>
    public const string Code = "timestamped";
    private const int ChainLengthMax = 1 << 18;

    private string Stem => string.Create(CultureInfo.InvariantCulture, $"anchors/{Size}/{Authority}");

    /// <summary>Path of the authority's reply.</summary>
    public string Reply => Stem + ".tsr";
    /// <summary>Path of the certificates, PEM.</summary>
    public string Chain => Stem + ".pem";
    /// <summary>Path of the revocation lists, DER, one after the other.</summary>
    public string Lists => Stem + ".crl";

    /// <summary>Stores them; the reply last, so that it is there only with what belongs to it. Durable when it returns.</summary>
    public void Write(
        string ledgerDirectory, ReadOnlySpan<byte> reply, IReadOnlyList<X509Certificate2> chain, IReadOnlyList<RevocationList> lists)
    {
        using ImmutableFiles files = new(ledgerDirectory, "anchor");
        string pem = string.Concat(chain.Select(certificate => certificate.ExportCertificatePem() + "\n"));
        Remove(ledgerDirectory);    // what a process that died left before the reply
        files.Stage(Chain, Encoding.ASCII.GetBytes(pem));
        files.Stage(Lists, lists.SelectMany(list => list.Bytes.ToArray()).ToArray());
        files.Commit();
        files.Stage(Reply, reply);
        files.Commit();
    }

    /// <summary>The reply as it is kept in a directory; null if there is none.</summary>
    public byte[]? ReadReply(string ledgerDirectory) =>
        DurableFile.TryReadAll(Path.Combine(ledgerDirectory, Reply), TimeStampReply.LengthMax);

    /// <summary>Certificates and lists as they are kept, or none.</summary>
    public async Task<(X509Certificate2Collection Chain, IReadOnlyList<RevocationList> Lists)> ReadBesideAsync(
        LedgerFetch files, CancellationToken cancellationToken)
    {
        X509Certificate2Collection chain = [];
        if (await files.ReadAsync(Chain, cancellationToken) is { Length: <= ChainLengthMax } pem) TryImport(chain, pem);
        if (await files.ReadAsync(Lists, cancellationToken) is not { Length: <= RevocationList.LengthMax } lists) return (chain, []);
        return (chain, RevocationList.Parse(lists) ?? []);
    }

    /// <summary>Reads certificates in PEM; what is none adds nothing.</summary>
    public static bool TryImport(X509Certificate2Collection certificates, ReadOnlySpan<byte> pem)
    {
        try
        {
            certificates.ImportFromPem(Encoding.ASCII.GetString(pem));
            return certificates.Count > 0;
        }
        catch (System.Security.Cryptography.CryptographicException)
        {
            return false;
        }
    }

    private void Remove(string ledgerDirectory)
    {
        if (Path.Exists(Path.Combine(ledgerDirectory, Reply))) return;
        DurableFile.Delete(Path.Combine(ledgerDirectory, Chain));
        DurableFile.Delete(Path.Combine(ledgerDirectory, Lists));
    }
}
