using System.Diagnostics.Metrics;
using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Index;
using Indelible.Ledger;
using Indelible.Server.Alerts;
using Indelible.Server.Anchoring;
using Indelible.Server.Control;
using Indelible.Server.Http;
using Indelible.Server.Replication;
using Indelible.Server.Succeeding;
using Indelible.Server.Witnessing;
using Microsoft.Extensions.Logging;

namespace Indelible.Server;

/// <summary>The one process that holds a ledger: keyring, writer and index, and, while it runs, publisher, sources,
/// HTTP and control socket.</summary>
/// <remarks>Open it, then either <see cref="RunAsync"/>, or seal a few entries and dispose.
/// Everything sealed is published when it is disposed.</remarks>
public sealed class LedgerHost : IAsyncDisposable
{
    /// <summary>For the index to reach what the sources sealed last, before alerts are told for the last time.</summary>
    private static readonly TimeSpan IndexPatience = TimeSpan.FromSeconds(5);

    private readonly SourceSet _sources;
    private readonly SemaphoreSlim _rebuilding = new(1);
    private readonly TaskCompletionSource<string> _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ILogger _logger;
    private readonly long _openedSize;
    private bool? _isHeld;
    private AlertDelivery? _alerts;
    private SelfVerification? _verification;
    private Copies? _copies;
    private TimeStamping? _stamping;
    private WitnessRounds? _witnesses;

    private LedgerHost(LedgerPaths paths, IndelibleConfig config, LedgerWriter writer, LedgerView view, TimeProvider time, ILogger logger)
    {
        Paths = paths;
        Config = config;
        Writer = writer;
        View = view;
        Time = time;
        _logger = logger;
        _openedSize = writer.TreeSize;
        _sources = new SourceSet(this, logger);
        Metrics = new LedgerMetrics(
            () => Writer.TreeSize, () => PublishedSize, LagBytes, LagSeconds, SilentSeconds, AlertsPending, LastPass, () => _copies);
        Writer.Published += View.Feed.Offer;
    }

