using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Indelible.Server.Demo;

namespace Indelible.Testing;

/// <summary>A real time-stamp authority: <c>openssl ts</c> behind an HTTP listener on loopback,
/// with a root certificate of its own and a revocation list.</summary>
public sealed class TimeStampAuthority : IAsyncDisposable
{
    private const string Config = """
        [tsa]
        default_tsa = t
        [t]
        serial = {0}/serial
        crypto_device = builtin
        signer_cert = {0}/tsa.pem
        certs = {0}/root.pem
        signer_key = {0}/tsa.key
        signer_digest = sha256
        default_policy = 1.2.3.4.1
        digests = sha256
        accuracy = secs:1
        ordering = yes
        tsa_name = yes
        ess_cert_id_alg = sha256
        """;

    private readonly string _home = Directory.CreateTempSubdirectory("indelible-tsa-").FullName;
    private readonly HttpListener _listener = new();
    private readonly RSA _rootKey = RSA.Create(2048);
    private readonly X509Certificate2 _root;
    private readonly string _address;
    private X509Certificate2 _certificate;
    private readonly Task _serving;
    private byte[] _list;

    /// <param name="ends">When the authority's certificate ends; null: in a year.</param>
    public TimeStampAuthority(DateTimeOffset? ends = null)
    {
        string address = _address = $"http://127.0.0.1:{FreePort.Choose()}/";
        DateTimeOffset now = DateTimeOffset.UtcNow;
        CertificateRequest root = new($"CN=Test Root {address}", _rootKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        root.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        root.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        root.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(root.PublicKey, false));
        _root = root.CreateSelfSigned(now.AddDays(-2), now.AddYears(20));
        _certificate = Issue(ends ?? now.AddYears(1), serial: 1);
        File.WriteAllText(RootPath, _root.ExportCertificatePem() + "\n");
        File.WriteAllText(Path.Combine(_home, "serial"), "1000\n");
        File.WriteAllText(Path.Combine(_home, "tsa.cnf"), string.Format(CultureInfo.InvariantCulture, Config, _home));
        _list = ListOf(new CertificateRevocationListBuilder());
        Url = address + "tsr";
        _listener.Prefixes.Add(address);
        _listener.Start();
        _serving = ServeAsync();
    }

    /// <summary>Where to ask it.</summary>
    public string Url { get; }

    /// <summary>Its root certificate, PEM.</summary>
    public string RootPath => Path.Combine(_home, "root.pem");

    /// <summary>False: it answers with an error.</summary>
    public volatile bool IsUp = true;

    /// <summary>Time stamps given.</summary>
    public int Given;

    /// <summary>The authority signs with a new key from now on, whose certificate ends then.</summary>
    public void Renew(DateTimeOffset ends)
    {
        _certificate.Dispose();
        _certificate = Issue(ends, serial: 2);
    }

    /// <summary>Revokes the authority's certificate since yesterday.</summary>
    public void Revoke()
    {
        CertificateRevocationListBuilder builder = new();
        builder.AddEntry(_certificate, DateTimeOffset.UtcNow.AddHours(-12));
        _list = ListOf(builder);
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Close();
        await _serving;
        _rootKey.Dispose();
        _root.Dispose();
        _certificate.Dispose();
        Directory.Delete(_home, recursive: true);
    }

    private X509Certificate2 Issue(DateTimeOffset ends, byte serial)
    {
        using RSA key = RSA.Create(2048);
        CertificateRequest signer = new("CN=Test Time Stamps", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        signer.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.8")], true));
        signer.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        signer.CertificateExtensions.Add(CertificateRevocationListBuilder.BuildCrlDistributionPointExtension([_address + "crl"]));
        X509Certificate2 certificate = signer.Create(_root, DateTimeOffset.UtcNow.AddDays(-1), ends, [0x11, 0x22, 0x33, serial]);
        File.WriteAllText(Path.Combine(_home, "tsa.pem"), certificate.ExportCertificatePem() + "\n");
        File.WriteAllText(Path.Combine(_home, "tsa.key"), key.ExportPkcs8PrivateKeyPem() + "\n");
        return certificate;
    }

    private byte[] ListOf(CertificateRevocationListBuilder builder) =>
        builder.Build(_root, 1, DateTimeOffset.UtcNow.AddDays(30), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);

    private async Task ServeAsync()
    {
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
            byte[] answer = context.Request.RawUrl == "/crl" ? _list : await StampAsync(context);
            context.Response.ContentType = context.Request.RawUrl == "/crl" ? "application/pkix-crl" : "application/timestamp-reply";
            await context.Response.OutputStream.WriteAsync(answer);
            context.Response.Close();
        }
    }

    private async Task<byte[]> StampAsync(HttpListenerContext context)
    {
        if (!IsUp)
        {
            context.Response.StatusCode = 503;
            return [];
        }
        string query = Path.Combine(_home, "query"), reply = Path.Combine(_home, "reply");
        await using (FileStream file = File.Create(query)) await context.Request.InputStream.CopyToAsync(file);
        using Process openssl = Process.Start(
            new ProcessStartInfo("openssl",
                ["ts", "-reply", "-config", Path.Combine(_home, "tsa.cnf"), "-queryfile", query, "-out", reply]) { RedirectStandardError =
                    true })!;
        string error = await openssl.StandardError.ReadToEndAsync();
        await openssl.WaitForExitAsync();
        if (openssl.ExitCode != 0) throw new InvalidOperationException($"openssl ts: {error}");
        Interlocked.Increment(ref Given);
        return await File.ReadAllBytesAsync(reply);
    }
}
