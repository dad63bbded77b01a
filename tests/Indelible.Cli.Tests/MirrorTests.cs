using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Indelible.Ledger;
using Indelible.Server;
using Indelible.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>`mirror run` beside `run`, as processes, over HTTP.</summary>
public sealed class MirrorTests : IDisposable
{
    private const string Origin = "example.org/mirrored";
    private readonly IndelibleProcess _ledger = new();
    private readonly IndelibleProcess _mirror = new();
    private string _key = "";

    public void Dispose()
    {
        _ledger.Dispose();
        _mirror.Dispose();
    }

    [Fact]
    public async Task A_mirror_follows_over_http_survives_a_kill_serves_and_stops_at_a_rewritten_history()
    {
        await InitAsync();
        await SealAsync(_ledger.Home, "a", 300);
        using IndelibleProcess fork = new();
        Directory.Delete(fork.Home);
        await Copying.AsIsAsync(_ledger.Home, fork.Home);
        await SealAsync(_ledger.Home, "b", 699);
        await TimestampAsync("token"u8.ToArray());
        (Process run, string address, _) = await _ledger.RunServerAsync();
        (Process mirror, string served, _) = await StartMirrorAsync(address);
        await UntilAsync(served, 1000);
        Assert.Equal("token", await File.ReadAllTextAsync(Path.Combine(_mirror.Home, "copy", "ledger", "anchors", "300", "tsa.tsr")));
        string policy = await PolicyAsync();
        Assert.Equal(0, (await _mirror.RunAsync("verify", $"{served}/ledger", "--policy", policy)).ExitCode);

        IndelibleProcess.Signal(mirror, "KILL");
        await mirror.WaitForExitAsync();
        await StopAsync(run);
        await SealAsync(_ledger.Home, "c", 600);
        (run, address, _) = await _ledger.RunServerAsync();
        (mirror, served, Task<string> log) = await StartMirrorAsync(address);
        await UntilAsync(served, 1600);
        await StopAsync(mirror);
        Assert.Equal(0, mirror.ExitCode);
        Assert.DoesNotContain("misbehaviour", await log, StringComparison.Ordinal);
        await StopAsync(run);

        // An earlier state is shown: told of, and no proof of anything.
        (run, address, _) = await fork.RunServerAsync();
        (mirror, served, log) = await StartMirrorAsync(address);
        await UntilNotReadyAsync(served, "ledger is rolled back\n");
        await StopAsync(mirror);
        Assert.Contains("\"alert\":\"rollback\",\"state\":\"raised\"", await log, StringComparison.Ordinal);
        Assert.DoesNotContain("misbehaviour", await log, StringComparison.Ordinal);
        await StopAsync(run);

        // Somebody with the true key goes on from there.
        await SealAsync(fork.Home, "another history", 2000);
        (run, address, _) = await fork.RunServerAsync();
        (mirror, served, log) = await StartMirrorAsync(address);
        await UntilEvidenceAsync();
        await StopAsync(mirror);
        Assert.Equal(1, mirror.ExitCode);
        Assert.Contains("\"alert\":\"misbehaviour\",\"state\":\"raised\"", await log, StringComparison.Ordinal);
        await StopAsync(run);
        string evidence = Assert.Single(Directory.GetFiles(Path.Combine(_mirror.Home, "copy", "evidence")));
        IndelibleProcess.Result verified = await _mirror.RunAsync("verify", evidence, "--key", _key, "--json");
        Assert.Equal((0, "verified", 1600, 2300),
            (verified.ExitCode, (string)verified.Json["verdict"]!, (int)verified.Json["misbehaviour"]!["olderSize"]!,
                (int)verified.Json["treeSize"]!));
        Assert.Equal(0, (await _mirror.CallAsync("verify", evidence)).ExitCode);        // self-consistent only
        IndelibleProcess.Result once = await _mirror.RunAsync(["mirror", "run", "--once", .. Place(_ledger.Home + "/ledger"), "--json"]);
        Assert.Equal(
            (1, "stopped", 1600), (once.ExitCode, (string)once.Json["ledgers"]![0]!["state"]!, (int)once.Json["ledgers"]![0]!["size"]!));
    }

