using Indelible.Capture;
using Indelible.Format.Entries;
using Indelible.Format.Notes;
using Indelible.Format.Verification;
using Indelible.Ledger;
using Indelible.Server;
using Indelible.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Indelible.Simulation.Tests;

/// <summary>What became of a run.</summary>
internal sealed record Outcome(ulong Trace, int Changes, int Kills, int PowerCuts, int Faults, int Cuts, long Calls);

/// <summary>One run from one seed: the product between a wire, a disk and a clock that do what the seed says.
/// docs/reliability.md.</summary>
/// <remarks>Everything happens on the one thread of the pool, one thing after the other:
/// after each thing that is done to it the product comes to rest before the next is done.
/// Keys and nonces are truly random; nothing that is traced or decided depends on them.</remarks>
internal sealed class Simulation : IAsyncDisposable
{
    private const string Origin = "example.org/simulated";
    private const int Steps = 400;
    /// <summary>For what should end soon to end, and for everything to be sealed at last.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(20);

    private readonly string _home = Directory.CreateDirectory(
        Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), $"indelible-sim-{Guid.NewGuid():n}")).FullName;
    private readonly Random _random;
    private readonly Trace _trace = new();
    private readonly SimClock _clock = new();
    private readonly SimDisk _disk;
    private readonly IndelibleConfig _config;
    private int _trouble;
    private Workload _workload = null!;
    private SimServer _server = null!;
    private TruthCheck _check = null!;
    private Protection _protection = null!;
    private SimProcess? _process;
    private SimWire? _wire;
    private Task? _session;
    private CancellationTokenSource _stop = new();
    private int _kills, _powerCuts, _faults, _cuts;

    private Simulation(int seed)
    {
        _random = new Random(seed);
        _disk = new SimDisk(_home, new Random(_random.Next()), _trace);
        _trouble = _random.Next(1, 12);
        _config = new IndelibleConfig { PublishIntervalMs = _random.Next(10, 1000), CoverageIntervalSeconds = _random.Next(1, 60) };
    }

    /// <summary>Runs a seed to its end.</summary>
    /// <exception cref="SimulationFailure">Something went wrong that must not.</exception>
    public static Task<Outcome> RunAsync(int seed) => Task.Run(async () =>
    {
        await using Simulation simulation = new(seed);
        return await simulation.RunAsync();
    });

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _process?.Dispose();
        if (_wire is not null) await _wire.DisposeAsync();
        _disk.Dispose();
        _trace.Dispose();
        _stop.Dispose();
        Directory.Delete(_home, recursive: true);
    }

    private async Task<Outcome> RunAsync()
    {
        await BeginAsync();
        for (int step = 0; step < Steps; step++)
        {
            if (_process is null) await StartAsync();
            else await StepAsync();
            await LookAsync();
        }
        await EndAsync();
        return new Outcome(_trace.Hash, _check.Changes, _kills, _powerCuts, _faults, _cuts, _disk.Calls);
    }

    private async Task BeginAsync()
    {
        LedgerPaths paths = LedgerPaths.For(Path.Combine(_disk.Root, "ledger"));
        await NewLedger.CreateAsync(paths, Origin, CancellationToken.None);
        await using (LedgerHost host =
            await LedgerHost.OpenAsync(paths, _config, _clock, NullLoggerFactory.Instance, CancellationToken.None))
        {
            _workload = new Workload(new Random(_random.Next()), host.Keyring.GetOrCreateAttributionSecret(SimProcess.Source));
            _server = new SimServer(_workload, new Random(_random.Next()), _clock, _trace);
            // as `protect` does
            await host.SealAsync(new EntryBatch { Mark = new SourceMark(SimProcess.Source, new Position(_server.End, 0), _server.End) },
                CancellationToken.None);
        }
        _disk.Attach();
        _check = new TruthCheck(_workload.Truth);
        _protection = SimTable.Protect(_workload.Tables, SimProcess.Source, SimServer.SystemId);
    }

    /// <summary>A process starts, and recovers; it may be ended or fail meanwhile.</summary>
    private async Task StartAsync()
    {
        _disk.Restart();
        string index = Path.Combine(_disk.Root, "index");
        if (_random.Next(12) == 0 && Directory.Exists(index)) Directory.Delete(index, recursive: true);
        Trouble(30);
        Task<SimProcess> starting = SimProcess.StartAsync(_disk.Root, _config, _clock);
        await FinishAsync(starting);
        if (starting.IsFaulted)
        {
            if (_disk.Ended is null && _disk.Fault is null)
                throw new SimulationFailure("the ledger does not open", starting.Exception.InnerException);
            Note();
            return;
        }
        _process = await starting;
        _trace.Note($"opened {_process.Host.Writer.TreeSize} {_process.Host.Writer.MarkOf(SimProcess.Source)?.Confirmable}");
        _check.Continue(_process.Host.View, _server.Confirmed);
        await RestAsync();
    }

    private async Task StepAsync()
    {
        switch (_random.Next(20))
        {
            case < 4: for (int i = _random.Next(1, 4); i > 0; i--) Commit(); break;
            case < 5: _server.Idle(); break;
            case < 8: Connect(); break;
            case < 13: _wire?.Deliver(_random.Next(4) switch { 0 => 1, 1 => 10_000, _ => _random.Next(1, 60) }); break;
            case < 14: _wire?.Keepalive(_random.Next(2) == 0); break;
            case < 15: _wire?.Arrive(); break;
            case < 18: await PassAsync(); break;
            default: await DisturbAsync(); break;
        }
        await RestAsync();
    }

    /// <summary>Entries that do not fit into one record: the process ends between it and the next.</summary>
    private void Commit()
    {
        _server.Commit();
        if (_workload.IsLong) _disk.EndAfterLong((Outage)_random.Next(2));
    }

    private Task PassAsync() => _clock.PassAsync(_random.Next(5) switch
    {
        0 => TimeSpan.FromTicks(_random.Next(1, 10_000)),
        1 => TimeSpan.FromSeconds(_random.Next(1, 40)),
        _ => TimeSpan.FromMilliseconds(_random.Next(1, 300)),
    }, RestAsync);

    private async Task DisturbAsync()
    {
        switch (_random.Next(12))
        {
            case 0: _clock.Step(TimeSpan.FromMilliseconds(_random.Next(-100_000_000, 100_000_000))); break;
            case 1: _server.Checkpoint(); break;
            case 2: Cut(); _server.Restart(); break;
            case 3: Cut(); break;
            case 4: await StopAsync(); break;
            case 5: End(); break;
            default: Trouble(1); break;
        }
    }

    /// <summary>One chance in so many that one of the next calls of the disk is the last, or fails.</summary>
    private void Trouble(int rarity)
    {
        if (_trouble == 0 || _random.Next(rarity * 12 / _trouble) > 0) return;
        int calls = _random.Next(1, 80);
        if (_random.Next(4) == 0) _disk.FailIn(calls, _random.Next(2) == 0);
        else _disk.EndIn(calls, (Outage)_random.Next(2));
    }

    private void Connect()
    {
        if (_session is not null) return;
        string root = _disk.Root;
        _wire = new SimWire(_server, new Random(_random.Next()), _trace, () => _disk.Root != root);
        _stop = new CancellationTokenSource();
        _session = _process!.CaptureAsync(_server, _wire, _protection, _stop.Token);
    }

    private void Cut()
    {
        if (_wire is not { IsOver: false }) return;
        _cuts++;
        _wire.Cut(_random.Next(3) == 0);
    }

    private void End() => _disk.End((Outage)_random.Next(2));

    /// <summary>What the last step came to: a session that ended, a process that is gone or has failed.</summary>
    private async Task LookAsync()
    {
        if (_disk.Offence is { } offence) throw new SimulationFailure(offence);
        if (_disk.Ended is not null) await GoneAsync();
        else if (_disk.Fault is not null && _process is not null) await FailedAsync();
        else if (_session is { IsCompleted: true })
        {
            if (_session.Exception is { InnerException: { } failure } && !(failure is IOException && _wire!.IsOver))
                throw new SimulationFailure("a session failed", failure);
            _session = null;
        }
        else if (_process?.Behind.FirstOrDefault(task => task.IsCompleted) is { } ended)
            throw new SimulationFailure("publishing or indexing ended", ended.Exception);
    }

    /// <summary>The process was ended from one moment to the next.</summary>
    private async Task GoneAsync()
    {
        _clock.Forget();
        await DropAsync();
        Note();
    }

    /// <summary>A call failed: the process notices, ends, and says why.</summary>
    private async Task FailedAsync()
    {
        long size = _process!.Host.Writer.TreeSize;
        await _clock.PassAsync(TimeSpan.FromSeconds(2), RestAsync);
        if (_disk.Ended is not null)
        {
            await GoneAsync();
            return;
        }
        if (!_process.Behind[0].IsFaulted && !_process.HasFailedToStop) throw new SimulationFailure($"nobody noticed: {_disk.Fault}");
        _trace.Note($"failed {size}");
        await DropAsync();
        if (_disk.Offence is { } offence) throw new SimulationFailure(offence);
        Note();
        if (_random.Next(3) == 0) End();
    }

    private async Task DropAsync()
    {
        if (_wire is not null) _wire.Cut(false);
        await _stop.CancelAsync();
        await RestAsync();
        if (_process is not null)
        {
            Task dropping = _process.DropAsync();
            await RestAsync();
            if (!dropping.IsCompleted) throw new SimulationFailure("a process that is gone does not let go");
            await dropping.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        (_process, _session, _wire) = (null, null, null);
        _clock.Forget();
    }

    private void Note()
    {
        if (_disk.Fault is not null) _faults++;
        if (_disk.Ended == Outage.Kill) _kills++;
        if (_disk.Ended == Outage.PowerCut) _powerCuts++;
    }

    /// <summary>A stop in good order.</summary>
    private async Task StopAsync()
    {
        await _stop.CancelAsync();
        if (_session is not null) await FinishAsync(_session);
        if (_disk.Ended is not null || _disk.Fault is not null) return;
        Task stopping = _process!.StopAsync();
        await FinishAsync(stopping);
        if (_disk.Ended is not null || _disk.Fault is not null) return;
        if (stopping.Exception is { InnerException: { } failure }) throw new SimulationFailure("it does not stop", failure);
        (_process, _session, _wire) = (null, null, null);
        _clock.Forget();
        _trace.Note($"stopped");
    }

    /// <summary>Nothing disturbs any more: everything committed is sealed before long, and everything holds.</summary>
    private async Task EndAsync()
    {
        _trace.Note($"end");
        _disk.Disarm();
        _trouble = 0;
        for (TimeSpan waited = TimeSpan.Zero; ; waited += Glance)
        {
            if (waited > Patience) throw new SimulationFailure("not everything was sealed in the end");
            if (_process is null) await StartAsync();
            else
            {
                Connect();
                await RestAsync();
                _wire?.Deliver(int.MaxValue);
                _wire?.Keepalive(true);
                _wire?.Arrive();
                await _clock.PassAsync(Glance, RestAsync);
            }
            await LookAsync();
            if (_process is not null && _server.Confirmed >= _server.End) break;
        }
        await VerifyAsync();
    }

    private async Task VerifyAsync()
    {
        await StopAsync();
        if (_process is not null) throw new SimulationFailure("trouble after the end");
        LedgerPaths paths = LedgerPaths.For(Path.Combine(_disk.Root, "ledger"));
        _disk.Dispose();
        await using (LedgerHost host =
            await LedgerHost.OpenAsync(paths, _config, _clock, NullLoggerFactory.Instance, CancellationToken.None))
        {
            _check.Continue(host.View, _server.Confirmed);
            _check.RequireAll();
            TruthCheck again = new(_workload.Truth);
            again.Continue(host.View, _server.Confirmed);
            again.RequireAll();
            await host.View.Feed.CatchUpAsync(CancellationToken.None);
        }
        IReadOnlyList<byte[]> entries = await LedgerCheck.PublishedAsync(paths.Ledger, Origin, CancellationToken.None);
        IndexCheck.All(paths.Index, Origin, entries);
        using LedgerFetch files = LedgerFetch.FromDirectory(paths.Ledger);
        VerificationReport report =
            new LedgerVerifier(files.Fetch, files.OpenFile) { Policy = Policy.ForKey(VerifierKeyOf(paths)) }.Verify(CancellationToken.None);
        if (report.Verdict != Verdict.Verified) throw new SimulationFailure(ReportText.ToText(report));
        _trace.Note($"verified {entries.Count}");
    }

    private static VerifierKey VerifierKeyOf(LedgerPaths paths)
    {
        using MasterKey master = MasterKey.Load(paths.Keyring);
        using Keyring keyring = Keyring.Open(paths.Keyring, master);
        return keyring.LedgerKeys.Signer.VerifierKey;
    }

    /// <summary>Lets what was set going go on, and time pass, until it has ended.</summary>
    private async Task FinishAsync(Task task)
    {
        await RestAsync();
        for (TimeSpan waited = TimeSpan.Zero; !task.IsCompleted && _disk.Ended is null; waited += Glance)
        {
            if (waited > Patience) throw new SimulationFailure("it does not end");
            await _clock.PassAsync(Glance, RestAsync);
        }
    }

    /// <summary>Until nothing is left to do on the one thread.</summary>
    private static async Task RestAsync()
    {
        do await Task.Yield();
        while (ThreadPool.PendingWorkItemCount > 0);
    }
}
