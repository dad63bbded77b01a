using System.Globalization;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Indelible.Capture.Attribution;
using Indelible.Capture.PgOutput;
using Indelible.Capture.Reading;
using Indelible.Capture.Relations;
using Indelible.Capture.Slots;
using Indelible.Format;
using Microsoft.Extensions.Logging;
using Npgsql;
using Npgsql.Replication;

namespace Indelible.Capture;

/// <summary>Reads one source's committed changes from its replication slot, in commit order, exactly once after a resume point.</summary>
/// <remarks>One reader. <see cref="ConfirmAsync"/> may be called while <see cref="ReadAsync"/> is being enumerated.
/// Does not reconnect: dispose and open again.</remarks>
public sealed class SourceCapture : IAsyncDisposable
{
    /// <summary>Batches read ahead while the consumer works on earlier ones.</summary>
    private const int BatchesAhead = 2;

    /// <summary>Bytes of batches handed over and not released, one batch's excess apart: the bound of a source's memory.</summary>
    private const long OnTheWayMax = 16 << 20;

    /// <summary>How long a server may say nothing before it counts as gone, unless there is reason to wait longer.</summary>
    public static readonly TimeSpan UsualSilenceMax = TimeSpan.FromMinutes(1);

    private static readonly string ServerSql = EmbeddedSql.Read("Slots.server.sql");

    private readonly IReplicationStream _stream;
    private readonly ILiveCatalog _live;
    private readonly CaptureLoop _loop;
    private readonly ByteBudget _budget;
    private readonly AttributionCheck _check;
    private readonly Protection _protection;
    private readonly TimeSpan _senderTimeout;
    private readonly SourceConnection _connection;
    private readonly ILogger _logger;
    private Lsn _after;
    private Lsn _slotAt;

    private SourceCapture(
        IReplicationStream stream, ILiveCatalog live, CaptureLoop loop, ByteBudget budget, AttributionCheck check,
        SourceConnection connection, Protection protection, Opening opening,
        Lsn after, ILogger logger)
    {
        _stream = stream;
        _live = live;
        _connection = connection;
        _loop = loop;
        _budget = budget;
        _check = check;
        _protection = protection;
        _senderTimeout = opening.SenderTimeout;
        _after = after;
        _slotAt = opening.SlotAt;
        _logger = logger;
        Identity = opening.Identity;
        Gaps = opening.Gaps;
    }

    /// <summary>The cluster found.</summary>
    public SourceIdentity Identity { get; }

    /// <summary>What was missed since the resume point; to be sealed before anything that is read. Empty if nothing was.</summary>
    public IReadOnlyList<CaptureGap> Gaps { get; private set; }

    /// <summary>Longest time that the server may say nothing: it says nothing while it makes a message, and one of a gigabyte takes it
    /// seconds, or minutes where it is busy. Set before <see cref="ReadAsync"/>.</summary>
    public TimeSpan SilenceMax { get; set; } = UsualSilenceMax;

    /// <summary>False if a gap is such that this source's record cannot go on: another cluster, or one set back
    /// to an earlier state.</summary>
    public bool CanGoOn => SlotCheck.CanGoOn(Gaps);

    /// <summary>Where reading begins.</summary>
    public Lsn Start => _after > _slotAt ? _after : _slotAt;

