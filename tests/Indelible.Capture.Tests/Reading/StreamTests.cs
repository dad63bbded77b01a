using Indelible.Format;
using Npgsql;
using Xunit;

namespace Indelible.Capture.Tests.Reading;

/// <summary>The stream between server and collector: patience, and what is not ours.</summary>
public sealed class StreamTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    private const string People = "CREATE TABLE people (id int PRIMARY KEY, ssn text)";

    [Fact]
    public async Task The_server_hears_from_us_however_long_a_batch_takes_to_be_sealed()
    {
        Watched db = await Watched.SetUpAsync(fixture.Server, People, ["public.people.ssn"]);
        string name = new NpgsqlConnectionStringBuilder(db.Database).Database!;
        await db.ExecuteAsync($"ALTER DATABASE {name} SET wal_sender_timeout = '2s'",
            "INSERT INTO people SELECT i, repeat('x', 300) FROM generate_series(1, 60000) i");
        Lsn end = await db.LogEndAsync();
        await using SourceCapture capture = await db.OpenAsync();
        int rows = 0;
        bool waited = false;
        await foreach (CapturedBatch batch in capture.ReadAsync(TestContext.Current.CancellationToken))
        {
            rows += batch.Changes.Count;
            capture.Release(batch);
            if (!waited) await Task.Delay(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);
            waited = true;
            if (batch.Confirmable >= end) break;
        }
        Assert.Equal(60_000, rows);
    }

    [Fact]
    public async Task Large_messages_of_other_applications_are_passed_over_unread()
    {
        Watched db = await Watched.SetUpAsync(fixture.Server, People, ["public.people.ssn"]);
        await db.ExecuteAsync(
            "INSERT INTO people VALUES (1, 'before')",
            "BEGIN; SELECT pg_logical_emit_message(true, 'outbox', repeat('x', 30000000)); INSERT INTO people VALUES (2, 'beside'); COMMIT",
            "SELECT pg_logical_emit_message(false, 'outbox', repeat('x', 30000000))",
            "INSERT INTO people VALUES (3, 'after')");
        Assert.Equal(["before", "beside", "after"],
            (await db.ReadAllAsync()).Cast<CapturedChange.Row>().Select(row => Show.Value(row.Fields[0].After)));
    }
}
