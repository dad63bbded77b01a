using System.Security.Cryptography;
using System.Text;
using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Ledger;
using Indelible.Ledger.Stores;
using Indelible.Ledger.Following;
using Indelible.Server.Alerts;
using Microsoft.Extensions.Logging;

namespace Indelible.Server.Mirroring;

/// <summary>One ledger that is followed: looked at again and again, with growing pauses where that fails. One loop owns it.</summary>
internal sealed class MirroredLedger : IDisposable
{
    private static readonly TimeSpan PauseMax = TimeSpan.FromMinutes(1);

    private readonly MirrorConfig _config;
    private readonly LedgerFetch _source;
    private readonly LedgerCopy _copy;
    private readonly LedgerFollower _follower;
    private readonly OtherHeads _others;
    private readonly Conditions _conditions;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private MirrorStatus _status;
    private long _succeededAt;
    private long _fetched;

    /// <summary>Opens the copy; the source is asked for nothing yet.</summary>
    public MirroredLedger(string name, MirroredLedgerConfig config, MirrorConfig mirror, NoteSigner? cosigner, Conditions conditions,
        TimeProvider time, ILogger logger, CancellationToken cancellationToken)
    {
        (_config, _conditions, _time, _logger) = (mirror, conditions, time, logger);
        TextFault fault = VerifierKey.Parse(config.Key, out VerifierKey? key);
        if (!fault.IsNone) throw new IndelibleException(ExitCode.Usage, $"mirror.ledgers.{name}.key: {fault}");
        _source = SourceOf(config.From, key, cancellationToken);
        _copy = LedgerCopy.Open(config.To!, key!);
        _follower = new LedgerFollower(_copy, _source, config.From, cosigner, time)
        {
            Progress = (at, _) => Interlocked.Exchange(ref _fetched, at),
        };
        _others = new OtherHeads(mirror.Compare, OriginHash, name, logger);
        _succeededAt = time.GetTimestamp();
        _status = new MirrorStatus
        {
            Ledger = name, Origin = key!.Name, From = config.From, Directory = _copy.LedgerDirectory, State = "following",
        };
    }

    /// <summary>Name of the ledger here.</summary>
    public string Name => _status.Ledger;

    /// <summary>The ledger's origin.</summary>
    public string Origin => _copy.Key.Name;