    /// <summary>Where everything is.</summary>
    public LedgerPaths Paths { get; }
    /// <summary>The configuration it runs with.</summary>
    public IndelibleConfig Config { get; }
    /// <summary>The keys.</summary>
    public Keyring Keyring => View.Keyring;
    /// <summary>The ledger's only writer.</summary>
    public LedgerWriter Writer { get; }
    /// <summary>Reader, index and keyring: what queries need.</summary>
    public LedgerView View { get; }
    /// <summary>The clock.</summary>
    public TimeProvider Time { get; }
    /// <summary>Completes with the HTTP address once <see cref="RunAsync"/> answers there.</summary>
    public Task<string> Listening => _listening.Task;
    /// <summary>How each source that runs stands.</summary>
    public IReadOnlyList<SourceStatus> Sources => _sources.Status();
    /// <summary>Who was told what, while it runs; else as it was left.</summary>
    public IReadOnlyList<AlertTargetStatus> AlertTargets =>
        _alerts?.Status() ?? [.. AlertSenders.Names(Config.Alerts).Select(target => AlertTargetStatus.Of(target.Name, target.Kind, View))];
    /// <summary>How it stands with each time-stamp authority, while it runs; else empty.</summary>
    public IReadOnlyList<TimeStampStatus> TimeStamps => _stamping?.Status() ?? [];
    /// <summary>How the copies stand, while it runs; else as they were left.</summary>
    public IReadOnlyList<TargetStatus> Copies =>
        _copies?.Status() ?? [.. Config.Targets.Select(target => TargetStatus.Of(target.Key, target.Value, View))];
    /// <summary>How the ledger's verification of itself stands; null if it does not verify itself now.</summary>
    public VerificationStatus? Verification => _verification?.Status();
    /// <summary>How far its heads are cosigned; null if no witness is asked now.</summary>
    public WitnessingStatus? Witnessing => _witnesses?.Status();
    /// <summary>Where alerts go that are meant for standard error. Set before it runs.</summary>
    public TextWriter StandardError { get; set; } = TextWriter.Null;
    /// <summary>True inside <see cref="RunAsync"/>.</summary>
    public bool IsRunning { get; private set; }
    /// <summary>The HTTP address while it runs; else null.</summary>
    public string? Address { get; private set; }
    internal LedgerMetrics Metrics { get; }
    /// <summary>Entries that are held by as many copies as must hold them before a position is confirmed.</summary>
    internal long HeldSize => _copies?.HeldSize ?? (Config.ConfirmAfter == 0 && Paths.Store is null ? long.MaxValue : 0);
    /// <summary>Waits while too much waits for the ledger's own bucket.</summary>
    internal Task RoomAsync(CancellationToken cancellationToken) => _copies?.RoomAsync(cancellationToken) ?? Task.CompletedTask;
    /// <summary>True if the ledger is under a legal hold; null while that is not known, and of a closed ledger,
    /// of which its successor knows.</summary>
    internal bool? IsHeld
    {
        get
        {
            if (Writer.Successor is not null) return null;
            return _isHeld ??= View.Index.IndexedSize < _openedSize ? null : LegalHolds.InForce(View).ContainsKey(Writer.Origin);
        }
        set => _isHeld = value;
    }
    /// <summary>Entries under the published head: of a ledger in a bucket, those the bucket was seen to hold.</summary>
    public long PublishedSize => Paths.Store is null ? Writer.PublishedSize
        : Path.Exists(Paths.PublishedHeadPath) ? View.Published.ReadCheckpoint().Size
        : 0;    // a successor was not shown yet
    /// <summary>How the bucket stands that the ledger lives in, while it runs, else as it was left;
    /// null if it lives in its directory.</summary>
    public TargetStatus? Store => Paths.Store is null
        ? null
        : _copies?.Store() ?? TargetStatus.Of(StoreConfig.Name, Config.Store!.AsTarget(), View);

    /// <summary>Takes the ledger's lock, recovers what was sealed and not published, opens keyring and index.
    /// The index may trail: <see cref="PublishAsync"/>
    /// brings it up, and <see cref="RunAsync"/> does, beside capturing.</summary>
    /// <param name="paths">Where everything is.</param>
    /// <param name="config">What to run with.</param>
    /// <param name="time">The clock.</param>
    /// <param name="loggers">Where it logs.</param>
    /// <param name="cancellationToken">Ends opening.</param>
    /// <param name="acceptMissingGuard">See <see cref="LedgerOptions.AcceptMissingGuard"/>.</param>
    /// <exception cref="IndelibleException">No key, the wrong key, another process holds the ledger, a rollback,
    /// a successor that is not whole yet.</exception>
    /// <exception cref="LedgerCorruptException">The ledger contradicts itself.</exception>
    public static Task<LedgerHost> OpenAsync(
        LedgerPaths paths, IndelibleConfig config, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken,
        bool acceptMissingGuard = false) =>
        OpenAsync(paths, config, time, loggers, cancellationToken, acceptMissingGuard, isOpening: false);

