using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Indelible.Capture.Tests.Protect;

/// <summary>A database of a test's own, with what the tests of protection do to it.</summary>
internal sealed class ProtectedDatabase(PostgresServer server, string connectionString)
{
    public static readonly byte[] Secret = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];

    private static int _count;

    public string ConnectionString { get; } = connectionString;

    /// <summary>A name no other test's source has: slots and roles belong to the whole server.</summary>
    public string Source { get; } = $"src{Interlocked.Increment(ref _count)}";

    public string CaptureRole => $"capture_{Source}";

    public SourceConnection Owner => SourceConnection.Parse(ConnectionString);

    public static async Task<ProtectedDatabase> CreateAsync(PostgresServer server, params string[] statements)
    {
        var database = new ProtectedDatabase(server, await server.CreateDatabaseAsync());
        await server.ExecuteAsync(database.ConnectionString, statements);
        return database;
    }

    public ProtectRequest Request(params string[] columns) => new()
    {
        Source = Source,
        Columns = [.. columns.Select(ColumnRequest.Parse)],
        AttributionSecret = Secret,
        CaptureRole = CaptureRole,
        CapturePassword = "capture-password",
        LockTimeout = TimeSpan.FromMilliseconds(200),
        LockAttempts = 2,
    };

    public Task<ProtectOutcome> ProtectAsync(params string[] columns) => ProtectAsync(Request(columns));

    public Task<ProtectOutcome> ProtectAsync(ProtectRequest request) => ProtectAsync(Owner, request);

    /// <summary>Plans and carries the plan out.</summary>
    public static async Task<ProtectOutcome> ProtectAsync(SourceConnection owner, ProtectRequest request)
    {
        ProtectPlan plan = await Protector.PlanAsync(owner, request, CancellationToken.None);
        return await Protector.CarryOutAsync(owner, request, plan, static _ => { }, TimeProvider.System, CancellationToken.None);
    }

    public Task ExecuteAsync(params string[] statements) => server.ExecuteAsync(ConnectionString, statements);

    public Task<List<string?>> QueryAsync(string query) => server.QueryAsync(ConnectionString, query);

    /// <summary>Everything committed so far, as the capture role reads it; nothing is confirmed.</summary>
    public async Task<List<CapturedChange>> ReadAllAsync(Protection protection)
    {
        Lsn end = Lsn.Parse((await QueryAsync("SELECT pg_current_wal_flush_lsn()::text"))[0]!);
        await using SourceCapture capture = await SourceCapture.OpenAsync(
            Owner.As(CaptureRole, "capture-password"), protection, Secret, static (_, _) => new byte[16], null, new SessionTable(),
            TimeProvider.System, NullLogger.Instance, CancellationToken.None);
        using CancellationTokenSource limit = new(Patience.Max);
        List<CapturedChange> changes = [];
        await foreach (CapturedBatch batch in capture.ReadAsync(limit.Token))
        {
            changes.AddRange(batch.Changes);
            capture.Release(batch);
            if (batch.Confirmable >= end) break;
        }
        return changes;
    }

    /// <summary>What the slot has to say since last asked: per transaction, rows as <c>I</c>, <c>U</c>, <c>D</c>,
    /// <c>T</c> and messages.</summary>
    public async Task<List<StreamItem>> DrainAsync()
    {
        var items = new List<StreamItem>();
        await using NpgsqlConnection connection = await server.ConnectAsync(ConnectionString);
        await using var command = new NpgsqlCommand(
            $"SELECT xid::text::int8, data FROM pg_logical_slot_get_binary_changes('indelible_{Source}', NULL, NULL, 'proto_version', '2', "
                + $"'publication_names', 'indelible_{Source}', 'messages', 'true')", connection);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            byte[] data = reader.GetFieldValue<byte[]>(1);
            long xid = reader.GetInt64(0);
            if (data[0] == (byte)'M') items.Add(Message(xid, data));
            else if ("IUDT".Contains((char)data[0], StringComparison.Ordinal)) items.Add(new StreamItem(xid, (char)data[0], "", []));
        }
        return items;
    }

    /// <summary>A logical decoding message: type, flags, LSN, prefix with zero, length, content.</summary>
    private static StreamItem Message(long xid, byte[] data)
    {
        int end = Array.IndexOf(data, (byte)0, 10);
        int length = BinaryPrimitives.ReadInt32BigEndian(data.AsSpan(end + 1));
        return new StreamItem(xid, 'M', Encoding.UTF8.GetString(data, 10, end - 10), data[(end + 5)..(end + 5 + length)]);
    }
}

/// <summary>A row or a message of the stream.</summary>
internal sealed record StreamItem(long Xid, char Kind, string Prefix, byte[] Payload)
{
    /// <summary>What follows the MAC.</summary>
    public string Body => Encoding.UTF8.GetString(Payload.AsSpan(HMACSHA256.HashSizeInBytes));

    /// <summary>What an attribution message states after its position: transaction, user, role, application,
    /// address, pid, operator.</summary>
    public string?[] Facts => [.. Regex.Matches(Body[Body.IndexOf('\'', StringComparison.Ordinal)..], "NULL|'((?:[^']|'')*)'")
        .Select(literal => literal.Groups[1].Success ? literal.Groups[1].Value : null)];

    public string? Role => Facts[2];

    public string? Operator => Facts[6];

    /// <summary>Whether the MAC holds and the message names its own transaction.</summary>
    public bool IsGenuine =>
        HMACSHA256.HashData(ProtectedDatabase.Secret, Payload.AsSpan(HMACSHA256.HashSizeInBytes)).AsSpan()
            .SequenceEqual(Payload.AsSpan(0, HMACSHA256.HashSizeInBytes))
        && Body.Contains(Xid.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
}
