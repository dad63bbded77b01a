using Indelible.Capture;
using Indelible.Index;
using Indelible.Ledger;
using Indelible.Server.Continuity;
using Indelible.Testing;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>A baseline leaves behind what its entries would be read again for.</summary>
public sealed class BaselineTests(BaselineTests.Shared shared) : IClassFixture<BaselineTests.Shared>
{
    [Fact]
    public async Task What_rows_hold_and_what_finds_them_is_noted_as_if_it_had_been_read_from_the_entries()
    {
        await using LiveLedger ledger = await LiveLedger.CreateAsync(
            shared.Server, ["people.ssn", "people.phone", "visits.note", "secret.code"],
            "CREATE TABLE people (id int PRIMARY KEY, ssn text, phone text)",
            "INSERT INTO people SELECT n, 's' || n, nullif(n % 3, 0)::text FROM generate_series(1, 12000) n",
            "CREATE TABLE visits (day date, person text, note text, PRIMARY KEY (day, person)) PARTITION BY RANGE (day)",
            "CREATE TABLE visits_a PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO ('2026-07-01')",
            "CREATE TABLE visits_b PARTITION OF visits FOR VALUES FROM ('2026-07-01') TO ('2027-01-01')",
            "INSERT INTO visits SELECT '2026-01-01'::date + 20 * n, 'p' || n, repeat('v', 3000 * n) FROM generate_series(1, 15) n",
            "CREATE TABLE secret (code text PRIMARY KEY)", "INSERT INTO secret VALUES ('a'), ('b')");
        IReadOnlyList<ProtectedTable> tables = ledger.Config.Sources[ledger.Source].Protection.Tables;
        Dictionary<RowTag, RowImage> noted, read;
        await using (LedgerHost host = await ledger.OpenAsync())
        {
            Assert.Equal(host.Writer.TreeSize, host.View.Index.IndexedSize);
            Assert.InRange(host.View.Index.Rows.AppliedTo(ledger.Source), 12_017, host.Writer.TreeSize);
            noted = Images(host, ledger, tables);
        }
        Directory.Delete(ledger.Paths.Index, recursive: true);
        await using (LedgerHost host = await ledger.OpenAsync())
        {
            await host.PublishAsync(CancellationToken.None);
            new RowImageCatchUp(host.View, ledger.Source, ledger.Config.Sources[ledger.Source].Protection).Run(CancellationToken.None);
            read = Images(host, ledger, tables);
        }
        Assert.Equal(12_017, noted.Count);
        Assert.Equal(read.Keys.ToHashSet(), noted.Keys.ToHashSet());
        foreach ((RowTag row, RowImage image) in read)
        {
            Assert.Equal((image.At, image.Ordinal, image.Leaf), (noted[row].At, noted[row].Ordinal, noted[row].Leaf));
            Assert.Equal(image.Columns, noted[row].Columns);
        }
    }

    private static Dictionary<RowTag, RowImage> Images(LedgerHost host, LiveLedger ledger, IReadOnlyList<ProtectedTable> tables) => tables
        .Select(table => RowTag.Of(ledger.Source, table.Id))
        .SelectMany(table => host.View.Index.Rows.OfTable(table).Select(row => (Tag: new RowTag(table, row.Row), row.Image)))
        .ToDictionary(row => row.Tag, row => row.Image);

    public sealed class Shared : IAsyncLifetime
    {
        public PostgresServer Server { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Server = await PostgresServer.StartAsync();

        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }
}
