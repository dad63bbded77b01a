using Indelible.Format;
using Indelible.Testing;
using Xunit;

namespace Indelible.Ledger.Tests;

/// <summary>A fixed run of the writer that crosses tile boundaries, rolls the journal, stores blobs;
/// and what must hold wherever it ends.</summary>
internal sealed class Script(TestLedger ledger)
{
    private static readonly (int Count, bool Publish)[] Steps =
        [(1, false), (0, false), (3, true), (250, false), (1, true), (1, true), (5, false), (255, true), (2, false), (1, true)];

    // A small segment makes the journal roll within the script.
    private static readonly LedgerOptions Options = new() { SegmentLengthMax = 4096 };

    private long _entries;
    private ulong _position;

    /// <summary>Entries whose sealing was acknowledged.</summary>
    public long Acknowledged { get; private set; }

    /// <summary>Position of the last acknowledged mark; zero for none.</summary>
    public ulong Marked { get; private set; }

    public async Task RunAsync()
    {
        await using LedgerWriter writer = await ledger.OpenAsync(Options);
        (_entries, _position) = (writer.TreeSize, writer.MarkOf("crm")?.Last.CommitLsn.Bytes ?? 0);
        foreach ((int count, bool publish) in Steps)
        {
            EntryBatch batch = TestLedger.Batch(_entries, count);
            batch.Mark = TestLedger.Mark("crm", ++_position);
            if (count == 3) batch.AddBlob(TestLedger.BlobOf(7, 5000));
            _entries += count;
            await writer.SealAsync(batch, CancellationToken.None);
            (Acknowledged, Marked) = (_entries, _position);
            if (publish) await writer.PublishAsync(CancellationToken.None);
        }
    }

    /// <summary>Opens the ledger as a crash left it: nothing acknowledged is missing, everything verifies, and it goes on.</summary>
    public static async Task CheckAsync(TestLedger crashed, long acknowledged, ulong marked)
    {
        await using (LedgerWriter writer = await crashed.OpenAsync())
        {
            Assert.True(writer.TreeSize >= acknowledged, $"{acknowledged} entries were acknowledged, {writer.TreeSize} are there");
            ulong found = writer.MarkOf("crm")?.Last.CommitLsn.Bytes ?? 0;
            Assert.True(found >= marked, $"position {marked} was acknowledged, {found} is there");
            Assert.Equal(writer.TreeSize, writer.PublishedSize);
            await writer.SealAsync(TestLedger.Batch(writer.TreeSize, 2), CancellationToken.None);
        }
        IReadOnlyList<byte[]> entries = await LedgerCheck.AllAsync(crashed.Paths.Ledger, TestLedger.Origin, CancellationToken.None);
        Assert.All(entries.Index(), entry => Assert.Equal(TestLedger.EntryBytes(entry.Index), entry.Item));
    }
}