    /// <summary>The same, also for who makes a successor whole.</summary>
    internal static async Task<LedgerHost> OpenAsync(
        LedgerPaths paths, IndelibleConfig config, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken,
        bool acceptMissingGuard, bool isOpening)
    {
        if (!isOpening) OpeningMark.RequireNone(paths);
        ILogger logger = loggers.CreateLogger("Indelible.Server");
        LedgerWriter.RequireFree(paths);    // before the keyring, whose lock does not know who has it
        Keyring keyring = LedgerView.OpenKeyring(paths);
        LedgerWriter? writer = null;
        LedgerView? view = null;
        try
        {
            if (config.Origin is { } origin && origin != keyring.Origin)
            {
                throw new IndelibleException(ExitCode.Usage,
                    $"expected a ledger of origin {origin}, as the configuration says, found {keyring.Origin} in {paths.Keyring}");
            }
            LedgerWriter.FinishHandOver(paths, keyring);
            LedgerOptions options =
                new() { PublishInterval = TimeSpan.FromMilliseconds(config.PublishIntervalMs), AcceptMissingGuard = acceptMissingGuard };
            writer = await LedgerWriter.OpenAsync(
                paths, keyring.LedgerKeys, time, loggers.CreateLogger("Indelible.Ledger"), options, cancellationToken);
            view = await LedgerView.OpenAsync(paths, keyring, time, logger, cancellationToken);
            if (paths.Store is null) view.Feed.RequireOwn();
            ServerLog.Opened(logger, keyring.Origin, writer.TreeSize, writer.PublishedSize);
            return new LedgerHost(paths, config, writer, view, time, logger);
        }
        catch
        {
            if (writer is not null) await writer.DisposeAsync();
            if (view is null) keyring.Dispose();
            else view.Dispose();
            throw;
        }
    }

    /// <summary>Seals entries that come from no source's log; their keys and they are durable when it returns.</summary>
    public async Task<SealedBatch> SealAsync(EntryBatch entries, CancellationToken cancellationToken) =>
        (await Pipeline.SealAsync(Keyring, Writer, [entries], cancellationToken))[0];

    /// <summary>Makes entries about a source; empty for entries that are about none.</summary>
    public EntryMaker NewMaker(string source) => new(Keyring, source, Time);

    /// <summary>Publishes everything sealed and indexes it: what was sealed before the call is found by queries after it.</summary>
    public async Task PublishAsync(CancellationToken cancellationToken)
    {
        await Writer.PublishAsync(cancellationToken);
        await View.Feed.CatchUpAsync(cancellationToken);
    }

    /// <summary>Brings the bucket that the ledger lives in up to what is staged, in a host that does not run.
    /// Nothing happens for another ledger.</summary>
    /// <exception cref="IndelibleException">It cannot be reached, or refuses.</exception>
    /// <exception cref="CopyContradictsException">It holds what this ledger does not contain.</exception>
    public async Task StoreAsync(CancellationToken cancellationToken)
    {
        if (Paths.Store is null || IsRunning) return;
        await new Copies(this, new Conditions(Time), _logger).StoreOnceAsync(cancellationToken);
    }

    /// <summary>Waits, in a host that does not run, until everything published is held by the bucket that the ledger lives in,
    /// and by as many copies as must hold a position before it is confirmed.</summary>
    internal Task UntilHeldAsync(Action<string> waiting, CancellationToken cancellationToken) =>
        Paths.Store is null && Config.ConfirmAfter == 0
            ? Task.CompletedTask
            : new Copies(this, new Conditions(Time), _logger).UntilHeldAsync(waiting, cancellationToken);

    /// <summary>Hands the ledger over to the keyring's next signing key, in the directory or the bucket that it lives in.
    /// Durable when it returns.</summary>
    internal Task<Handover> HandOverAsync(CancellationToken cancellationToken) =>
        Paths.Store is null ? Writer.HandOverAsync(Keyring, cancellationToken)
        : _copies is { } running ? running.HandOverAsync(cancellationToken)
        : new Copies(this, new Conditions(Time), _logger).HandOverOnceAsync(cancellationToken);

