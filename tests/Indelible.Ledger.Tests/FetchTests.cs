using System.Diagnostics;
using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Format.Verification;
using Xunit;

namespace Indelible.Ledger.Tests;

/// <summary>Verification over HTTP, from servers good and bad.</summary>
public sealed class FetchTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private TestLedger _ledger = null!;

    public async ValueTask InitializeAsync()
    {
        _ledger = await TestLedger.CreateAsync();
        await using LedgerWriter writer = await _ledger.OpenAsync();
        await writer.SealAsync(RealEntries.Batch(600), CancellationToken.None);
    }

    public ValueTask DisposeAsync()
    {
        _ledger.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_static_web_server_is_enough()
    {
        using var server = new RawServer(path => Ok(File(path)));
        VerificationReport report = await VerifyAsync(server);
        Assert.Equal((Verdict.Verified, 600L), (report.Verdict, report.Entries));
    }

    [Fact]
    public async Task Bundles_may_be_compressed_unasked()
    {
        using var server =
            new RawServer(path => path.StartsWith("tile/entries", StringComparison.Ordinal) ? Gzipped(File(path)) : Ok(File(path)));
        Assert.Equal(Verdict.Verified, (await VerifyAsync(server)).Verdict);
    }

    [Fact]
    public async Task A_compressed_answer_that_is_damaged_or_cut_is_a_finding_that_names_the_file()
    {
        foreach (Func<byte[], byte[]> damage in (Func<byte[], byte[]>[])[bytes => bytes[..(bytes.Length / 2)],
            bytes => [.. bytes.Select((b, i) => (byte)(i is > 30 and < 60 ? b ^ 0x55 : b))]])
        {
            using var server = new RawServer(path => path == "tile/entries/001" ? Gzipped(File(path), damage) : Ok(File(path)));
            VerificationReport report = await VerifyAsync(server);
            Assert.Equal(Verdict.Failed, report.Verdict);
            Assert.Contains(report.Findings, finding => finding.File is "tile/entries/001" or "tile/0/001");
        }
    }

    [Fact]
    public async Task A_partial_tile_that_is_gone_is_read_from_the_full_one()
    {
        byte[] head = await System.IO.File.ReadAllBytesAsync(Path.Combine(_ledger.Paths.Ledger, "checkpoint"));
        string[] partials = [.. Directory.EnumerateFiles(_ledger.Paths.Ledger, "*", SearchOption.AllDirectories)
            .Where(path => path.Contains(".p/", StringComparison.Ordinal) && !path.Contains("tile/1", StringComparison.Ordinal))
            .Select(path => Path.GetRelativePath(_ledger.Paths.Ledger, path))];
        Assert.Equal(2, partials.Length);
        byte[] level1 = File("tile/1/000.p/2")!;
        await using (LedgerWriter writer = await _ledger.OpenAsync())
            await writer.SealAsync(TestLedger.Batch(600, 300), CancellationToken.None);
        Assert.All(partials, path => Assert.False(System.IO.File.Exists(Path.Combine(_ledger.Paths.Ledger, path))));
        using var server = new RawServer(path => Ok(path switch { "checkpoint" => head, "tile/1/000.p/2" => level1, _ => File(path) }));
        VerificationReport report = await VerifyAsync(server);
        Assert.Equal((Verdict.Verified, 600L), (report.Verdict, report.Entries));
    }

    [Fact]
    public async Task An_answer_without_end_is_cut_off_and_is_a_finding()
    {
        using var server = new RawServer(path => path == "tile/0/000" ? Endless() : Ok(File(path)));
        VerificationReport report = await VerifyAsync(server);
        Finding finding = Assert.Single(report.Findings);
        Assert.Equal((Rules.Shape, "tile/0/000"), (finding.Rule, finding.File));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(50)]
    public async Task A_server_that_stalls_or_trickles_is_given_up_with_its_address(int trickleMs)
    {
        using var server = new RawServer(path => path == "tile/0/000" ? Trickle(trickleMs) : Ok(File(path)));
        var watch = Stopwatch.StartNew();
        IndelibleException given = await Assert.ThrowsAsync<IndelibleException>(() => VerifyAsync(server));
        Assert.Equal(ExitCode.Environment, given.ExitCode);
        Assert.Contains("tile/0/000", given.Message, StringComparison.Ordinal);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, 10 * Patience);
    }

    [Fact]
    public async Task A_server_that_does_not_answer_fails_or_breaks_off_is_the_environments_failure()
    {
        foreach (Answer bad in (Answer[])[async (_, stop) => await Task.Delay(-1, stop), Status(500), Status(403), Short,
            (_, _) => Task.CompletedTask])
        {
            using var server = new RawServer(path => path == "tile/0/000" ? bad : Ok(File(path)));
            IndelibleException given = await Assert.ThrowsAsync<IndelibleException>(() => VerifyAsync(server));
            Assert.Equal(ExitCode.Environment, given.ExitCode);
            Assert.Contains("tile/0/000", given.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_request_that_waits_ends_when_the_user_stops_it()
    {
        using var server = new RawServer(path => path == "tile/0/000" ? Trickle(0) : Ok(File(path)));
        using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => VerifyAsync(server, TimeSpan.FromMinutes(5), stop.Token));
    }

    [Fact]
    public async Task Something_else_than_a_ledger_is_a_finding()
    {
        using var server = new RawServer(_ => Ok("<html>hello</html>"u8.ToArray()));
        Assert.Equal([Rules.Checkpoint], (await VerifyAsync(server)).Findings.Select(finding => finding.Rule));
    }

    private static Task<VerificationReport> VerifyAsync(
        RawServer server, TimeSpan? patience = null, CancellationToken cancellationToken = default) => Task.Run(
        () =>
        {
            using LedgerFetch fetch =
                LedgerFetch.FromUrl(new Uri($"http://127.0.0.1:{server.Port}/"), patience ?? Patience, cancellationToken);
            return new LedgerVerifier(fetch.Fetch, fetch.OpenFile) { Policy = Policy.ForKey(TestLedger.Signer.VerifierKey) }.Verify(
                cancellationToken);
        },
        CancellationToken.None);

    private byte[]? File(string path) =>
        Path.Combine(_ledger.Paths.Ledger, path) is var file && System.IO.File.Exists(file) ? System.IO.File.ReadAllBytes(file) : null;

    private static Answer Ok(byte[]? content) => content is null ? Status(404) : async (stream, stop) =>
    {
        await Head(stream, $"200 OK\r\nContent-Length: {content.Length}", stop);
        await stream.WriteAsync(content, stop);
    };

    private static Answer Status(int code) => (stream, stop) => Head(stream, $"{code} So\r\nContent-Length: 0", stop);

    private static Answer Gzipped(byte[]? content, Func<byte[], byte[]>? damage = null)
    {
        if (content is null) return Status(404);
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest)) gzip.Write(content);
        byte[] bytes = damage is null ? packed.ToArray() : damage(packed.ToArray());
        return async (stream, stop) =>
        {
            await Head(stream, $"200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {bytes.Length}", stop);
            await stream.WriteAsync(bytes, stop);
        };
    }

    private static Answer Endless() => async (stream, stop) =>
    {
        await Head(stream, "200 OK", stop);
        for (byte[] chunk = new byte[1 << 16]; ;) await stream.WriteAsync(chunk, stop);
    };

    private static Answer Trickle(int everyMs) => async (stream, stop) =>
    {
        await Head(stream, "200 OK\r\nContent-Length: 8192", stop);
        for (byte[] one = [0]; ; await Task.Delay(everyMs == 0 ? -1 : everyMs, stop)) await stream.WriteAsync(one, stop);
    };

    private static async Task Short(Stream stream, CancellationToken stop)
    {
        await Head(stream, "200 OK\r\nContent-Length: 8192", stop);
        await stream.WriteAsync(new byte[100], stop);
    }

    private static async Task Head(Stream stream, string status, CancellationToken stop) =>
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\nConnection: close\r\n\r\n"), stop);

    private delegate Task Answer(Stream stream, CancellationToken stop);

    /// <summary>A web server that answers each request as it is told, rightly or wrongly, and closes.</summary>
    private sealed class RawServer : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly CancellationTokenSource _stop = new();
        private readonly Func<string, Answer> _answer;

        public RawServer(Func<string, Answer> answer)
        {
            _answer = answer;
            _listener.Start();
            Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
            _ = AcceptAsync();
        }

        public int Port { get; }

        public void Dispose()
        {
            _stop.Cancel();
            _listener.Dispose();
            _stop.Dispose();
        }

        private async Task AcceptAsync()
        {
            CancellationToken stop = _stop.Token;
            while (!stop.IsCancellationRequested)
            {
                try
                {
                    _ = ServeAsync(await _listener.AcceptTcpClientAsync(stop), stop);
                }
                catch (Exception ended) when (ended is OperationCanceledException or SocketException or ObjectDisposedException)
                {
                    return;
                }
            }
        }

        private async Task ServeAsync(TcpClient client, CancellationToken stop)
        {
            using (client)
            {
                try
                {
                    using var reader = new StreamReader(client.GetStream(), Encoding.ASCII, leaveOpen: true);
                    string request = await reader.ReadLineAsync(stop) ?? "";
                    while (await reader.ReadLineAsync(stop) is { Length: > 0 }) { }
                    await _answer(request.Split(' ')[1].TrimStart('/'))(client.GetStream(), stop);
                }
                catch (Exception ended) when (ended is OperationCanceledException or IOException or ObjectDisposedException)
                {
                    return;
                }
            }
        }
    }
}
