using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.Pkcs;
using System.Security.Cryptography.X509Certificates;
using Indelible.Format;
using Indelible.Ledger.Anchors;

namespace Indelible.Server.Anchoring;

/// <summary>Asks a time-stamp authority, RFC 3161 §3.4, and fetches the revocation lists of its certificates.</summary>
internal sealed class TimeStampClient(HttpClient http)
{
    private const int NonceLength = 16;

    /// <summary>The authority's reply over a text. It answers this question and no other;
    /// who signed it is for the caller to check.</summary>
    public async Task<byte[]> AskAsync(string url, byte[] text, CancellationToken cancellationToken)
    {
        Rfc3161TimestampRequest request = Rfc3161TimestampRequest.CreateFromData(
            text, HashAlgorithmName.SHA256, nonce: RandomNumberGenerator.GetBytes(NonceLength), requestSignerCertificates: true);
        using ByteArrayContent query = new(request.Encode());
        query.Headers.ContentType = new MediaTypeHeaderValue("application/timestamp-query");
        byte[] reply;
        try
        {
            using HttpResponseMessage answer = await http.PostAsync(url, query, cancellationToken);
            if (!answer.IsSuccessStatusCode)
            {
                throw new IndelibleException(ExitCode.Environment,
                    $"{url}: expected a time-stamp reply, found status {(int)answer.StatusCode} {answer.ReasonPhrase}");
            }
            reply = await ReadAsync(answer, TimeStampReply.LengthMax, url, cancellationToken);
        }
        catch (HttpRequestException e)
        {
            throw new IndelibleException(ExitCode.Environment, $"{url}: no time stamp: {e.Message}", e);
        }
        try
        {
            request.ProcessResponse(reply, out _);
            return reply;
        }
        catch (CryptographicException e)
        {
            throw new IndelibleException(ExitCode.Environment,
                $"{url}: expected a time stamp over what was sent, found a refusal or something else: {e.Message}", e);
        }
    }

    /// <summary>The lists that certificates name, of those that can be had.</summary>
    public async Task<IReadOnlyList<RevocationList>> ListsAsync(IReadOnlyList<X509Certificate2> chain, CancellationToken cancellationToken)
    {
        List<RevocationList> lists = [];
        foreach (Uri address in chain.SelectMany(RevocationList.AddressesIn).Distinct())
        {
            try
            {
                using HttpResponseMessage answer = await http.GetAsync(address, cancellationToken);
                if (!answer.IsSuccessStatusCode) continue;
                byte[] bytes = await ReadAsync(answer, RevocationList.LengthMax, address.AbsoluteUri, cancellationToken);
                if (RevocationList.Parse(bytes) is { } found) lists.AddRange(found);
            }
            catch (HttpRequestException)
            {
                continue; // verifiers say that it was not kept
            }
        }
        return lists;
    }

    private static async Task<byte[]> ReadAsync(
        HttpResponseMessage answer, int lengthMax, string where, CancellationToken cancellationToken)
    {
        if (answer.Content.Headers.ContentLength > lengthMax)
        {
            throw new IndelibleException(
                ExitCode.Environment, $"{where}: expected at most {lengthMax} bytes, found {answer.Content.Headers.ContentLength}");
        }
        await answer.Content.LoadIntoBufferAsync(lengthMax, cancellationToken);
        return await answer.Content.ReadAsByteArrayAsync(cancellationToken);
    }
}
