using System.Data.Common;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Index;
using Indelible.Ledger;
using Indelible.Server.Continuity;
using Microsoft.Extensions.Logging;

namespace Indelible.Server;

/// <summary>One connection to a source, from opening to failure or stop: gaps sealed first, then the pipeline,
/// then coverage up to where it stopped.</summary>
internal sealed class SourceSession(
    string source, SourceConfig config, LedgerHost host, SourceProgress progress, TimeSpan silenceMax, ILogger logger)
{
    /// <summary>Before sessions are watched again after a failure.</summary>
    private static readonly TimeSpan WatchPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan HeldPause = TimeSpan.FromMilliseconds(50);
    /// <summary>Server versions from which a stream sees that a table it knows was attached as a partition.</summary>
    private const int SeesAttachedSince = 150_000;

    /// <summary>Runs until cancelled or the source fails.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        progress.Enter("connecting");
        SourceConnection connection = SourceConnections.Of(config);
        EntryMaker maker = host.NewMaker(source);
        SessionTable sessions = new();
        await host.Writer.PublishAsync(cancellationToken); // what the ledger says of this source is asked below
        Coverage? covered = CoverageLog.Newest(host.View, source);
        await using SourceCapture capture = await SourceCapture.OpenAsync(
            connection, config.Protection, Secret(), (table, column) => host.Keyring.FingerprintKey(source, table, column),
            Resume(covered), sessions, host.Time, logger, cancellationToken);
        capture.SilenceMax = silenceMax;
        await SealGapsAsync(capture, maker, covered, connection, cancellationToken);
        await SealRewrittenAsync(connection, cancellationToken);
        OpenGaps gaps = OpenGaps.Read(host.View, source, config.Protection);
        await using ProtectionWatch watch = new(source, config.Protection, connection, host, progress, gaps, logger);
        await watch.LookAsync(SealNowAsync, cancellationToken);    // what was done while nobody read is told before what is read now
        ContinuityCheck continuity = await NewContinuityAsync(cancellationToken);
        CoverageLog coverage = NewCoverage(capture, maker, covered);
        progress.SealedTo(host.Writer.MarkOf(source)?.Confirmable ?? Lsn.None);
        progress.ServerAt(capture.Identity.FlushedTo);
        progress.Enter("capturing");
        ServerLog.Capturing(
            logger, source, config.Protection.Tables.Count, (host.Writer.MarkOf(source)?.Confirmable ?? Lsn.None).ToString());
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using Pipeline pipeline = new(
            capture, continuity, maker, host.Keyring, host.Writer, host.View.Feed, coverage, progress,
            () => host.HeldSize, host.RoomAsync, Applied, host.Time);
        void Applied(CapturedBatch batch)
        {
            watch.Note(batch);
            if (continuity.IsToBeginAnew || Rewrites.In(batch)) end.Cancel();
        }
        try
        {
            await RunTogetherAsync(
                pipeline.RunAsync,
                [
                    stop => WatchSessionsAsync(connection, sessions, stop),
                    stop => watch.RunAsync(capture.Identity.VersionNumber >= SeesAttachedSince, pipeline.SealBesideAsync, stop),
                    stop => new GapSettling(source, config, host, progress, gaps, pipeline, continuity, logger).RunAsync(stop),
                ],
                end.Token);
        }
        catch (UndeliverableChangeException e)
        {
            await PassAsync(e, maker, connection, cancellationToken);
        }
        catch (LogGoneException e)
        {
            await ForgetSlotAsync(e, capture.Identity.FlushedTo, maker, connection, cancellationToken);
        }
        await SealCoverageAsync(coverage);
    }

    private byte[] Secret() => host.Keyring.AttributionSecret(source)
        ?? throw new IndelibleException(ExitCode.Usage, $"source {source}: expected its attribution secret in the keyring, found none\n"
            + "  run `indelible protect` again with this keyring; until then nobody's facts could be believed");

    private ResumePoint? Resume(Coverage? covered) =>
        host.Writer.MarkOf(source) is { } mark ? new ResumePoint(mark.Last, mark.Confirmable, covered?.Timeline ?? 0) : null;

    /// <summary>Says what was missed before anything that comes after it. Where there is no slot it is made again.
    /// What the tables hold is compared once capture goes on.</summary>
    private async Task SealGapsAsync(
        SourceCapture capture, EntryMaker maker, Coverage? covered, SourceConnection connection, CancellationToken cancellationToken)
    {
        if (capture.Gaps.Count == 0) return;
        if (capture.CanGoOn) await capture.RepairAsync(cancellationToken);
        EntryBatch entries = new();
        if (covered is not null && host.Writer.MarkOf(source) is { } mark && mark.Confirmable > covered.To)
        {
            // a session that failed had no time to say so
            maker.AddCoverage(entries, covered with { From = covered.To, To = mark.Confirmable });
        }
        foreach (CaptureGap gap in capture.Gaps)
        {
            maker.AddGap(entries, gap.Code, gap.From, gap.To, gap.Message);
            ServerLog.Gap(logger, source, gap.From.ToString(), gap.To.ToString(), gap.Message);
        }
        await host.SealAsync(entries, cancellationToken);
        if (!capture.CanGoOn)
        {
            throw new IndelibleException(
                ExitCode.Finding, $"source {source}: {string.Join("; ", capture.Gaps.Select(gap => gap.Message))}\n"
                + "  the gap is sealed; nothing more is captured from this source");
        }
        await host.SealAsync(
            new EntryBatch { Mark = new SourceMark(source, new Position(capture.Start, 0), capture.Start) }, cancellationToken);
    }

    /// <summary>Before the log is read: everything sealed stands before it.</summary>
    private async Task SealNowAsync(Func<Lsn, EntryBatch?> make, CancellationToken cancellationToken)
    {
        if (make(host.Writer.MarkOf(source)?.Confirmable ?? Lsn.None) is { Count: > 0 } entries)
            await host.SealAsync(entries, cancellationToken);
    }

    /// <summary>States tables anew whose values were rewritten by DDL; capture then goes on where it was.</summary>
    private async Task SealRewrittenAsync(SourceConnection connection, CancellationToken cancellationToken)
    {
        await host.Writer.PublishAsync(cancellationToken);
        HashSet<uint> pending = Rewrites.Pending(host.View, source, config.Protection);
        if (pending.Count == 0) return;
        progress.Enter("baseline");
        long rows = await new BaselineSealer(host, source, connection, config.Protection, static _ => { })
            .SealAsync(pending, cancellationToken);
        ServerLog.BaselineSealed(logger, source, rows);
    }

    /// <summary>Goes past what the server cannot deliver: said first, then the slot is moved.
    /// The next session finds the gap and seals it.</summary>
    private async Task PassAsync(
        UndeliverableChangeException e, EntryMaker maker, SourceConnection connection, CancellationToken cancellationToken)
    {
        ServerLog.Undeliverable(logger, source, e.Message);
        EntryBatch entries = new();
        maker.AddGuard(
            entries, GuardCode.ValueTooLarge, new Dictionary<string, string> { ["at"] = e.At.ToString(), ["message"] = e.Message });
        await host.SealAsync(entries, cancellationToken);
        await HeldAsync(cancellationToken);
        await SlotPass.ToLogEndAsync(connection, config.Protection, host.Time, cancellationToken);
    }

    /// <summary>Waits until everything sealed is held by those who must hold it before PostgreSQL may forget it.</summary>
    private async Task HeldAsync(CancellationToken cancellationToken)
    {
        for (long size = host.Writer.TreeSize; host.HeldSize < size;)
        {
            if (!host.IsRunning)
            {
                throw new IndelibleException(ExitCode.Environment,
                    $"source {source}: expected everything sealed in the ledger's bucket, or in its copies, before the slot is moved, "
                        + "and nothing brings it there now: let `indelible run` do it");
            }
            await Task.Delay(HeldPause, host.Time, cancellationToken);
        }
    }

    /// <summary>Drops a slot whose log is gone: said first. The next session finds it missing and makes it again.</summary>
    private async Task ForgetSlotAsync(
        LogGoneException e, Lsn logEnd, EntryMaker maker, SourceConnection connection, CancellationToken cancellationToken)
    {
        Lsn from = host.Writer.MarkOf(source)?.Confirmable ?? Lsn.None;
        ServerLog.Gap(logger, source, from.ToString(), logEnd.ToString(), e.Message);
        EntryBatch entries = new();
        maker.AddGap(entries, "log-missing", from, logEnd, e.Message);
        await host.SealAsync(entries, cancellationToken);
        await SlotPass.DropAsync(connection, config.Protection, host.Time, cancellationToken);
    }

    /// <summary>A check against everything sealed so far; one that waits where the index cannot be written.</summary>
    private async Task<ContinuityCheck> NewContinuityAsync(CancellationToken cancellationToken)
    {
        IndexDiskException? full = null;
        try
        {
            await CatchUpRowsAsync(cancellationToken);
        }
        catch (IndexDiskException e)
        {
            full = e;
        }
        ContinuityCheck continuity = new(source, config.Protection, host.Keyring, host.View.Index.Rows, logger);
        if (full is not null) continuity.Suspend(full);
        return continuity;
    }

    private async Task CatchUpRowsAsync(CancellationToken cancellationToken)
    {
        if (host.Paths.Store is null) await host.Writer.PublishAsync(cancellationToken);    // what finds entries may follow later
        // here it is seen whether the index is this ledger's
        else await host.PublishAsync(cancellationToken);
        long started = host.Time.GetTimestamp();
        long entries = new RowImageCatchUp(host.View, source, config.Protection).Run(cancellationToken);
        if (entries > 0) ServerLog.RowImagesCaughtUp(logger, source, entries, (long)host.Time.GetElapsedTime(started).TotalMilliseconds);
    }

    private CoverageLog NewCoverage(SourceCapture capture, EntryMaker maker, Coverage? covered)
    {
        Lsn from = host.Writer.MarkOf(source)?.Confirmable ?? Lsn.None;
        Coverage last = new(
            Lsn.None,
            capture.Gaps.Count == 0 && covered is not null ? covered.To : from,
            capture.Identity.SystemId,
            capture.Identity.Timeline,
            config.Protection.Slot,
            ProtectionDigest.Of(config.Protection));
        return new CoverageLog(maker, last, covered is null, TimeSpan.FromSeconds(host.Config.CoverageIntervalSeconds), host.Time);
    }

    private async Task SealCoverageAsync(CoverageLog coverage)
    {
        EntryBatch entries = new();
        coverage.Add(entries, host.Writer.MarkOf(source)?.Confirmable ?? Lsn.None);
        if (entries.Count > 0) await host.SealAsync(entries, CancellationToken.None);
    }

    /// <summary>Watches who logs in. Capture does not stop for want of it: without it login roles are unknown,
    /// and the log says so.</summary>
    private async Task WatchSessionsAsync(SourceConnection connection, SessionTable sessions, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await SessionPoll.RunAsync(connection, sessions, progress.ServerAt, host.Time, logger, cancellationToken);
            }
            catch (DbException e)
            {
                ServerLog.SessionsUnwatched(logger, source, e.Message);
            }
            await Task.Delay(WatchPause, host.Time, cancellationToken);
        }
    }

    /// <summary>Runs <paramref name="capture"/> until it ends, and the others beside it.
    /// If one of them fails, capture ends in good order and the failure travels up.</summary>
    private static async Task RunTogetherAsync(
        Func<CancellationToken, Task> capture, Func<CancellationToken, Task>[] beside, CancellationToken cancellationToken)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task capturing = capture(stop.Token);
        Task[] others = [.. beside.Select(run => run(stop.Token))];
        await Task.WhenAny([capturing, .. others]);
        await stop.CancelAsync();
        await Task.WhenAll(others).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await capturing;
        if (Array.Find(others, other => other.IsFaulted) is { } failed) await failed;
    }
}
