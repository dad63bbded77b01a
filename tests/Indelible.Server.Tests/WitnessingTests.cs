using System.Diagnostics;
using System.Net;
using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Format.Verification;
using Indelible.Ledger;
using Indelible.Ledger.Following;
using Indelible.Ledger.Stores;
using Indelible.Server.Mirroring;
using Indelible.Server.Witnessing;
using Indelible.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>A ledger, its witnesses and a mirror, each on its own port.</summary>
public sealed class WitnessingTests : IAsyncLifetime
{
    private const string Origin = "example.org/witnessed";
    private readonly string _root = Directory.CreateTempSubdirectory("indelible-witness-").FullName;
    private readonly List<(CancellationTokenSource Stop, Task Running, IDisposable Host)> _running = [];
    private readonly Told _told = new();
    private string _key = "";

    private string Home => Path.Combine(_root, "primary");

    public async ValueTask InitializeAsync() =>
        _key = (await NewLedger.CreateAsync(Paths(Home), Origin, CancellationToken.None)).VerifierKey;

    public async ValueTask DisposeAsync()
    {
        foreach ((CancellationTokenSource stop, Task running, IDisposable host) in _running) await StopAsync(stop, running, host);
        await _told.DisposeAsync();
        Directory.Delete(_root, recursive: true);
    }

