using System.Globalization;
using Indelible.Format;
using Npgsql;

namespace Indelible.Capture;

/// <summary>Looks at a source as capture needs it, and says how to mend what is wrong. Changes nothing.</summary>
public static class SourceDoctor
{
    /// <summary>Name of the check that says whether DDL is reported in the log.</summary>
    public const string EventTriggers = "event triggers";

    private static readonly TimeSpan SkewWarn = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan SkewFail = TimeSpan.FromMinutes(1);
    private const long LagWarnBytes = 1L << 30;
    private const int SenderTimeoutMinMs = 10_000;
    private const long DiskWarn = 5L << 30;
    private const long DiskFail = 512L << 20;

    /// <summary>Every check, in the order a person would look. A source that cannot be reached gives one failed check.</summary>
    /// <param name="source">Connection of the capture role.</param>
    /// <param name="protection">What should be protected; null before anything is.</param>
    /// <param name="time">This machine's clock.</param>
    /// <param name="cancellationToken">Stops.</param>
    public static async Task<IReadOnlyList<SourceCheck>> CheckAsync(
        SourceConnection source, Protection? protection, TimeProvider time, CancellationToken cancellationToken)
    {
        try
        {
            await using NpgsqlConnection connection = await source.OpenAsync(cancellationToken);
            var catalog = new SourceCatalog(connection);
            SessionFacts session = await catalog.SessionAsync(cancellationToken);
            List<SourceCheck> checks = [SourceCheck.Ok("connection", source.ToString())];
            checks.AddRange(Server(session));
            if (session.IsStandby) return checks;    // it has neither slots of ours nor an end of the log to ask for
            checks.AddRange(await SessionAsync(connection, catalog, time, cancellationToken));
            if (protection is not null)
                checks.AddRange(await new ProtectionDoctor(catalog, session, source, protection).CheckAsync(cancellationToken));
            return checks;
        }
        catch (NpgsqlException e)
        {
            return [new SourceCheck("connection", CheckStatus.Fail, SourceFailure.From(e, source).Message, "a session", null)];
        }
    }

    /// <summary>Only whether publication, identities, triggers and tables are as protection left them.</summary>
    /// <exception cref="IndelibleException">The source cannot be reached.</exception>
    public static async Task<IReadOnlyList<SourceCheck>> ProtectionAsync(
        SourceConnection source, Protection protection, CancellationToken cancellationToken)
    {
        try
        {
            await using NpgsqlConnection connection = await source.OpenAsync(cancellationToken);
            return await ProtectionAsync(new SourceCatalog(connection), source, protection, cancellationToken);
        }
        catch (NpgsqlException e)
        {
            throw SourceFailure.From(e, source);
        }
    }

    internal static async Task<IReadOnlyList<SourceCheck>> ProtectionAsync(
        SourceCatalog catalog, SourceConnection source, Protection protection, CancellationToken cancellationToken)
    {
        SessionFacts session = await catalog.SessionAsync(cancellationToken);
        return await new ProtectionDoctor(catalog, session, source, protection).CatalogAsync(cancellationToken);
    }

    /// <summary>Who owns protected tables, their row security, and which roles may more than others:
    /// compared with how it stood before, because nothing says how it should be.</summary>
    /// <exception cref="IndelibleException">The source cannot be reached.</exception>
    public static async Task<SortedDictionary<string, string>> RightsAsync(
        SourceConnection source, Protection protection, CancellationToken cancellationToken)
    {
        try
        {
            await using NpgsqlConnection connection = await source.OpenAsync(cancellationToken);
            return await RightsAsync(connection, protection, cancellationToken);
        }
        catch (NpgsqlException e)
        {
            throw SourceFailure.From(e, source);
        }
    }

