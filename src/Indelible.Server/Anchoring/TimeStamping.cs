using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Notes;
using Indelible.Index;
using Indelible.Ledger;
using Indelible.Ledger.Anchors;
using Indelible.Server.Alerts;
using Microsoft.Extensions.Logging;

namespace Indelible.Server.Anchoring;

/// <summary>Has heads stamped with the time by each configured authority: at intervals, and again before a certificate ends.
/// Sealing waits for none of it.</summary>
/// <remarks>A stamp over a later head covers the entries that seal the hashes of earlier stamps:
/// that is how these outlive their authority's certificate.</remarks>
internal sealed class TimeStamping(LedgerHost host, TimeStampConfig config, Conditions conditions, ILogger logger) : IDisposable
{
    private const int PageLimit = 200;
    private static readonly TimeSpan Glance = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan PauseMin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PauseMax = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(1);

    private readonly Dictionary<string, TimeStampStatus> _status = new(StringComparer.Ordinal);
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(30) };

    public void Dispose() => _http.Dispose();

    /// <summary>How it stands with each authority.</summary>
    public IReadOnlyList<TimeStampStatus> Status()
    {
        lock (_status) return [.. _status.Values.OrderBy(status => status.Authority, StringComparer.Ordinal)];
    }

    /// <summary>Stamps until cancelled.</summary>
    public Task RunAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(config.Authorities.Select(authority => RunAsync(authority.Key, authority.Value, cancellationToken)));

    private async Task RunAsync(string name, TimeStampAuthorityConfig authority, CancellationToken cancellationToken)
    {
        await Task.Yield();
        Last? last = Newest(name);
        string? told = null;
        for (int failures = 0; ;)
        {
            try
            {
                if (IsDue(last)) last = await StampAsync(name, authority, cancellationToken);
                conditions.Set("time-stamp-failed", name, null);
                Stands(name, last, null);
                failures = 0;
            }
            catch (Exception e) when (IsFailure(e, cancellationToken))
            {
                failures++;
                if (told != e.Message) AnchorLog.Failed(logger, name, told = e.Message);
                Stands(name, last, e.Message);
                conditions.Set("time-stamp-failed", name,
                    $"time-stamp authority {name}: {e.Message}. It is tried again; "
                        + "until then nobody else vouches for the time of newer entries");
            }
            await Task.Delay(failures == 0 ? Glance : Pause(failures), host.Time, cancellationToken);
        }
    }

    private static TimeSpan Pause(int failures)
    {
        double seconds = PauseMin.TotalSeconds * Math.Pow(2, Math.Min(failures - 1, 12));
        return TimeSpan.FromSeconds(Math.Min(seconds, PauseMax.TotalSeconds));
    }

    private void Stands(string name, Last? last, string? problem)
    {
        lock (_status) _status[name] = new TimeStampStatus(name, last?.Size, last?.At, problem);
    }

    private bool IsDue(Last? last)
    {
        long size = host.Writer.TreeSize;
        if (size == 0) return false;
        if (last is null) return true;
        DateTimeOffset now = host.Time.GetUtcNow();
        // What was sealed since, other than what stamping itself seals.
        bool hasNews = size > last.Size + config.Authorities.Count;
        return (hasNews && now - last.At.ToDateTimeOffset() >= TimeSpan.FromMinutes(config.IntervalMinutes))
            || (last.Ends is { } ends && ends.ToDateTimeOffset() - now < TimeSpan.FromDays(config.RenewDays)
                && now - last.At.ToDateTimeOffset() >= TimeSpan.FromDays(1));
    }

    private async Task<Last> StampAsync(string name, TimeStampAuthorityConfig authority, CancellationToken cancellationToken)
    {
        X509Certificate2Collection pinned = Pinned(name, authority);
        await host.Writer.PublishAsync(cancellationToken);
        Checkpoint head = host.View.Published.ReadCheckpoint();
        byte[] text = Encoding.UTF8.GetBytes(head.ToText());
        AnchorFiles files = new(head.Size, name);
        TimeStampClient client = new(_http);
        byte[]? kept = files.ReadReply(host.Paths.Ledger);      // from before the process died
        byte[] bytes = kept ?? await client.AskAsync(authority.Url, text, cancellationToken);
        TimeStampReply reply = TimeStampReply.Parse(bytes)
            ?? throw new IndelibleException(ExitCode.Environment, $"{authority.Url}: expected a time-stamp reply, found something else");
        TimeStampVerdict verdict = reply.Verify(text, pinned, [], []);
        if (verdict.Fault is null && kept is null)
        {
            IReadOnlyList<RevocationList> lists = await client.ListsAsync(verdict.Chain, cancellationToken);
            verdict = reply.Verify(text, pinned, [], lists);
            if (verdict.Fault is null) files.Write(host.Paths.Ledger, bytes, verdict.Chain, lists);
        }
        if (verdict.Fault is { } fault) throw new IndelibleException(ExitCode.Finding, $"{authority.Url}: {fault}; not kept");
        await SealAsync(files, reply, bytes, cancellationToken);
        TimeSpan ahead = reply.At.ToDateTimeOffset() - host.Time.GetUtcNow();
        if (ahead.Duration() > ClockTolerance) AnchorLog.ClocksDiffer(logger, name, (long)ahead.TotalSeconds);
        AnchorLog.Stamped(logger, name, head.Size, reply.At.ToString());
        return new Last(head.Size, reply.At, verdict.Ends);
    }

    private Task<SealedBatch> SealAsync(AnchorFiles files, TimeStampReply reply, byte[] bytes, CancellationToken cancellationToken)
    {
        EntryBatch entries = new();
        host.NewMaker("").AddAdmin(entries, AnchorFiles.Code, new Dictionary<string, string>
        {
            ["authority"] = files.Authority,
            ["size"] = files.Size.ToString(CultureInfo.InvariantCulture),
            ["time"] = reply.At.ToString(),
            ["serial"] = reply.Serial,
            ["policy"] = reply.PolicyId,
            ["token"] = Convert.ToHexStringLower(SHA256.HashData(bytes)),
        });
        return host.SealAsync(entries, cancellationToken);
    }

    /// <summary>The newest stamp of an authority that is sealed; null if there is none.</summary>
    private Last? Newest(string name)
    {
        Query query = new() { Kind = EntryKind.Admin, Limit = PageLimit };
        for (string? after = null; ;)
        {
            Page page = host.View.Index.Find(query with { After = after });
            foreach (EntryHeader header in page.Entries.Select(host.View.Header)
                .Where(header => header.Code == AnchorFiles.Code && header.Facts?.GetValueOrDefault("authority") == name))
            {
                if (!long.TryParse(header.Facts!.GetValueOrDefault("size"), NumberStyles.None, CultureInfo.InvariantCulture, out long size))
                    continue;
                return new Last(size, header.SealedAt, Ends(new AnchorFiles(size, name)));
            }
            if ((after = page.Next) is null) return null;
        }
    }

    /// <summary>When the certificates of a stamp end; null if they are not here.</summary>
    private MicroTime? Ends(AnchorFiles files)
    {
        X509Certificate2Collection chain = [];
        byte[]? pem = DurableFile.TryReadAll(Path.Combine(host.Paths.Ledger, files.Chain), TimeStampReply.LengthMax);
        if (pem is null || !AnchorFiles.TryImport(chain, pem)) return null;
        return MicroTime.From(chain.Min(certificate => new DateTimeOffset(certificate.NotAfter.ToUniversalTime())));
    }

    /// <summary>Certificates that are trusted to vouch for an authority.</summary>
    private static X509Certificate2Collection Pinned(string name, TimeStampAuthorityConfig authority)
    {
        X509Certificate2Collection pinned = [];
        string where = $"timestamps.authorities.{name}.certificates";
        byte[] pem = DurableFile.TryReadAll(authority.Certificates, 1 << 20)
            ?? throw new IndelibleException(
                ExitCode.Usage, $"{where}: expected a PEM file, found none: {authority.Certificates}");
        return AnchorFiles.TryImport(pinned, pem)
            ? pinned
            : throw new IndelibleException(
                ExitCode.Usage, $"{where}: expected certificates in PEM, found none in {authority.Certificates}");
    }

    private static bool IsFailure(Exception e, CancellationToken cancellationToken) => !cancellationToken.IsCancellationRequested
        && e is IndelibleException or IOException or HttpRequestException or SocketException or TimeoutException
            or OperationCanceledException or CryptographicException;

    private sealed record Last(long Size, MicroTime At, MicroTime? Ends);
}

/// <summary>How it stands with a time-stamp authority.</summary>
/// <param name="Authority">Its name.</param>
/// <param name="Size">Tree size of the newest head it stamped; null if none.</param>
/// <param name="At">When; null if never.</param>
/// <param name="Problem">Why it does not stamp; null if it does.</param>
public sealed record TimeStampStatus(string Authority, long? Size, MicroTime? At, string? Problem);

/// <summary>What time stamping logs. Ids 5070–5079.</summary>
internal static partial class AnchorLog
{
    [LoggerMessage(5070, LogLevel.Information, "Size {Size} was stamped by {Authority} at {Time}")]
    public static partial void Stamped(ILogger logger, string authority, long size, string time);

    [LoggerMessage(5071, LogLevel.Error, "No time stamp of {Authority}, tried again: {Reason}")]
    public static partial void Failed(ILogger logger, string authority, string reason);

    [LoggerMessage(5072, LogLevel.Warning, "The clock of {Authority} is {Seconds} seconds ahead of this machine's")]
    public static partial void ClocksDiffer(ILogger logger, string authority, long seconds);
}
