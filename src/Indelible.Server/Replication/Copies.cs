using System.Diagnostics.Metrics;
using Indelible.Format.Notes;
using Indelible.Format;
using Indelible.Ledger;
using Indelible.Ledger.Stores;
using Indelible.Server.Alerts;
using Microsoft.Extensions.Logging;

namespace Indelible.Server.Replication;

/// <summary>The copies that <c>run</c> keeps, each by a loop of its own.</summary>
internal sealed class Copies
{
    /// <summary>How long sources wait, at a start, for the copies to say what they hold:
    /// a ledger that was rolled back is then found out before anything is sealed.</summary>
    private static readonly TimeSpan ContactPatience = TimeSpan.FromSeconds(5);
    /// <summary>For a last round when the process stops.</summary>
    private static readonly TimeSpan LastPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Glance = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan TellPatience = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan SpoolPause = TimeSpan.FromMilliseconds(50);

    private readonly LedgerHost _host;
    private readonly Conditions _conditions;
    private readonly Target[] _targets;
    private readonly Target? _store;
    private readonly Spool? _spool;
    private long _storedSize;

    public Copies(LedgerHost host, Conditions conditions, ILogger logger)
    {
        (_host, _conditions) = (host, conditions);
        _targets = [.. host.Config.Targets.Select(target => new Target(target.Key, target.Value, host, conditions, logger))];
        if (host.Paths.Store is not { } place)
        {
            host.Writer.Published += Offer;
            return;
        }
        StoreConfig config = host.Config.Store!;
        Spool spool = _spool = new Spool(host.Paths, (long)config.SpoolMiB << 20, host.PublishedSize, host.Writer.PublishedSize);
        _store = new Target(StoreConfig.Name, config.AsTarget(), host, conditions, logger, place) { Advanced = Stored };
        host.Writer.Published += staged =>
        {
            spool.Add(staged);
            _store.Offer(staged);
        };
    }

    /// <summary>Entries that the ledger's own bucket holds, if it has one, and as many copies as the policy asks for,
    /// before a position is confirmed; everything, if neither is to hold any.</summary>
    public long HeldSize => Math.Min(_store?.Size ?? long.MaxValue,
        _host.Config.ConfirmAfter == 0
            ? long.MaxValue
            : _targets.Select(target => target.Size).OrderDescending().ElementAt(_host.Config.ConfirmAfter - 1));

    /// <summary>How each stands.</summary>
    public IReadOnlyList<TargetStatus> Status() => [.. _targets.Select(target => target.Status())];

    /// <summary>How the ledger's own bucket stands; null if it has none.</summary>
    public TargetStatus? Store() => _store?.Status();

    /// <summary>Bytes of entries that wait for it.</summary>
    public long SpoolLength => _spool?.Length ?? 0;