    /// <summary>SHA-256 of the origin in hex: the path it is served below. c2sp.org/tlog-mirror.</summary>
    public string OriginHash => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Origin)));

    /// <summary>The served directory.</summary>
    public string Directory => _copy.LedgerDirectory;

    /// <summary>Entries stored so far, those included whose head is not complete.</summary>
    public long Fetched => Interlocked.Read(ref _fetched);

    /// <summary>How it stands.</summary>
    public MirrorStatus Status()
    {
        lock (_lock)
        {
            return _status with
            {
                Size = _copy.Stored?.Size ?? 0,
                Root = _copy.Stored?.Root.ToString(),
                AcceptedSize = _copy.Accepted?.Size ?? 0,
                Evidence = _copy.Evidence,
            };
        }
    }

    /// <summary>Follows until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        TimeSpan interval = TimeSpan.FromSeconds(_config.IntervalSeconds), pause = interval;
        while (true)
        {
            bool isWell = await LookAsync(pause, cancellationToken) == ExitCode.Fine;
            pause = isWell ? interval : pause + pause < PauseMax ? pause + pause : PauseMax;
            await Task.Delay(pause, _time, cancellationToken);
        }
    }

    /// <summary>Looks once; what is wrong is told, and stands in the status.</summary>
    public async Task<ExitCode> LookAsync(TimeSpan pause, CancellationToken cancellationToken)
    {
        await Task.Yield();
        long started = _time.GetTimestamp();
        try
        {
            FollowOutcome outcome = await _follower.RoundAsync(cancellationToken);
            if (outcome is FollowOutcome.Stored && await _others.FindAsync(_follower, cancellationToken) is { } elsewhere)
                outcome = elsewhere;
            return Tell(outcome, started);
        }
        catch (Exception e) when (e is IndelibleException or IOException or UnauthorizedAccessException or LedgerCorruptException)
        {
            return Failed(e, pause);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _copy.Dispose();
        _source.Dispose();
    }

    /// <summary>Where a ledger is read; <paramref name="key"/> tells its versions apart in a bucket, null for no key.</summary>
    internal static LedgerFetch SourceOf(string from, VerifierKey? key, CancellationToken cancellationToken)
    {
        if (from.StartsWith(BucketOptions.Scheme, StringComparison.Ordinal))
            return LedgerFetch.FromBucket(BucketOptions.At(from), key, cancellationToken);
        return from.Contains("://", StringComparison.Ordinal) && Uri.TryCreate(from, UriKind.Absolute, out Uri? address)
            ? LedgerFetch.FromUrl(address, cancellationToken)
            : LedgerFetch.FromDirectory(from);
    }

    private ExitCode Tell(FollowOutcome outcome, long started)
    {
        switch (outcome)
        {
            case FollowOutcome.Stored stored:
                long elapsedMs = (long)_time.GetElapsedTime(started).TotalMilliseconds;
                if (stored.Entries > 0) MirrorLog.Stored(_logger, Name, stored.Entries, stored.Head.ToString(), elapsedMs);
                _succeededAt = _time.GetTimestamp();
                Set("following", null, MicroTime.From(_time.GetUtcNow()));
                _conditions.Set("mirror-incomplete", Name, stored.Missing.Count == 0
                    ? null
                    : $"{Origin} at {_status.From}: every entry is stored, but the source lacks {string.Join(", ", stored.Missing)}, "
                        + "which entries name: put them back there");
                foreach (string kind in (string[])["rollback", "mirror-refused", "mirror-stale"]) _conditions.Set(kind, Name, null);
                return ExitCode.Fine;
            case FollowOutcome.RolledBack back:
                string less =
                    $"{Origin} at {_status.From}: expected at least {back.Accepted}, which its key signed and this mirror accepted, "
                    + $"found {back.Found}: the ledger was put back to an earlier state, or an old copy is served. "
                    + $"The copy in {Directory} keeps what it has. Ask its operator; `indelible mirror restore` makes a ledger of the copy";
                if (_status.State != "rolled back") MirrorLog.RolledBack(_logger, Name, less);
                Set("rolled back", less);
                _conditions.Set("rollback", Name, less);
                return ExitCode.Finding;
            default:
                string evidence = ((FollowOutcome.Misbehaved)outcome).Evidence;
                string twice =
                    $"{Origin} at {_status.From}: its key signed two histories. The proof is {evidence}: "
                    + $"check it with `indelible verify {evidence} --key {_copy.Key}`. "
                    + $"This ledger is not followed any more; the copy in {Directory} keeps what it has";
                if (_status.State != "stopped") MirrorLog.Misbehaved(_logger, Name, twice);
                Set("stopped", twice);
                _conditions.Set("misbehaviour", Name, twice);
                return ExitCode.Finding;
        }
    }

    private ExitCode Failed(Exception e, TimeSpan pause)
    {
        bool isFinding = e is LedgerCorruptException or IndelibleException { ExitCode: ExitCode.Finding };
        MirrorLog.Failed(_logger, Name, e.Message, (long)pause.TotalMilliseconds);
        Set(isFinding ? "refused" : "failing", e.Message);
        if (isFinding) _conditions.Set("mirror-refused", Name, e.Message);
        bool isStale = _time.GetElapsedTime(_succeededAt) >= TimeSpan.FromSeconds(_config.StaleSeconds);
        if (isStale || e is IOException) _conditions.Set("mirror-stale", Name, $"{Origin} is not followed: {e.Message}");
        return e is IndelibleException known ? known.ExitCode : isFinding ? ExitCode.Finding : ExitCode.Environment;
    }

    private void Set(string state, string? problem, MicroTime? success = null)
    {
        lock (_lock) _status = _status with { State = state, Problem = problem, LastSuccess = success ?? _status.LastSuccess };
    }
}
