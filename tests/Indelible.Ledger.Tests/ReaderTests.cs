using Indelible.Format.Merkle;
using Indelible.Testing;
using Xunit;

namespace Indelible.Ledger.Tests;

public sealed class ReaderTests
{
    [Fact]
    public async Task Entries_are_the_same_in_any_order_alone_and_again()
    {
        using TestLedger ledger = await SealedAsync(700);
        var reader = new LedgerReader(ledger.Paths.Ledger);
        foreach (long index in (long[])[699, 0, 256, 1, 2, 2, 300, 255, 512, 511, 699, 3, 698, 0])
            Assert.Equal(TestLedger.EntryBytes(index), reader.ReadEntry(index).ToArray());
        for (long index = 0; index < 700; index += 13)
        {
            Assert.Equal(ProofFault.None,
                Proof.CheckInclusion(
                    Tree.Leaf(TestLedger.EntryBytes(index)), index, 700, [.. reader.Prove(index).Path], reader.ReadCheckpoint().Root));
        }
        Assert.Throws<ArgumentOutOfRangeException>(() => reader.ReadEntry(700));
    }

    [Fact]
    public async Task A_bundle_of_another_length_is_told_whether_one_entry_is_read_or_many()
    {
        using TestLedger ledger = await SealedAsync(300);
        string path = Path.Combine(ledger.Paths.Ledger, "tile", "entries", "000");
        byte[] whole = File.ReadAllBytes(path);
        foreach (byte[] damaged in (byte[][])[whole[..^1], [.. whole, 0], [], whole[..1]])
        {
            File.Delete(path);
            File.WriteAllBytes(path, damaged);
            var reader = new LedgerReader(ledger.Paths.Ledger);
            for (int time = 0; time < 3; time++)
            {
                LedgerCorruptException found = Assert.Throws<LedgerCorruptException>(() => reader.ReadEntry(5));
                Assert.Contains(path, found.Message);
            }
        }
        File.Delete(path);
        LedgerCorruptException missing = Assert.Throws<LedgerCorruptException>(() => new LedgerReader(ledger.Paths.Ledger).ReadEntry(5));
        Assert.Contains("found none", missing.Message);
    }

    private static async Task<TestLedger> SealedAsync(int count)
    {
        TestLedger ledger = await TestLedger.CreateAsync();
        await using LedgerWriter writer = await ledger.OpenAsync();
        await writer.SealAsync(TestLedger.Batch(0, count), CancellationToken.None);
        await writer.PublishAsync(CancellationToken.None);
        return ledger;
    }
}
