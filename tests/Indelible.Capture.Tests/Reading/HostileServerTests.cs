using System.Text;
using Indelible.Capture.PgOutput;
using Indelible.Capture.Reading;
using Indelible.Format;
using Indelible.Testing;
using Npgsql;
using Xunit;

namespace Indelible.Capture.Tests.Reading;

/// <summary>A server that means harm cannot have memory for what it only announces, nor for more than a server can send.</summary>
public sealed class HostileServerTests
{
    private static readonly Protection Nothing = new() { Slot = "slot", Publication = "publication", Tables = [] };
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(3);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_message_longer_than_a_server_can_build_is_refused_before_it_is_read()
    {
        await using HostileServer server = new(async stream =>
            await stream.WriteAsync((byte[])[.. HostileServer.Streaming, .. HostileServer.Streamed(int.MaxValue - 64)], Stop));
        await using ReplicationStream stream = await BeginAsync(server);
        Assert.True(await stream.MoveNextAsync());
        PgOutputException refused = await Assert.ThrowsAsync<PgOutputException>(async () => await stream.ReadAsync(Stop));
        Assert.Contains($"a message of {int.MaxValue - 64} bytes, where no server sends more than 1073741823", refused.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_announced_and_not_sent_takes_no_memory()
    {
        const int sent = 2 << 20;
        HostileServer server = new(async stream =>
        {
            await stream.WriteAsync(
                (byte[])[.. HostileServer.Streaming, .. HostileServer.Streamed(ReplicationStream.MessageMax)], Stop);
            await stream.WriteAsync(new byte[sent], Stop);
        });
        await using ReplicationStream stream = await BeginAsync(server);
        Assert.True(await stream.MoveNextAsync());
        Task reading = stream.ReadAsync(Stop).AsTask();
        await Task.Delay(Silence, Stop);
        Assert.False(reading.IsCompleted);
        Assert.InRange(stream.Held, 1, 4 * sent);
        await server.DisposeAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => reading);
    }

    [Fact]
    public async Task A_large_message_is_read_whole()
    {
        byte[] content = new byte[(37 << 20) + 11];
        new Random(7).NextBytes(content);
        content[0] = (byte)'I';
        await using HostileServer server = new(async stream =>
        {
            await stream.WriteAsync((byte[])[.. HostileServer.Streaming, .. HostileServer.Streamed(content.Length)], Stop);
            await stream.WriteAsync(content, Stop);
            await stream.WriteAsync((byte[])[.. HostileServer.Streamed(3), 1, 2, 3], Stop);
        });
        await using ReplicationStream stream = await BeginAsync(server);
        Assert.True(await stream.MoveNextAsync());
        Assert.True((await stream.ReadAsync(Stop)).Span.SequenceEqual(content));
        Assert.True(await stream.MoveNextAsync());
        Assert.Equal([1, 2, 3], (await stream.ReadAsync(Stop)).ToArray());
    }

    [Fact]
    public async Task A_server_that_says_nothing_is_left_once_the_time_for_it_is_over()
    {
        await using HostileServer server = new(async stream => await stream.WriteAsync(HostileServer.Streaming, Stop));
        await using ReplicationStream stream = await BeginAsync(server);
        NpgsqlException silent = await Assert.ThrowsAnyAsync<NpgsqlException>(async () => await stream.MoveNextAsync());
        Assert.IsType<TimeoutException>(silent.InnerException);
    }

    /// <summary>Npgsql reads it into an array of the length announced, which is memory only as far as it is written to.</summary>
    [Fact]
    public async Task Another_message_that_is_announced_and_not_sent_takes_no_memory_either()
    {
        byte[] announced = HostileServer.Message('E', int.MaxValue - 64);
        await using HostileServer server = new(async stream => await stream.WriteAsync(announced, Stop));
        await using ReplicationStream stream = await BeginAsync(server);
        long before = ResidentKiB();
        await Assert.ThrowsAnyAsync<NpgsqlException>(async () => await stream.MoveNextAsync());
        Assert.InRange(ResidentKiB() - before, long.MinValue, 1 << 20);
    }

    [Fact]
    public async Task Of_an_error_of_any_length_so_much_is_told_as_a_person_reads()
    {
        byte[] text = Encoding.UTF8.GetBytes("SERROR\0CXX000\0M" + new string('x', 30 << 20) + "\0\0");
        await using HostileServer server = new(async stream => await stream.WriteAsync(HostileServer.Whole('E', text), Stop));
        await using ReplicationStream stream = await BeginAsync(server);
        PostgresException failure = await Assert.ThrowsAsync<PostgresException>(async () => await stream.MoveNextAsync());
        Assert.InRange(SourceFailure.From(failure, server.Connection).Message.Length, 1_000, 1_200);
    }

    private static async Task<ReplicationStream> BeginAsync(HostileServer server)
    {
        ReplicationStream stream = await ReplicationStream.OpenAsync(server.Connection, Stop);
        stream.Start(Nothing, Lsn.None, 150_000, TimeSpan.FromSeconds(60), Silence, Stop);
        return stream;
    }

    private static long ResidentKiB()
    {
        using System.Diagnostics.Process self = System.Diagnostics.Process.GetCurrentProcess();
        return self.WorkingSet64 >> 10;
    }
}
