using Indelible.Format.Entries;
using Indelible.Index;
using Indelible.Testing;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>The index is the only thing that may be lost: when its disk is full, sealing goes on.</summary>
public sealed class IndexDiskTests : IAsyncLifetime
{
    private PeopleLedger _people = null!;

    public async ValueTask InitializeAsync() => _people = await PeopleLedger.StartAsync();

    public ValueTask DisposeAsync() => _people.DisposeAsync();

    [Fact]
    public async Task A_full_index_disk_stops_neither_sealing_nor_the_next_session_and_the_index_catches_up_once_there_is_room()
    {
        using SmallDisk? disk = SmallDisk.TryMount(_people.Paths.Index, megabytes: 64);
        Assert.SkipWhen(disk is null, "no right to mount a file system");
        await _people.RunningAsync(async host =>
        {
            await ChangeAsync(host, "UPDATE people SET ssn = 'before' WHERE id = 1");
            await FilledAsync(host, disk);
            long indexed = host.View.Index.IndexedSize;
            await ChangeAsync(host, "UPDATE people SET ssn = 'meanwhile' WHERE id < 10");
            await PeopleLedger.UntilAsync(() => host.View.Feed.Problem is not null);
            Assert.Equal(indexed, host.View.Index.IndexedSize);
            await _people.ExecuteAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_replication");
            await ChangeAsync(host, "UPDATE people SET ssn = 'in the next session' WHERE id = 2");
            Assert.Contains("free space", LedgerStatus.Of(host).IndexProblem, StringComparison.Ordinal);

            disk.Free();
            await PeopleLedger.UntilAsync(() => host.View.Feed.Problem is null);
            await ChangeAsync(host, "UPDATE people SET ssn = 'after' WHERE id = 2");
            await ChangeAsync(host, "UPDATE people SET ssn = 'again' WHERE id = 2");
            await host.PublishAsync(CancellationToken.None);
            Assert.Equal(host.Writer.PublishedSize, host.View.Index.IndexedSize);
            Assert.Equal(_people.Entries().Count(entry => entry.Header.Operation == Operation.Update),
                host.View.Index.Find(new Query { Operation = Operation.Update, Limit = 100 }).Entries.Count);
            Assert.DoesNotContain(host.View.Index.Find(new Query { Kind = EntryKind.Guard }).Entries,
                index => host.View.Header(index).Code == GuardCode.Continuity);
        });
    }

    /// <summary>Until RocksDB cannot write a table: it would try once those in memory are full.</summary>
    private async Task FilledAsync(LedgerHost host, SmallDisk disk)
    {
        for (int i = 0; i < 50; i++)
        {
            disk.Fill();
            await ChangeAsync(host, $"UPDATE people SET ssn = 'full {i}' WHERE id = 20");
            await UntilIndexedAsync(host);
            if (Record.Exception(host.View.Index.Flush) is IndexDiskException) return;
        }
        Assert.Fail("the disk does not fill");
    }

    private static Task UntilIndexedAsync(LedgerHost host) =>
        PeopleLedger.UntilAsync(() => host.View.Index.IndexedSize == host.Writer.TreeSize || host.View.Feed.Problem is not null);

    private async Task ChangeAsync(LedgerHost host, string statement)
    {
        await _people.ExecuteAsync(statement);
        await _people.CaughtUpAsync(host);
    }

}