    /// <summary>Captures, seals, publishes, indexes and serves until cancelled; then drains, seals coverage,
    /// publishes and returns.</summary>
    /// <param name="control">Executes forwarded commands; null: no control socket.</param>
    /// <param name="cancellationToken">Ends it cleanly.</param>
    public async Task RunAsync(ControlHandler? control, CancellationToken cancellationToken)
    {
        Policy? policy = Config.Witnesses is { } asked
            ? WitnessCheck.ReadPolicy(asked.Policy, Keyring.LedgerKeys.Signer.VerifierKey)
            : null;
        IsRunning = true;
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using CancellationTokenSource stopAlerts = new(), stopBehind = new();
        await using LoopbackService http = await LedgerHttp.StartAsync(
            ConfigFile.ListenAddress(Config), View.Published, NotReady, _logger, cancellationToken);
        Address = http.Address;
        _listening.TrySetResult(http.Address);
        AlertDelivery alerts = _alerts = new AlertDelivery(this, StandardError, _logger);
        Task telling = alerts.RunAsync(stopAlerts.Token);
        Copies copies = _copies = new Copies(this, alerts.Conditions, _logger);
        Task copying = copies.RunAsync(stopBehind.Token);
        Task[] behind = [Writer.RunAsync(stopBehind.Token), View.Feed.RunAsync(Time, stopBehind.Token), copying];
        List<Task> front = [];
        if (control is not null) front.Add(new ControlServer(ControlSocket.PathFor(Paths.Journal), control, _logger).RunAsync(stop.Token));
        WitnessRounds? witnesses = _witnesses = policy is null
            ? null
            : new WitnessRounds(this, Config.Witnesses!, policy, alerts.Conditions, _logger);
        Task witnessing = witnesses?.RunAsync(stop.Token) ?? Task.CompletedTask;
        if (witnesses is not null) front.Add(witnessing);
        Task contacted = copies.ContactedAsync(cancellationToken);
        Task answered = Task.WhenAny(witnessing, witnesses?.AskedAsync(cancellationToken) ?? Task.CompletedTask);
        await Task.WhenAny(copying, Task.WhenAll(contacted, answered));
        bool isClosed = Writer.Successor is not null;    // then it is served, copied and cosigned, and nothing is sealed
        if (isClosed) front.Add(Task.Delay(Timeout.Infinite, stop.Token));
        if (!isClosed && !copying.IsFaulted && !witnessing.IsFaulted) front.Add(_sources.RunAsync(stop.Token));
        if (!isClosed && Config.VerificationPercent > 0)
            front.Add((_verification = new SelfVerification(this, alerts.Conditions, _logger)).RunAsync(stop.Token));
        using TimeStamping? stamping = _stamping = !isClosed && Config.Timestamps is { Authorities.Count: > 0 } timestamps
            ? new TimeStamping(this, timestamps, alerts.Conditions, _logger)
            : null;
        if (stamping is not null) front.Add(stamping.RunAsync(stop.Token));
        if (!isClosed) front.Add(new CrosscheckSchedule(this, _logger).RunAsync(stop.Token));
        try
        {
            Task first = await Task.WhenAny([.. front, .. behind, telling]); // the first to end ends all: cancelled, or failed
            if (first.Exception is { InnerException: { } failure })
                alerts.Conditions.Set("run-ended", null, $"`indelible run` ends: {failure.Message}");
        }
        finally
        {
            await stop.CancelAsync();
            try
            {
                await EndedAsync(front, behind, telling, stopAlerts, stopBehind);
                await Writer.PublishAsync(CancellationToken.None); // the index, if it trails, is brought up when the ledger is opened again
            }
            finally
            {
                await copies.EndAsync();
                (IsRunning, Address, _alerts, _verification, _copies, _witnesses, _stamping) = (false, null, null, null, null, null, null);
            }
        }
        ServerLog.Stopped(_logger, Writer.TreeSize);
    }

    /// <summary>Makes the index again from the ledger; sources pause, and go on where they stopped.</summary>
    /// <param name="progress">Told how many entries are indexed, of how many.</param>
    /// <param name="cancellationToken">Stops; what is missing is indexed when it is asked for.</param>
    public async Task RebuildIndexAsync(Action<long, long> progress, CancellationToken cancellationToken)
    {
        await _rebuilding.WaitAsync(cancellationToken);    // two at once would start each other's sources too early
        string[] sources = [.. Config.Sources.Keys];
        try
        {
            foreach (string source in sources) await StopSourceAsync(source);
            await View.Feed.RebuildAsync(progress, cancellationToken);
        }
        finally
        {
            foreach (string source in sources) await StartSourceAsync(source);
            _rebuilding.Release();
        }
    }

