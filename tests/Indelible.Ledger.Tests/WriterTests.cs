using Indelible.Format;
using Indelible.Testing;
using Xunit;

namespace Indelible.Ledger.Tests;

public sealed class WriterTests
{
    [Fact]
    public async Task Large_values_are_sealed_while_tiles_are_published_and_neither_gets_in_the_others_way()
    {
        using TestLedger ledger = await TestLedger.CreateAsync();
        const int count = 300;
        await using (LedgerWriter writer = await ledger.OpenAsync())
        {
            for (int i = 0; i < count; i++)
            {
                EntryBatch batch = TestLedger.Batch(i, 1);
                batch.AddBlob(TestLedger.BlobOf(i, 20_000));
                Task sealing = writer.SealAsync(batch, CancellationToken.None);
                await Task.WhenAll(sealing, Task.Run(() => writer.PublishAsync(CancellationToken.None)),
                    Task.Run(() => writer.PublishAsync(CancellationToken.None)));
            }
        }
        await LedgerCheck.AllAsync(ledger.Paths.Ledger, TestLedger.Origin, CancellationToken.None);
        var reader = new LedgerReader(ledger.Paths.Ledger);
        for (int i = 0; i < count; i++) Assert.Equal(20_000, reader.ReadBlob(TestLedger.BlobOf(i, 20_000).Sha256.Span).Length);
    }

    [Fact]
    public async Task What_is_sealed_is_there_after_a_restart_and_so_are_the_marks()
    {
        using TestLedger ledger = await TestLedger.CreateAsync();
        long size = 0;
        foreach (int count in new[] { 1, 0, 255, 1, 300, 700, 5 })
        {
            await using (LedgerWriter writer = await ledger.OpenAsync())
            {
                Assert.Equal(size, writer.TreeSize);
                if (size > 0) Assert.Equal(TestLedger.Mark("crm", (ulong)size), writer.MarkOf("crm"));
                EntryBatch batch = TestLedger.Batch(size, count);
                batch.Mark = TestLedger.Mark("crm", (ulong)(size + count));
                SealedBatch result = await writer.SealAsync(batch, CancellationToken.None);
                Assert.Equal(new SealedBatch(size, size + count), result);
                size += count;
            }
            var reader = new LedgerReader(ledger.Paths.Ledger);
            Assert.Equal(size, reader.ReadCheckpoint().Size);
            foreach ((long index, ReadOnlyMemory<byte> entry) in reader.ReadEntries(0, size))
                Assert.Equal(TestLedger.EntryBytes(index), entry.ToArray());
        }
    }
}