    [Fact]
    public async Task Several_ledgers_are_followed_by_configuration_and_served_below_name_and_origin()
    {
        await InitAsync();
        await SealAsync(_ledger.Home, "a", 10);
        using IndelibleProcess other = new();
        string otherKey = (string)(await other.CallAsync("init", "--origin", "example.org/other", "--json")).Json["verifierKey"]!;
        await SealAsync(other.Home, "b", 20);
        await File.WriteAllTextAsync(Path.Combine(_mirror.Home, "indelible.json"), $$"""
            { "listen": "127.0.0.1:0", "mirror": { "name": "mirror.example.org/one", "intervalSeconds": 1,
              "ledgers": { "crm": { "from": "{{_ledger.Home}}/ledger", "key": "{{_key}}" },
                           "erp": { "from": "{{other.Home}}/ledger", "key": "{{otherKey}}" } } } }
            """);
        Process mirror = _mirror.Start(["mirror", "run", "--json"]);
        Task<string> log = mirror.StandardError.ReadToEndAsync();
        JsonNode told = JsonNode.Parse((await mirror.StandardOutput.ReadLineAsync())!)!;
        string served = (string)told["address"]!;
        await UntilAsync(served, 10, "crm");
        await UntilAsync(served, 20, "erp");
        using HttpClient client = new();
        string hash = Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(Origin)));
        Assert.Equal(await client.GetStringAsync($"{served}/crm/checkpoint"), await client.GetStringAsync($"{served}/{hash}/checkpoint"));
        Assert.Contains("— mirror.example.org/one ", await client.GetStringAsync($"{served}/crm/checkpoint"), StringComparison.Ordinal);
        Assert.Equal("ready\n", await client.GetStringAsync($"{served}/readyz"));
        Assert.Contains("indelible_mirror_size", await client.GetStringAsync($"{served}/metrics"), StringComparison.Ordinal);
        Assert.All((string[])["crm", "erp"],
            name => Assert.True(Directory.Exists(Path.Combine(_mirror.Home, "mirrors", name, "ledger"))));
        await StopAsync(mirror);
        await log;
    }

    [Fact]
    public async Task What_cannot_be_followed_is_said_with_the_right_exit_code_and_nothing_is_overwritten()
    {
        await InitAsync();
        await SealAsync(_ledger.Home, "a", 10);
        Assert.Equal(0, (await OnceAsync(_ledger.Home + "/ledger", _key)).ExitCode);
        byte[] head = await File.ReadAllBytesAsync(Path.Combine(_mirror.Home, "copy", "ledger", "checkpoint"));

        using IndelibleProcess other = new();
        IndelibleProcess.Result made = await other.CallAsync("init", "--origin", "example.org/other", "--json");
        string otherKey = (string)made.Json["verifierKey"]!;
        await ExpectAsync(2, "Is ", await OnceAsync(other.Home + "/ledger", otherKey));                     // the copy of another ledger
        await ExpectAsync(1, "expected the origin of a known ledger", await OnceAsync(other.Home + "/ledger", _key));
        await ExpectAsync(2, "--key: ", await OnceAsync(_ledger.Home + "/ledger", "crm.vkey"));
        await ExpectAsync(2, "expected --from, --key and --to together", await _mirror.CallAsync("mirror", "run", "--from", "x"));
        await ExpectAsync(2, "expected ledgers to mirror, found none", await _mirror.CallAsync("mirror", "run"));
        await ExpectAsync(2, "expected a ledger directory, found none", await OnceAsync(_mirror.Home + "/nowhere", _key));
        await ExpectAsync(3, "cannot read http://127.0.0.1:1/checkpoint", await OnceAsync("http://127.0.0.1:1/", _key));
        using UntrustedServer server = new();
        await ExpectAsync(3, "its certificate is not accepted", await OnceAsync($"https://localhost:{server.Port}/", _key));
        Assert.Equal(head, await File.ReadAllBytesAsync(Path.Combine(_mirror.Home, "copy", "ledger", "checkpoint")));

        // Two mirrors may not write one copy.
        Process mirror = _mirror.Start(["mirror", "run", "--listen", "127.0.0.1:0", "--json", .. Place(_ledger.Home + "/ledger")]);
        Task<string> log = mirror.StandardError.ReadToEndAsync();
        await mirror.StandardOutput.ReadLineAsync();
        await ExpectAsync(
            3, "a copy has one writer", await _mirror.RunAsync(["mirror", "run", "--once", .. Place(_ledger.Home + "/ledger")]));
        await StopAsync(mirror);
        await log;
    }

    private async Task InitAsync() => _key = (string)(await _ledger.CallAsync("init", "--origin", Origin, "--json")).Json["verifierKey"]!;

    private static async Task SealAsync(string home, string what, int count)
    {
        await using LedgerHost host = await LedgerHost.OpenAsync(
            LedgerPaths.For(Path.Combine(home, "ledger")), new IndelibleConfig(), TimeProvider.System, NullLoggerFactory.Instance,
            CancellationToken.None);
        EntryBatch entries = new();
        for (int i = 0; i < count; i++)
            host.NewMaker("").AddGuard(entries, GuardCode.Rights, new Dictionary<string, string> { ["what"] = what });
        await host.SealAsync(entries, CancellationToken.None);
    }

    /// <summary>A time stamp's file, and the entry that names it.</summary>
    private async Task TimestampAsync(byte[] token)
    {
        string path = Path.Combine(_ledger.Home, "ledger", "anchors", "300", "tsa.tsr");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await File.WriteAllBytesAsync(path, token);
        await using LedgerHost host = await LedgerHost.OpenAsync(
            LedgerPaths.For(Path.Combine(_ledger.Home, "ledger")), new IndelibleConfig(), TimeProvider.System, NullLoggerFactory.Instance,
            CancellationToken.None);
        EntryBatch entries = new();
        host.NewMaker("")
            .AddAdmin(entries, "timestamped",
                new Dictionary<string, string> { ["authority"] = "tsa", ["size"] = "300",
                    ["token"] = Convert.ToHexStringLower(SHA256.HashData(token)) });
        await host.SealAsync(entries, CancellationToken.None);
    }

    private string[] Place(string from) => ["--from", from, "--key", _key, "--to", "copy", "--name", "mirror.example.org/one"];

    private Task<IndelibleProcess.Result> OnceAsync(string from, string key) =>
        _mirror.CallAsync("mirror", "run", "--once", "--from", from, "--key", key, "--to", "copy");

    private static Task ExpectAsync(int exitCode, string words, IndelibleProcess.Result result)
    {
        Assert.Contains(words, result.Error, StringComparison.Ordinal);
        Assert.Equal(exitCode, result.ExitCode);
        return Task.CompletedTask;
    }

    private async Task<(Process Process, string Address, Task<string> Log)> StartMirrorAsync(string from)
    {
        Process process = _mirror.Start(["mirror", "run", "--listen", "127.0.0.1:0", "--json", .. Place(from)]);
        Task<string> log = process.StandardError.ReadToEndAsync();
        string? line = await process.StandardOutput.ReadLineAsync();
        Assert.True(line is not null, line is null ? await log : "");
        return (process, (string)JsonNode.Parse(line!)!["address"]!, log);
    }

    private async Task<string> PolicyAsync()
    {
        string note = (await File.ReadAllLinesAsync(Path.Combine(_mirror.Home, "copy", "mirror.key")))[0];
        using Format.Notes.NoteSigner signer =
            CosignerKeyFile.Open(Path.Combine(_mirror.Home, "copy", "mirror.key"), "mirror.example.org/one");
        Assert.StartsWith("PRIVATE+KEY+mirror.example.org/one+", note, StringComparison.Ordinal);
        string path = Path.Combine(_mirror.Home, "policy");
        await File.WriteAllTextAsync(path, $"log {_key}\nwitness m {signer.VerifierKey}\nquorum m\n");
        return path;
    }

    private static async Task UntilAsync(string served, long size, string name = "ledger")
    {
        using HttpClient client = new();
        for (Stopwatch watch = Stopwatch.StartNew(); watch.Elapsed < Patience.Max; await Task.Delay(50))
        {
            using HttpResponseMessage answer = await client.GetAsync($"{served}/{name}/checkpoint");
            if (answer.StatusCode == HttpStatusCode.OK && (await answer.Content.ReadAsStringAsync()).Split('\n')[1] == $"{size}") return;
        }
        Assert.Fail($"the mirror did not reach size {size} in a minute");
    }

    private static async Task UntilNotReadyAsync(string served, string reason)
    {
        using HttpClient client = new();
        for (Stopwatch watch = Stopwatch.StartNew(); watch.Elapsed < Patience.Max; await Task.Delay(50))
        {
            using HttpResponseMessage answer = await client.GetAsync($"{served}/readyz");
            if (await answer.Content.ReadAsStringAsync() == reason) return;
        }
        Assert.Fail($"the mirror did not say: {reason}");
    }

    private async Task UntilEvidenceAsync()
    {
        for (Stopwatch watch = Stopwatch.StartNew(); LedgerEvidence().Length == 0; await Task.Delay(50))
            Assert.True(watch.Elapsed < Patience.Max, "no evidence came");

        string[] LedgerEvidence() => Path.Combine(_mirror.Home, "copy", "evidence") is var directory && Directory.Exists(directory)
            ? Directory.GetFiles(directory, "*.misbehaviour")
            : [];
    }

    private static async Task StopAsync(Process process)
    {
        IndelibleProcess.Signal(process, "TERM");
        await process.WaitForExitAsync();
    }

    /// <summary>TLS with a certificate nobody vouches for.</summary>
    private sealed class UntrustedServer : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly X509Certificate2 _certificate;

        public UntrustedServer()
        {
            using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            _certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256)
                .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
            _listener.Start();
            Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
            _ = ServeAsync();
        }

        public int Port { get; }

        public void Dispose()
        {
            _listener.Dispose();
            _certificate.Dispose();
        }

        private async Task ServeAsync()
        {
            try
            {
                while (true)
                {
                    using TcpClient client = await _listener.AcceptTcpClientAsync();
                    await using SslStream tls = new(client.GetStream());
                    await tls.AuthenticateAsServerAsync(_certificate).ContinueWith(_ => { });
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }
}
