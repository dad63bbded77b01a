using System.Diagnostics;
using System.Globalization;
using Indelible.Format.Entries;
using Indelible.Testing;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>Memory does not grow with a transaction: docs/architecture.md#memory.</summary>
public sealed class MemoryTests : IAsyncLifetime
{
    private const long BoundKiB = 512 << 10;

    private readonly IndelibleProcess _indelible = new();
    private PostgresServer _server = null!;
    private string _database = "";

    public async ValueTask InitializeAsync()
    {
        _server = await PostgresServer.StartAsync();
        _database = await _server.CreateDatabaseAsync();
        await _server.ExecuteAsync(_database, GroundTruth.Schema, "ALTER TABLE people DISABLE TRIGGER tell",
            "CREATE TABLE scans (id int PRIMARY KEY, scan bytea)");
        Assert.Equal(0, (await _indelible.RunAsync("init", "--origin", "example.org/m")).ExitCode);
        IndelibleProcess.Result protect = await _indelible.RunAsync(
            "protect", "--source", _database, "--name", "crm", "people.ssn", "people.code", "people.note", "scans.scan");
        Assert.True(protect.ExitCode == 0, protect.Error);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _indelible.Dispose();
    }

    [Fact]
    public async Task One_large_transaction_and_many_large_values_pass_in_bounded_memory()
    {
        const int Rows = 200_000, Scans = 40;
        (Process process, _, Task<string> log) = await _indelible.RunServerAsync();
        using Process running = process;
        await _server.ExecuteAsync(_database,
            $"INSERT INTO people SELECT n, 'ssn' || n, 'code' || n, repeat('n', 100) FROM generate_series(1, {Rows}) n",
            // 2 MiB each, 4 as text
            $"INSERT INTO scans SELECT n, decode(repeat(md5(n::text), {2 << 16}), 'hex') FROM generate_series(1, {Scans}) n");
        await SealedAsync();
        long peakKiB = ProcessFigures.PeakKiB(process);
        TestContext.Current.TestOutputHelper?.WriteLine($"peak {peakKiB >> 10} MiB");
        IndelibleProcess.Signal(process, "TERM");
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await log);
        Assert.InRange(peakKiB, 1, BoundKiB);
        Assert.Equal(
            Rows + Scans, (await LedgerCheck.AllAsync(Path.Combine(_indelible.Home, "ledger"), "example.org/m", CancellationToken.None))
            .Count(entry => EntryCodec.Decode(entry, out Entry decoded) == EntryFault.None && decoded.Header.Operation is not null));
    }

    private async Task SealedAsync()
    {
        string end = (await _server.QueryAsync(_database, "SELECT pg_current_wal_insert_lsn()"))[0]!;
        while ((await _server.QueryAsync(_database, $"SELECT confirmed_flush_lsn >= '{end}' FROM pg_replication_slots"))[0] != "t")
            await Task.Delay(100);
    }
}