    /// <summary>Connects, checks the slot and compares it with the resume point. Reads nothing yet.</summary>
    /// <param name="connection">The source.</param>
    /// <param name="protection">What is protected.</param>
    /// <param name="attributionSecret">Secret of the attribution messages' HMAC, 32 bytes; empty: no message is believed.</param>
    /// <param name="fingerprintKeys">What the values of a column are fingerprinted under.</param>
    /// <param name="resume">Where to go on; null to begin at the slot's own position.</param>
    /// <param name="sessions">Sessions for the login role; fed by a poll of pg_stat_activity.</param>
    /// <param name="time">Clock for intervals.</param>
    /// <param name="logger">Positions, counts and durations; never a value.</param>
    /// <param name="cancellationToken">Stops opening.</param>
    /// <exception cref="IndelibleException">The slot is in use, or not ours.</exception>
    /// <exception cref="NpgsqlException">The server cannot be reached or refuses.</exception>
    public static async Task<SourceCapture> OpenAsync(
        SourceConnection connection,
        Protection protection,
        ReadOnlyMemory<byte> attributionSecret,
        FingerprintKeys fingerprintKeys,
        ResumePoint? resume,
        SessionTable sessions,
        TimeProvider time,
        ILogger logger,
        CancellationToken cancellationToken)
    {
        CheckName(protection.Slot, "slot");
        CheckName(protection.Publication, "publication");
        ReplicationStream stream = await ReplicationStream.OpenAsync(connection, cancellationToken);
        try
        {
            Opening opening = await LookAsync(stream, connection, protection, resume, cancellationToken);
            LiveCatalog live = new(connection, protection, logger);
            return Over(stream, live, connection, protection, attributionSecret, fingerprintKeys, resume, sessions, opening, time, logger);
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    /// <summary>As <see cref="OpenAsync"/>, over a wire that is open and was looked at.</summary>
    internal static SourceCapture Over(
        IReplicationStream stream,
        ILiveCatalog live,
        SourceConnection connection,
        Protection protection,
        ReadOnlyMemory<byte> attributionSecret,
        FingerprintKeys fingerprintKeys,
        ResumePoint? resume,
        SessionTable sessions,
        Opening opening,
        TimeProvider time,
        ILogger logger)
    {
        AttributionCheck check = new(attributionSecret.Span);
        RelationMap relations = new(protection, opening.Catalog, fingerprintKeys);
        TransactionAssembler assembler = new(relations, new OperatorTracker(sessions), check, resume);
        ByteBudget budget = new(OnTheWayMax);
        CaptureLoop loop = new(stream, assembler, relations, live, budget, time, logger);
        return new SourceCapture(
            stream, live, loop, budget, check, connection, protection, opening, resume?.Confirmable ?? Lsn.None, logger);
    }

    /// <summary>Makes it possible to read on after the gaps, where it is not: the slot is made again,
    /// and the gaps then end where it begins.
    /// Call before <see cref="ReadAsync"/>.</summary>
    /// <exception cref="IndelibleException">The slot cannot be made; the message says what to do.</exception>
    public async Task RepairAsync(CancellationToken cancellationToken)
    {
        if (Identity.FlushedTo < _after) await SlotRepair.MoveLogAsync(_connection, Identity.FlushedTo, _after, cancellationToken);
        if (!SlotCheck.NeedsSlot(Gaps)) return;
        _slotAt = await SlotRepair.MakeAsync(_connection, _protection, cancellationToken);
        _after = _slotAt;
        Gaps = [.. Gaps.Select(gap => gap with { To = _slotAt })];
        CaptureLog.SlotMade(_logger, _protection.Slot, _protection.Source, _slotAt);
    }

    /// <summary>Batches until cancelled or the connection fails. Empty batches only move <see cref="CapturedBatch.Confirmable"/>.
    /// Each is to be <see cref="Release"/>d: reading waits when too much is on its way.</summary>
    /// <exception cref="IndelibleException">Another process took the slot.</exception>
    /// <exception cref="UndeliverableChangeException">The server cannot deliver what comes next.</exception>
    /// <exception cref="LogGoneException">The server no longer has the log to go on from.</exception>
    /// <exception cref="NpgsqlException">The connection failed.</exception>
    public async IAsyncEnumerable<CapturedBatch> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        CaptureLog.Reading(_logger, _protection.Slot, _protection.Source, _after, Identity.VersionNumber, Identity.Timeline);
        _stream.Start(_protection, _after, Identity.VersionNumber, _senderTimeout, SilenceMax, stop.Token);
        Channel<CapturedBatch> batches =
            Channel.CreateBounded<CapturedBatch>(new BoundedChannelOptions(BatchesAhead) { SingleReader = true, SingleWriter = true });
        Task loop = _loop.RunAsync(batches, stop.Token);
        try
        {
            bool isHeld = false;
            await foreach (CapturedBatch batch in batches.Reader.ReadAllAsync(cancellationToken))
            {
                if (!isHeld) await CheckHeldAsync(cancellationToken);
                isHeld = true;
                yield return batch;
            }
            await EndAsync(loop);
        }
        finally
        {
            await stop.CancelAsync();
            await loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await _loop.DrainAsync();
        }
    }

    /// <summary>The receiver is done with a batch: as much may be read on.</summary>
    public void Release(CapturedBatch batch) => _budget.Release(batch.Length);

    /// <summary>True once the server has begun to send: nothing can be confirmed to it before.</summary>
    public bool HasBegun => _stream.Received > Lsn.None;

    /// <summary>Tells PostgreSQL that everything up to here is durable here, at once. Never moves back.</summary>
    public Task ConfirmAsync(Lsn upTo, CancellationToken cancellationToken)
    {
        if (upTo == Lsn.None) return Task.CompletedTask;
        _stream.SetFlushed(upTo);
        return _stream.SendStatusAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        _check.Dispose();
    }

    private static async Task<Opening> LookAsync(
        ReplicationStream stream, SourceConnection source, Protection protection, ResumePoint? resume, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await source.OpenAsync(cancellationToken);
        (int version, TimeSpan senderTimeout) = await ServerAsync(connection, cancellationToken);
        ReplicationSystemIdentification system = await stream.IdentifyAsync(cancellationToken); // of a server known to take writes
        SourceIdentity identity = new(
            ulong.Parse(system.SystemId, CultureInfo.InvariantCulture), system.Timeline, version, new Lsn((ulong)system.XLogPos));
        SlotState? slot = await SlotState.ReadAsync(connection, protection.Slot, cancellationToken);
        IReadOnlyList<CaptureGap> gaps = SlotCheck.Check(protection, identity, slot, resume);
        return new Opening(
            identity, senderTimeout, slot?.Confirmed ?? Lsn.None, gaps, await Catalog.ReadAsync(connection, protection, cancellationToken));
    }

    private static async Task<(int Version, TimeSpan SenderTimeout)> ServerAsync(
        NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = new(ServerSql, connection);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        // Not a gap: its log is behind and its timeline the old one until it is promoted.
        if (reader.GetBoolean(2))
        {
            throw new NpgsqlException(
                "expected a server that takes writes, found a standby in recovery: waited for until it is promoted. "
                    + "Or give the primary's address");
        }
        return (reader.GetInt32(0), TimeSpan.FromMilliseconds(reader.GetInt32(1)));
    }

    /// <summary>Until the slot was ours somebody else could move it. Now that it is, it must stand where it was compared.</summary>
    private async Task CheckHeldAsync(CancellationToken cancellationToken)
    {
        SlotState? slot = await _live.SlotAsync(cancellationToken);
        if (slot is { } held && held.Confirmed <= Start) return;
        throw new IndelibleException(ExitCode.Environment,
            $"expected replication slot '{_protection.Slot}' at {Start} or before, "
                + $"found it {(slot is null ? "gone" : $"at {slot.Confirmed}")}: it was moved while it was being opened. "
                + "Opened again, the gap is sealed.");
    }

    private async Task EndAsync(Task loop)
    {
        try
        {
            await loop;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ObjectInUse)
        {
            throw SlotCheck.InUse(_protection.Slot, $"another process ({ServerWords.Of(e)})");
        }
        catch (PostgresException e) when (UndeliverableChangeException.From(e) is { } undeliverable)
        {
            throw undeliverable;
        }
        catch (PostgresException e) when (LogGoneException.From(e) is { } gone)
        {
            throw gone;
        }
        catch (PgOutputException e)
        {
            throw new IndelibleException(ExitCode.Environment,
                $"{_connection}: {e.Message}; nothing after it was sealed. Is it the server itself that answers there, "
                    + "and a version known to this program?", e);
        }
    }

    /// <summary>Slot and publication names go into a replication command, which takes no parameters.</summary>
    private static void CheckName(string name, string what)
    {
        bool valid = name.Length is > 0 and <= 63 && name.All(c => c is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '_');
        if (!valid)
        {
            throw new IndelibleException(ExitCode.Usage,
                $"expected a {what} name of lowercase letters, digits and underscores, found '{name}' in the configuration");
        }
    }

    /// <summary>What opening found.</summary>
    internal sealed record Opening(
        SourceIdentity Identity, TimeSpan SenderTimeout, Lsn SlotAt, IReadOnlyList<CaptureGap> Gaps, Catalog Catalog);
}