    /// <summary>Drains and stops capturing one source. Nothing happens if it is not being captured.</summary>
    public Task StopSourceAsync(string source) => IsRunning ? _sources.StopAsync(source) : Task.CompletedTask;

    /// <summary>Captures one source as <see cref="Config"/> now says. Nothing happens unless this host runs.</summary>
    public Task StartSourceAsync(string source) => IsRunning ? _sources.StartAsync(source) : Task.CompletedTask;

    /// <summary>Captures one source until cancelled, in a host that does not run.</summary>
    internal Task CaptureAsync(string source, CancellationToken cancellationToken) => NewRunner(source).RunAsync(cancellationToken);

    /// <summary>What captures one source, in a host that does not run.</summary>
    internal SourceRunner NewRunner(string source) => new(source, Config.Sources[source], this, _logger);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Writer.DisposeAsync();
        View.Dispose();
        Metrics.Dispose();
        _rebuilding.Dispose();
    }

    private IEnumerable<Measurement<double>> LastPass() => Verification?.LastPass is { } at
        ? [new Measurement<double>(at.Micros / 1e6)]
        : [];

    private IEnumerable<Measurement<long>> AlertsPending() =>
        (_alerts?.Status() ?? [])
            .Select(target => new Measurement<long>(target.Pending, new KeyValuePair<string, object?>("target", target.Name)));

    private string? NotReady()
    {
        SourceStatus? lame = Sources.FirstOrDefault(source => source.State != "capturing");
        return lame is null ? null : $"source {lame.Source} is {lame.State}";
    }

    private IEnumerable<Measurement<long>> LagBytes() =>
        Sources.Select(source => new Measurement<long>(source.LagBytes, new KeyValuePair<string, object?>("source", source.Source)));

    private IEnumerable<Measurement<double>> LagSeconds() =>
        Sources.Select(
            source => new Measurement<double>(source.Lag.TotalSeconds, new KeyValuePair<string, object?>("source", source.Source)));

    private IEnumerable<Measurement<double>> SilentSeconds() =>
        Sources.Select(
            source => new Measurement<double>(source.Silence.TotalSeconds, new KeyValuePair<string, object?>("source", source.Source)));

    /// <summary>Sources end first, then whoever has something to tell, then what makes entries readable;
    /// also if one of them fails.</summary>
    private async Task EndedAsync(
        List<Task> front, Task[] behind, Task telling, CancellationTokenSource stopAlerts, CancellationTokenSource stopBehind)
    {
        try
        {
            try
            {
                await EndedAsync(front);
            }
            finally
            {
                await PublishLastAsync();
            }
        }
        finally
        {
            await stopAlerts.CancelAsync();
            await telling.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await stopBehind.CancelAsync();
            await EndedAsync([.. behind, telling]);
        }
    }

    /// <summary>Makes what the sources sealed as they ended readable, so that it is told of now.
    /// An index that is far behind is not waited for.</summary>
    private async Task PublishLastAsync()
    {
        await Writer.PublishAsync(CancellationToken.None);
        using CancellationTokenSource patience = new(IndexPatience, Time);
        try
        {
            await View.Feed.CatchUpAsync(patience.Token);
        }
        catch (Exception e)
            when (e is OperationCanceledException or IndexDiskException || (e is IndelibleException && Paths.Store is not null))
        {
            return; // it is brought up when the ledger is opened again
        }
    }

    /// <summary>Waits for tasks that were told to stop; their failures, not their cancellations, travel up.</summary>
    private static async Task EndedAsync(IEnumerable<Task> tasks)
    {
        foreach (Task task in tasks)
        {
            try
            {
                await task;
            }
            catch (OperationCanceledException)
            {
                continue; // told to
            }
        }
    }
}
