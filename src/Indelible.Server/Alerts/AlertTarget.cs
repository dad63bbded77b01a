using System.Net.Sockets;
using Indelible.Format;
using Indelible.Index;
using Indelible.Ledger;
using Microsoft.Extensions.Logging;

namespace Indelible.Server.Alerts;

/// <summary>Tells one receiver everything, in order, at least once: a cursor moves over the ledger behind what was delivered.
/// One loop owns it; nothing waits for it.</summary>
internal sealed class AlertTarget(
    string name, AlertTargetKind kind, SendAlert send, AlertsConfig config, LedgerView view, Conditions conditions,
    LedgerMetrics metrics, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan PauseMin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PauseMax = TimeSpan.FromMinutes(1);
    /// <summary>Between writes of a cursor that moved over entries nobody is told of.</summary>
    private static readonly TimeSpan IdleWrite = TimeSpan.FromMinutes(1);

    private readonly AlertRules _rules = new(config);
    private readonly AlertCursor _cursor = new(view.Paths.Journal, name);
    private readonly Dictionary<(string, string?), Condition> _toldConditions = [];
    private readonly Lock _lock = new();
    private AlertTargetStatus? _status;
    private Alert? _anew;
    private long _written;
    private long _writtenAt;
    private bool _hasBegun;

    /// <summary>How it stands.</summary>
    public AlertTargetStatus Status()
    {
        lock (_lock) return (_status ?? NotBegun()) with { Published = view.Reader.ReadCheckpoint().Size };
    }

    /// <summary>Tells until cancelled. What fails is tried again, for ever, with growing pauses.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await Task.Yield();
        while (true)
        {
            bool told = await RoundAsync(retry: true, cancellationToken);
            await Task.Delay(told ? TimeSpan.FromSeconds(config.IntervalSeconds) : Glance, time, cancellationToken);
        }
    }

    /// <summary>Tells what there is to tell, each once; what fails now is told after the next start.</summary>
    public async Task LastAsync(CancellationToken cancellationToken)
    {
        long from;
        do
        {
            from = Status().DeliveredTo;
            await RoundAsync(retry: false, cancellationToken);
        }
        while (Status().DeliveredTo > from);
        if (_hasBegun) Write(Status().DeliveredTo);
    }

    /// <summary>True if anything was told.</summary>
    private async Task<bool> RoundAsync(bool retry, CancellationToken cancellationToken)
    {
        try
        {
            if (!_hasBegun) Begin();
            bool told = _anew is not null && await DeliverAsync(_anew, retry, cancellationToken);
            _anew = null;
            told |= await TellConditionsAsync(retry, cancellationToken);
            AlertRound round = AlertRound.Of(view, _rules, Status().DeliveredTo, MicroTime.From(time.GetUtcNow()), cancellationToken);
            foreach (Alert alert in round.Alerts) told |= await DeliverAsync(alert, retry, cancellationToken);
            Reach(round.To, round.Alerts.Count > 0);
            return told;
        }
        catch (Exception e) when (e is IndexDamagedException or LedgerCorruptException or IOException or IndelibleException)
        {
            Failed($"the ledger cannot be read: {e.Message}");
            return false;
        }
    }

    private void Begin()
    {
        long read = _cursor.Read(view.Origin, out string? fault);
        long from = Math.Min(read, view.Reader.ReadCheckpoint().Size);
        if (fault is not null)
        {
            ServerLog.AlertsAnew(logger, name, fault);
            _anew = AnewAlert(fault);
        }
        AlertRound.Remind(view, _rules, from);
        (_written, _writtenAt, _hasBegun) = (from, time.GetTimestamp(), true);
        lock (_lock) _status = NotBegun() with { DeliveredTo = from };
        if (read != from || fault is not null) _cursor.Write(view.Origin, from);
    }

    /// <summary>Says that what follows may have been told before.</summary>
    private Alert AnewAlert(string fault)
    {
        MicroTime now = MicroTime.From(time.GetUtcNow());
        return new Alert
        {
            Id = $"{view.Origin} alerts-anew {name} {now}", Kind = "alerts-anew", Origin = view.Origin, At = now,
            Message = $"how far {name} was told is not known: {fault}. "
                + "Everything since the ledger's first entry is told again, what is alike together",
        };
    }

    private AlertTargetStatus NotBegun() => AlertTargetStatus.Of(name, kind, view);

    private async Task<bool> TellConditionsAsync(bool retry, CancellationToken cancellationToken)
    {
        bool told = false;
        foreach (Condition condition in conditions.All())
        {
            Condition? known = _toldConditions.GetValueOrDefault((condition.Kind, condition.Source));
            if (known == condition) continue;
            if (known?.Since != condition.Since)
                told |= await DeliverAsync(condition.ToAlert(view.Origin, isOver: false), retry, cancellationToken);
            if (condition.Over is not null)
                told |= await DeliverAsync(condition.ToAlert(view.Origin, isOver: true), retry, cancellationToken);
            _toldConditions[(condition.Kind, condition.Source)] = condition;
        }
        return told;
    }

    /// <summary>Delivers one alert; true when it is. Without retry a failure travels up as cancellation: there is no time left.</summary>
    private async Task<bool> DeliverAsync(Alert alert, bool retry, CancellationToken cancellationToken)
    {
        for (TimeSpan pause = PauseMin; ; pause = pause + pause < PauseMax ? pause + pause : PauseMax)
        {
            try
            {
                await send(alert, cancellationToken);
                Delivered(alert);
                return true;
            }
            catch (Exception e) when (IsFailure(e, cancellationToken))
            {
                Failed(Words(e));
                if (!retry) throw new OperationCanceledException(e.Message, e);
            }
            await Task.Delay(pause, time, cancellationToken);
        }
    }

    /// <summary>True for what a receiver that does not take an alert looks like.</summary>
    internal static bool IsFailure(Exception e, CancellationToken cancellationToken) =>
        e is IndelibleException or HttpRequestException or SocketException or IOException or TimeoutException
        || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested);

    /// <summary>Why it does not.</summary>
    internal static string Words(Exception e) => e is OperationCanceledException ? "no answer in time" : e.Message;

    private void Delivered(Alert alert)
    {
        metrics.CountAlert(name, alert.Kind);
        lock (_lock) _status = _status! with { LastDelivered = MicroTime.From(time.GetUtcNow()), Problem = null };
    }

    private void Failed(string why)
    {
        metrics.CountAlertFailure(name);
        bool isNew;
        lock (_lock)
        {
            AlertTargetStatus status = _status ?? NotBegun();
            isNew = status.Problem is null;
            _status = status with { Problem = why, LastError = new SourceError(MicroTime.From(time.GetUtcNow()), why) };
        }
        if (isNew) ServerLog.AlertNotDelivered(logger, name, why);
    }

    private void Reach(long to, bool told)
    {
        lock (_lock) _status = _status! with { DeliveredTo = to };
        if (told || (to > _written && time.GetElapsedTime(_writtenAt) > IdleWrite)) Write(to);
    }

    private void Write(long to)
    {
        if (to == _written) return;
        _cursor.Write(view.Origin, to);
        (_written, _writtenAt) = (to, time.GetTimestamp());
    }
}