    [Fact]
    public async Task Heads_are_cosigned_by_the_quorum_and_sealing_waits_for_no_witness()
    {
        (WitnessHost one, string first) = await StartWitnessAsync("one");
        (WitnessHost two, string second) = await StartWitnessAsync("two");
        string policy = await PolicyAsync((one.Key, first), (two.Key, second));
        IndelibleConfig config = Config(policy);
        await LiveLedger.RunningAsync(OpenToldAsync(Home, config), async host =>
        {
            await SealAsync(host, 300);
            await UntilAsync(() => Cosigned(Home) == 300);
            await StopAsync(_running[1].Stop, _running[1].Running, _running[1].Host);
            await SealAsync(host, 300);
            Assert.Equal(600, host.Writer.PublishedSize);
            await UntilAsync(() => host.Witnessing!.Problems.Count == 1
                && _told.ToString().Contains("\"alert\":\"witness-stale\",\"state\":\"raised\"", StringComparison.Ordinal));
            Assert.Equal(300, Cosigned(Home));
            using HttpClient client = new();
            Assert.Contains("\n600\n", await client.GetStringAsync($"{host.Address}/checkpoint"), StringComparison.Ordinal);
            Assert.Contains("\n300\n", await client.GetStringAsync($"{host.Address}/checkpoint.cosigned"), StringComparison.Ordinal);
            Assert.Equal((Verdict.Verified, 300), Verify(Home, policy));         // what the policy accepts is the cosigned head
            Assert.Equal((Verdict.Verified, 600), Verify(Home, null));

            await StartWitnessAsync("two", second);
            await UntilAsync(() => Cosigned(Home) == 600 && host.Witnessing!.Problems.Count == 0);
            await UntilAsync(() => _told.ToString().Contains("\"alert\":\"witness-stale\",\"state\":\"over\"", StringComparison.Ordinal));
            Assert.Equal((Verdict.Verified, 600), Verify(Home, policy));
            string hash = Witness.HashOf(Origin);
            Assert.Contains("\n600\n", await client.GetStringAsync($"{first}/{hash}/checkpoint"), StringComparison.Ordinal);
            Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync($"{first}/{new string('0', 64)}/checkpoint")).StatusCode);
        });
    }

    [Fact]
    public async Task A_history_rewritten_or_put_back_is_refused_by_the_witness_and_ends_run()
    {
        (WitnessHost witness, string address) = await StartWitnessAsync("one");
        IndelibleConfig config = Config(await PolicyAsync((witness.Key, address)));
        await RunAsync(Home, config, 100);
        string before = Path.Combine(_root, "before");
        await Copying.AsIsAsync(Home, before);
        await RunAsync(Home, config, 150);

        string longer = Path.Combine(_root, "longer");
        await Copying.AsIsAsync(before, longer);
        // Put back: the witness shows a head, signed with the key, that this ledger does not reach.
        CopyContradictsException back = await Assert.ThrowsAsync<CopyContradictsException>(() => RunToldAsync(before, config));
        Assert.Contains("rolled back or rewritten", back.Message, StringComparison.Ordinal);
        Assert.Contains("\"alert\":\"run-ended\"", _told.ToString(), StringComparison.Ordinal);

        // Gone on with, on another way, with the true key in hand.
        await RunAsync(longer, new IndelibleConfig { Listen = "127.0.0.1:0" }, 400);
        CopyContradictsException rewritten = await Assert.ThrowsAsync<CopyContradictsException>(() => RunToldAsync(longer, config));
        Assert.Contains("does not contain it", rewritten.Message, StringComparison.Ordinal);
        Assert.Equal(100, Cosigned(longer));
        // The proof out of the other history says what that one holds: the witness keeps it.
        string evidence = Assert.Single(Directory.GetFiles(Path.Combine(_root, "one"), "*.misbehaviour", SearchOption.AllDirectories));
        Assert.Equal(Verdict.Verified, EvidenceVerifier.Verify(await File.ReadAllBytesAsync(evidence), Policy.ForKey(Key())).Verdict);
    }

    [Fact]
    public async Task Two_witnesses_that_were_shown_different_histories_are_found_out_by_a_mirror_that_asks_both()
    {
        (WitnessHost one, string first) = await StartWitnessAsync("one");
        (WitnessHost two, string second) = await StartWitnessAsync("two");
        await RunAsync(Home, new IndelibleConfig { Listen = "127.0.0.1:0" }, 100);
        string other = Path.Combine(_root, "other");
        await Copying.AsIsAsync(Home, other);
        await RunAsync(Home, Config(await PolicyAsync((one.Key, first))), 50);
        await RunAsync(other, Config(await PolicyAsync((two.Key, second))), 70);

        MirrorConfig mirror = new() { Directory = Path.Combine(_root, "copies"), IntervalSeconds = 1, Compare = [first, second] };
        mirror.Ledgers["crm"] =
            new MirroredLedgerConfig { From = Path.Combine(Home, "ledger"), Key = _key, To = Path.Combine(_root, "copies", "crm") };
        IndelibleConfig config = new() { Listen = "127.0.0.1:0", Mirror = mirror };
        using (MirrorHost host = MirrorHost.Open(config, TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None))
        {
            // The other history is longer: it is remembered until the copy has got there.
            Assert.Equal(ExitCode.Fine, await host.OnceAsync(CancellationToken.None));
            await RunAsync(Home, Config(await PolicyAsync((one.Key, first))), 100);
            Assert.Equal(ExitCode.Finding, await host.OnceAsync(CancellationToken.None));
            MirrorStatus status = Assert.Single(host.Status());
            Assert.Equal(("stopped", 250), (status.State, status.Size));
            VerificationReport report =
                EvidenceVerifier.Verify(await File.ReadAllBytesAsync(Assert.Single(status.Evidence)), Policy.ForKey(Key()));
            Assert.Equal((Verdict.Verified, 170, 250), (report.Verdict, report.Misbehaviour!.Size, report.TreeSize));
        }
    }

    [Theory]
    [InlineData("", "quorum none", "expected this ledger")]
    [InlineData("log", "quorum none", "expected a quorum of witnesses")]
    [InlineData("log", "quorum x", "expected the name of a witness")]
    public async Task A_policy_that_cannot_be_met_is_refused_at_the_start(string log, string quorum, string words)
    {
        string path = Path.Combine(_root, "bad.policy");
        await File.WriteAllTextAsync(path, $"{(log.Length > 0 ? $"log {_key}" : "")}\n{quorum}\n");
        await using LedgerHost host = await OpenAsync(Home, Config(path));
        IndelibleException refused = await Assert.ThrowsAsync<IndelibleException>(() => host.RunAsync(null, CancellationToken.None));
        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.Contains(words, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_witness_whose_clock_is_wrong_is_not_counted()
    {
        (WitnessHost witness, string address) = await StartWitnessAsync("one", time: new Shifted(TimeSpan.FromHours(1)));
        await LiveLedger.RunningAsync(OpenAsync(Home, Config(await PolicyAsync((witness.Key, address)))), async host =>
        {
            await SealAsync(host, 10);
            await UntilAsync(
                () => host.Witnessing!.Problems.Any(problem => problem.Contains("set the clock that is wrong", StringComparison.Ordinal)));
        });
        Assert.False(File.Exists(Path.Combine(Home, "ledger", "checkpoint.cosigned")));
    }

    private static LedgerPaths Paths(string home) => LedgerPaths.For(Path.Combine(home, "ledger"));

    private VerifierKey Key() => VerifierKey.Parse(_key, out VerifierKey? key).IsNone ? key! : throw new InvalidOperationException(_key);

    private static IndelibleConfig Config(string policy) => new()
    {
        Listen = "127.0.0.1:0", Witnesses = new WitnessesConfig { Policy = policy, IntervalSeconds = 1, StaleSeconds = 2 },
        Alerts = new Alerts.AlertsConfig { IntervalSeconds = 1 },
    };

    private static Task<LedgerHost> OpenAsync(string home, IndelibleConfig config) =>
        LedgerHost.OpenAsync(Paths(home), config, TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);

    private async Task RunToldAsync(string home, IndelibleConfig config)
    {
        await using LedgerHost host = await OpenToldAsync(home, config);
        await host.RunAsync(control: null, CancellationToken.None).WaitAsync(Patience.Max);
    }

    private async Task<LedgerHost> OpenToldAsync(string home, IndelibleConfig config)
    {
        LedgerHost host = await OpenAsync(home, config);
        host.StandardError = _told;
        return host;
    }

    /// <summary>Seals entries and, if there are witnesses, has them cosigned.</summary>
    private static Task RunAsync(string home, IndelibleConfig config, int count) =>
        LiveLedger.RunningAsync(OpenAsync(home, config), async host =>
    {
        await SealAsync(host, count);
        if (config.Witnesses is not null) await UntilAsync(() => Cosigned(home) == host.Writer.PublishedSize);
    });

    private static async Task SealAsync(LedgerHost host, int count)
    {
        EntryBatch entries = new();
        for (int i = 0; i < count; i++) host.NewMaker("").AddGuard(entries, GuardCode.Rights);
        await host.SealAsync(entries, CancellationToken.None);
        await host.PublishAsync(CancellationToken.None);
    }

    private async Task<(WitnessHost Host, string Address)> StartWitnessAsync(
        string name, string address = "http://127.0.0.1:0", TimeProvider? time = null)
    {
        WitnessConfig witness = new() { Name = $"witness.example/{name}", Directory = Path.Combine(_root, name),
            KeyFile = Path.Combine(_root, $"{name}.key"), Logs = [new WitnessedLogConfig { Key = _key }] };
        WitnessHost host = WitnessHost.Open(new IndelibleConfig { Listen = new Uri(address).Authority, Witness = witness },
            time ?? TimeProvider.System, NullLoggerFactory.Instance);
        CancellationTokenSource stop = new();
        Task running = host.RunAsync(stop.Token);
        _running.Add((stop, running, host));
        await Task.WhenAny(host.Listening, running);
        return (host, await host.Listening);
    }

    private async Task<string> PolicyAsync(params (VerifierKey Key, string Address)[] witnesses)
    {
        string path = Path.Combine(_root, $"policy{witnesses.Length}{witnesses[0].Key.Id:x8}");
        string lines = string.Concat(witnesses.Select((witness, i) => $"witness w{i} {witness.Key} {witness.Address}\n"));
        await File.WriteAllTextAsync(
            path, $"log {_key}\n{lines}group g all {string.Join(' ', witnesses.Select((_, i) => $"w{i}"))}\nquorum g\n");
        return path;
    }

    private (Verdict, long) Verify(string home, string? policy)
    {
        Policy? asked = Policy.ForKey(Key());
        if (policy is not null) Assert.True(Policy.Parse(File.ReadAllBytes(policy), out asked).IsNone);
        using LedgerFetch files = LedgerFetch.FromDirectory(Paths(home).Ledger);
        VerificationReport report = new LedgerVerifier(files.Fetch, files.OpenFile) { Policy = asked }.Verify(CancellationToken.None);
        return (report.Verdict, report.TreeSize);
    }

    private static long Cosigned(string home) => Path.Combine(home, "ledger", "checkpoint.cosigned") is var path && File.Exists(path)
        ? long.Parse(File.ReadAllLines(path)[1], System.Globalization.CultureInfo.InvariantCulture)
        : 0;

    private static async Task UntilAsync(Func<bool> holds)
    {
        for (Stopwatch watch = Stopwatch.StartNew(); !holds(); await Task.Delay(50))
            Assert.True(watch.Elapsed < Patience.Max, "it did not come");
    }

    private static async Task StopAsync(CancellationTokenSource stop, Task running, IDisposable host)
    {
        if (stop.IsCancellationRequested) return;
        await stop.CancelAsync();
        await running;
        host.Dispose();
    }

    /// <summary>What was told so far; any thread.</summary>
    private sealed class Told : TextWriter
    {
        private readonly System.Text.StringBuilder _text = new();

        public override System.Text.Encoding Encoding => System.Text.Encoding.UTF8;

        public override Task WriteAsync(ReadOnlyMemory<char> buffer, CancellationToken cancellationToken = default)
        {
            lock (_text) _text.Append(buffer.Span);
            return Task.CompletedTask;
        }

        public override string ToString()
        {
            lock (_text) return _text.ToString();
        }
    }

    private sealed class Shifted(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UtcNow + by;
    }
}