    /// <summary>Waits while as much waits for the ledger's own bucket as may: the database then keeps what it logs.</summary>
    public async Task RoomAsync(CancellationToken cancellationToken)
    {
        while (_spool is { IsFull: true } && !cancellationToken.IsCancellationRequested)
            await Task.Delay(SpoolPause, _host.Time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Waits a little for every copy to answer, or to fail.</summary>
    public async Task ContactedAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(ContactPatience);
        await Task.WhenAll(All.Select(target => target.Contacted)).WaitAsync(patience.Token)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Copies until cancelled.</summary>
    /// <exception cref="CopyContradictsException">A copy shows that this ledger was rolled back or rewritten.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task[] running = [WatchAsync(stop.Token), .. All.Select(target => target.RunAsync(stop.Token))];
        Task first = await Task.WhenAny(running);
        await stop.CancelAsync();
        await Task.WhenAll(running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await first;
    }

    /// <summary>Brings the copies up to what is published, if they are well, and lets go of them. After <see cref="RunAsync"/>.</summary>
    public async Task EndAsync()
    {
        using CancellationTokenSource patience = new(LastPatience, _host.Time);
        // The store first: what it does not hold is not published, and in no copy.
        foreach (IEnumerable<Target> those in (IEnumerable<Target>[])[All.Take(_store is null ? 0 : 1), _targets])
        {
            IEnumerable<Target> well = those.Where(target => target.Status().Problem is null);
            await Task.WhenAll(well.Select(target => target.RoundAsync(patience.Token)))
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        foreach (Target target in All) await target.CloseAsync();
    }

    /// <summary>Hands the ledger over to the keyring's next signing key, in the bucket that it lives in.</summary>
    public Task<Handover> HandOverAsync(CancellationToken cancellationToken) => _store!.HandOverAsync(cancellationToken);

    /// <summary>The same in a host that does not run.</summary>
    public async Task<Handover> HandOverOnceAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await HandOverAsync(cancellationToken);
        }
        finally
        {
            await _store!.CloseAsync();
        }
    }

    /// <summary>Brings the ledger's own bucket up to what is staged, in a host that does not run, and lets go of it.</summary>
    public async Task StoreOnceAsync(CancellationToken cancellationToken)
    {
        if (_store is null) return;
        try
        {
            await _store.RoundAsync(cancellationToken);
        }
        finally
        {
            await _store.CloseAsync();
        }
    }

    /// <summary>Copies, in a host that does not run, until the ledger's own bucket, if it has one, holds everything,
    /// and then as many copies as must hold a position before it is confirmed.
    /// What fails is tried again, until cancelled.</summary>
    /// <param name="waiting">Told what is waited for, where that takes long.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task UntilHeldAsync(Action<string> waiting, CancellationToken cancellationToken)
    {
        try
        {
            long size = _host.Writer.PublishedSize;
            if (_store is { } store) await UntilAsync([store], 1, size, waiting, cancellationToken);
            await UntilAsync(_targets, _host.Config.ConfirmAfter, size, waiting, cancellationToken);
        }
        finally
        {
            foreach (Target target in All) await target.CloseAsync();
        }
    }

    public IEnumerable<Measurement<long>> Sizes() => AllStatus().Select(copy => new Measurement<long>(copy.Size, Tag(copy)));

    public IEnumerable<Measurement<long>> LagEntries() => AllStatus().Select(copy => new Measurement<long>(copy.LagEntries, Tag(copy)));

    public IEnumerable<Measurement<long>> Requests() =>
        AllStatus().Where(copy => copy.Requests is not null).SelectMany(copy => (Measurement<long>[])
    [
        new(copy.Requests!.Value.Puts, Tag(copy), new("request", "write")),
        new(copy.Requests.Value.Gets, Tag(copy), new("request", "read")),
        new(copy.Requests.Value.Lists, Tag(copy), new("request", "list")),
        new(copy.Requests.Value.Others, Tag(copy), new("request", "other")),
    ]);

    public IEnumerable<Measurement<double>> LagSeconds() =>
        AllStatus().Select(copy => new Measurement<double>(copy.Lag?.TotalSeconds ?? 0, Tag(copy)));

    public IEnumerable<Measurement<double>> LastSuccesses() => Times(copy => copy.LastSuccess);

    public IEnumerable<Measurement<double>> LastErrors() => Times(copy => copy.LastError?.At);

    private IEnumerable<Measurement<double>> Times(Func<TargetStatus, MicroTime?> time) => AllStatus().Where(copy => time(copy) is not null)
        .Select(copy => new Measurement<double>(time(copy)!.Value.Micros / 1e6, Tag(copy)));

    private IEnumerable<Target> All => _store is null ? _targets : [_store, .. _targets];

    private IEnumerable<TargetStatus> AllStatus() => All.Select(target => target.Status());

    private async Task UntilAsync(Target[] targets, int count, long size, Action<string> waiting, CancellationToken cancellationToken)
    {
        if (count == 0) return;
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task[] running = [.. targets.Select(target => target.RunAsync(stop.Token))];
        string told = "";
        for (long started = _host.Time.GetTimestamp(); targets.Count(target => target.Size >= size) < count
            && !Array.Exists(running, task => task.IsCompleted);)
        {
            await Task.WhenAny([.. running, Task.Delay(SpoolPause, _host.Time, stop.Token)]);
            if (_host.Time.GetElapsedTime(started) < TellPatience) continue;
            string wanted = targets.Length == 1
                ? targets[0].Name
                : $"{count} of {string.Join(", ", targets.Select(target => target.Name))}";
            IEnumerable<string> behind = targets.Select(target => target.Status()).Where(copy => copy.Size < size)
                .Select(copy => $"{copy.Name} holds {copy.Size}{(copy.Problem is { } problem ? $" ({problem})" : "")}");
            string now = $"waiting for {wanted} to hold the {size} entries of {_host.Writer.Origin}: {string.Join("; ", behind)}";
            if (now != told) waiting(told = now);
        }
        await stop.CancelAsync();
        await Task.WhenAll(running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (Task failed in running.Where(task => task.IsFaulted)) await failed;
        cancellationToken.ThrowIfCancellationRequested();
    }

    private void Offer(PublishedEntries published)
    {
        foreach (Target target in _targets) target.Offer(published);
    }

    private void Stored(long size)
    {
        long before = Interlocked.Exchange(ref _storedSize, size);
        _spool!.Stored(size);
        Offer(new PublishedEntries(before, size, []));
    }

    private static KeyValuePair<string, object?> Tag(TargetStatus copy) => new("target", copy.Name);

    /// <summary>Tells of copies that are too far behind, and when they no longer are.</summary>
    private async Task WatchAsync(CancellationToken cancellationToken)
    {
        int staleSeconds = (_host.Config.Alerts ?? new AlertsConfig()).StaleSeconds;
        while (true)
        {
            foreach (TargetStatus copy in Status().Where(_ => staleSeconds > 0))
                _conditions.Set("copy-stale", copy.Name, Stale(copy, staleSeconds));
            if (Store() is { } store && staleSeconds > 0) _conditions.Set("store-stale", StoreConfig.Name, StaleStore(store, staleSeconds));
            await Task.Delay(Glance, _host.Time, cancellationToken);
        }
    }

    private string? StaleStore(TargetStatus store, int staleSeconds) => store.Lag < TimeSpan.FromSeconds(staleSeconds)
        ? null
        : $"the ledger's store ({store.Place}) has not taken anything for {staleSeconds} seconds or longer: "
            + $"it holds {store.Size} of {store.Published} entries"
            + $"{(store.Problem is { } problem ? $". {problem}" : "")}. Sealing goes on: {SpoolLength >> 20} MiB of entries wait here, "
            + $"{_host.Config.Store!.SpoolMiB} MiB may (store.spoolMiB); then capture waits. "
            + "PostgreSQL keeps its log for everything since, for nothing is confirmed before the store holds it. See `indelible status`";

    private static string? Stale(TargetStatus copy, int staleSeconds) => copy.Lag < TimeSpan.FromSeconds(staleSeconds)
        ? null
        : $"copy {copy.Name} ({copy.Place}) has not taken anything for {staleSeconds} seconds or longer: "
            + $"it holds {copy.Size} of {copy.Published} entries"
            + $"{(copy.Problem is { } problem ? $". {problem}" : "")}. Until it does, they exist only here. See `indelible status`";
}