    internal static async Task<SortedDictionary<string, string>> RightsAsync(
        NpgsqlConnection connection, Protection protection, CancellationToken cancellationToken)
    {
        uint[] tables = [.. protection.Tables.Select(table => table.Oid)];
        SortedDictionary<string, string> rights = new(StringComparer.Ordinal);
        string[] names = [.. protection.Tables.Select(table => $"{table.Schema}.{table.Name}")];
        await using NpgsqlCommand command = new(SqlFile.Read("rights"), connection)
        {
            Parameters = { new NpgsqlParameter { Value = tables,
                NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Oid }, new NpgsqlParameter { Value = names } },
        };
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken)) rights[reader.GetString(0)] = reader.GetString(1);
        return rights;
    }

    internal static IEnumerable<SourceCheck> Server(SessionFacts session)
    {
        string version = string.Create(CultureInfo.InvariantCulture, $"{session.VersionNumber / 10000}.{session.VersionNumber % 10000}");
        string role = PgIdentifier.Quote(session.Role);
        yield return SourceCheck.Of("server version", session.VersionNumber >= SessionChecks.VersionMin, CheckStatus.Fail, version,
            "14 or later", "upgrade the server");
        yield return SourceCheck.Of("primary", !session.IsStandby, CheckStatus.Fail, session.IsStandby ? "standby" : "primary", "primary",
            "connect to the primary");
        yield return SourceCheck.Of("wal_level", session.WalLevel == "logical", CheckStatus.Fail, session.WalLevel, "logical",
            "ALTER SYSTEM SET wal_level = 'logical'; -- then restart the server");
        bool mayReplicate = session.MayReplicate || session.IsSuperuser;
        yield return SourceCheck.Of("may replicate", mayReplicate, CheckStatus.Fail,
            $"{session.Role} may {(mayReplicate ? "" : "not ")}replicate", "a role with REPLICATION", $"ALTER ROLE {role} REPLICATION;");
        yield return SourceCheck.Of("replication slots", session.SlotCount < session.SlotMax, CheckStatus.Warn,
            $"{session.SlotCount} of {session.SlotMax} in use", "one free",
            "ALTER SYSTEM SET max_replication_slots = 20; -- then restart the server");
        yield return SourceCheck.Of("max_wal_senders", session.SenderMax > 0, CheckStatus.Fail, $"{session.SenderMax}", "above 0",
            "ALTER SYSTEM SET max_wal_senders = 10; -- then restart the server");
        yield return SourceCheck.Of("least privilege", !session.IsSuperuser, CheckStatus.Warn,
            session.IsSuperuser ? $"{session.Role} is a superuser" : session.Role, "a capture role that is no superuser",
            "indelible protect makes role indelible_capture; let `run` use it");
    }

    private static async Task<List<SourceCheck>> SessionAsync(
        NpgsqlConnection connection, SourceCatalog catalog, TimeProvider time, CancellationToken cancellationToken)
    {
        DateTimeOffset before = time.GetUtcNow();
        var found = (await catalog.QueryAsync("doctor", [], static r => (
            Pid: r.GetInt32(0), Clock: r.GetDateTime(1), Tls: r.GetBoolean(2), Local: r.GetBoolean(3),
            Keep: r.GetString(4), KeepMegabytes: r.GetInt64(5), Statistics: r.GetBoolean(7), Prepared: r.GetInt32(8),
            SenderTimeoutMs: r.GetInt32(9), DataDirectory: r.IsDBNull(10) ? null : r.GetString(10)), cancellationToken))[0];
        DateTimeOffset after = time.GetUtcNow();
        TimeSpan skew = new DateTimeOffset(found.Clock) - (before + ((after - before) / 2));
        CheckStatus skewed = skew.Duration() >= SkewFail ? CheckStatus.Fail : CheckStatus.Warn;
        string role = PgIdentifier.Quote(new NpgsqlConnectionStringBuilder(connection.ConnectionString).Username ?? "indelible_capture");
        return
        [
            SourceCheck.Of("pooler", found.Pid == connection.ProcessID, CheckStatus.Fail,
                found.Pid == connection.ProcessID ? "direct" : "a pooler answers in the server's place", "a direct connection",
                "give the server's own host and port, not the pooler's"),
            SourceCheck.Of("TLS", found.Tls || found.Local, CheckStatus.Warn, found.Tls ? "on" : found.Local ? "Unix socket" : "off",
                "on, or a Unix socket", "add SSL Mode=VerifyFull to the connection string (and ssl = on to postgresql.conf)"),
            SourceCheck.Of("clock", skew.Duration() < SkewWarn, skewed,
                string.Create(CultureInfo.InvariantCulture, $"{skew.TotalMilliseconds:F0} ms ahead of this machine"), "within 2 s",
                "timedatectl set-ntp true # on both machines"),
            SourceCheck.Of("login roles", found.Statistics, CheckStatus.Warn, found.Statistics ? "visible" : "hidden", "visible",
                $"GRANT pg_read_all_stats TO {role};"),
            SourceCheck.Of("prepared transactions", found.Prepared == 0, CheckStatus.Warn, $"{found.Prepared} older than an hour",
                "none: they hold WAL back and keep slots from being made",
                "SELECT gid, prepared, owner, database FROM pg_prepared_xacts; -- then COMMIT PREPARED or ROLLBACK PREPARED"),
            SourceCheck.Of("wal_sender_timeout", found.SenderTimeoutMs >= SenderTimeoutMinMs, CheckStatus.Warn,
                found.SenderTimeoutMs == 0 ? "endless" : $"{found.SenderTimeoutMs} ms",
                "10 s or more: endless, a connection that broke unseen keeps the slot; shorter, a short pause ends it",
                "ALTER SYSTEM SET wal_sender_timeout = '60s'; SELECT pg_reload_conf();"),
            Disk(found.DataDirectory, found.Local),
            SourceCheck.Of("max_slot_wal_keep_size", found.KeepMegabytes >= 0, CheckStatus.Warn,
                found.KeepMegabytes < 0 ? "unlimited" : found.Keep,
                "a limit below the free disk: unlimited, a stopped `run` fills the source's disk; limited, it costs a gap",
                "ALTER SYSTEM SET max_slot_wal_keep_size = '50GB'; SELECT pg_reload_conf();"),
        ];
    }

    /// <summary>SQL does not tell how much is free there; on the same machine it can be looked at.</summary>
    private static SourceCheck Disk(string? dataDirectory, bool isSameMachine)
    {
        const string name = "disk of the source", expected = "more free than max_slot_wal_keep_size";
        if (dataDirectory is null)
            return new SourceCheck(name, CheckStatus.Ok, "not told to this role; look on its server", expected, null);
        string look = $"df -h '{dataDirectory}'";
        if (!isSameMachine || Free(dataDirectory) is not { } free)
            return new SourceCheck(name, CheckStatus.Ok, $"not to be seen from here; on its server: {look}", expected, null);
        CheckStatus status = free < DiskFail ? CheckStatus.Fail : free < DiskWarn ? CheckStatus.Warn : CheckStatus.Ok;
        return new SourceCheck(name, status, $"{free >> 20} MiB free", expected,
            status == CheckStatus.Ok ? null : $"{look} # then free some space: a source whose disk is full stops");
    }

    private static long? Free(string directory)
    {
        try
        {
            return new DriveInfo(directory).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;    // not ours to see
        }
    }

    internal static bool IsLagging(SlotFacts slot) => slot.LagBytes > LagWarnBytes;
}
