using Indelible.Format;
using Indelible.Testing;
using Xunit;

namespace Indelible.Ledger.Tests;

/// <summary>A journal with three unpublished records, cut and changed at every byte.</summary>
public sealed class JournalTests : IAsyncLifetime
{
    private readonly List<long> _ends = [];
    private TestLedger _ledger = null!;
    private TestLedger _crashed = null!;
    private string _segment = "";

    public async ValueTask InitializeAsync()
    {
        _ledger = await TestLedger.CreateAsync();
        await using LedgerWriter writer = await _ledger.OpenAsync();
        _segment = Path.GetFileName(Journal.Segments(_ledger.Paths.Journal)[^1]);
        for (int i = 0; i < 3; i++)
        {
            EntryBatch batch = TestLedger.Batch(2 * i, 2);
            batch.Mark = TestLedger.Mark("crm", (ulong)i + 1);
            await writer.SealAsync(batch, CancellationToken.None);
            _ends.Add(new FileInfo(Path.Combine(_ledger.Paths.Journal, _segment)).Length);
        }
        _crashed = _ledger.Copy();
    }

    public ValueTask DisposeAsync()
    {
        _ledger.Dispose();
        _crashed.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_last_record_torn_at_any_byte_is_dropped_and_reported_and_nothing_else_is()
    {
        for (long length = _ends[1]; length <= _ends[2]; length++)
        {
            using TestLedger copy = _crashed.Copy();
            using (FileStream file = File.OpenWrite(Segment(copy))) file.SetLength(length);
            await using LedgerWriter writer = await copy.OpenAsync();
            bool isWhole = length == _ends[2];
            Assert.Equal(isWhole ? 6 : 4, writer.TreeSize);
            Assert.Equal(TestLedger.Mark("crm", isWhole ? 3u : 2u), writer.MarkOf("crm"));
            bool isTorn = length > _ends[1] && !isWhole;
            Assert.Equal(isTorn ? new TornTail(Segment(copy), _ends[1], length - _ends[1]) : null, writer.Recovery.TornTail);
        }
    }

    [Fact]
    public async Task A_change_of_any_byte_is_corruption_unless_it_can_be_a_torn_last_record_which_is_reported()
    {
        byte[] original = await File.ReadAllBytesAsync(Segment(_crashed));
        for (int at = 0; at < original.Length; at++)
        {
            using TestLedger copy = _crashed.Copy();
            byte[] changed = [.. original];
            changed[at] ^= 0x10;
            await File.WriteAllBytesAsync(Segment(copy), changed);
            if (at < _ends[1])
            {
                await Assert.ThrowsAsync<LedgerCorruptException>(() => copy.OpenAsync());
                Assert.Equal(changed, await File.ReadAllBytesAsync(Segment(copy)));
                continue;
            }
            await using LedgerWriter writer = await copy.OpenAsync();
            Assert.Equal(_ends[1], writer.Recovery.TornTail?.Offset);
            Assert.Equal(4, writer.TreeSize);
        }
    }

    [Fact]
    public async Task After_a_clean_stop_damage_to_the_last_entries_cannot_pass_for_a_torn_write()
    {
        using TestLedger ledger = await TestLedger.CreateAsync();
        long end;
        await using (LedgerWriter writer = await ledger.OpenAsync())
        {
            var batch = new EntryBatch { Mark = TestLedger.Mark("crm", 9) };
            await writer.SealAsync(batch, CancellationToken.None);
            end = new FileInfo(Segment(ledger)).Length;
        }
        byte[] bytes = await File.ReadAllBytesAsync(Segment(ledger));
        bytes[end - 40] ^= 1;
        await File.WriteAllBytesAsync(Segment(ledger), bytes);
        await Assert.ThrowsAsync<LedgerCorruptException>(() => ledger.OpenAsync());
    }

    private string Segment(TestLedger ledger) => Path.Combine(ledger.Paths.Journal, _segment);
}
