using System.Diagnostics;
using Indelible.Format.Merkle;
using Indelible.Ledger.Stores;
using Indelible.Testing;
using Xunit;

namespace Indelible.Ledger.Tests.Stores;

/// <summary>How many requests a copy in a bucket takes.</summary>
public sealed class RequestTests(ITestOutputHelper output)
{
    /// <summary>A million changes at a thousand a second; <paramref name="everySeconds"/> between two heads of the copy.</summary>
    [Theory(Explicit = true)]
    [InlineData(60, 1_000_000, false)]
    [InlineData(10, 1_000_000, false)]
    [InlineData(10, 1_000_000, true)]
    public Task A_million_changes_take_few_requests(int everySeconds, int count, bool isPrimary) =>
        CountAsync(everySeconds, count, isPrimary);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task Full_tiles_are_stored_once_and_tails_only_with_heads(bool isPrimary) =>
        CountAsync(everySeconds: 10, count: 20_000, isPrimary);

    private async Task CountAsync(int everySeconds, int count, bool isPrimary)
    {
        const int perSecond = 1_000, publishedPerSecond = 4;
        RadosGateway gateway = await RadosGateway.GetAsync();
        BucketOptions options = await gateway.MakeBucketAsync(TimeSpan.FromDays(3650)) with { IsPrimary = isPrimary };
        using TestLedger ledger = await TestLedger.CreateAsync();
        BucketStore store = new(options, TimeProvider.System);
        await using Copying copying = await Copying.OpenAsync(ledger, store);
        await copying.RoundAsync();
        (long puts, long gets, long lists, _) = store.Requests;
        int heads = 0;
        TimeSpan copied = TimeSpan.Zero;
        for (int size = 0; size < count; heads++)
        {
            int next = Math.Min(size + (perSecond * everySeconds), count);
            await using (LedgerWriter writer = await ledger.OpenAsync())
            {
                for (; size < next; size += 1_000)
                    await writer.SealAsync(TestLedger.Batch(size, Math.Min(1_000, next - size)), CancellationToken.None);
            }
            size = next;
            Stopwatch watch = Stopwatch.StartNew();
            await copying.RoundAsync();
            copied += watch.Elapsed;
        }
        (puts, gets, lists) = (store.Requests.Puts - puts, store.Requests.Gets - gets, store.Requests.Lists - lists);
        long full = FullFiles(count), naive = full;
        for (long published = perSecond / publishedPerSecond; published <= count; published += perSecond / publishedPerSecond)
            naive += TileCoordinate.Partials(published).Count() + 1;
        output.WriteLine(
            $"{(isPrimary ? "The ledger itself" : "A copy")}: {count} changes at {perSecond}/s, a head every {everySeconds} s: {puts} PUT "
                + $"({full} full files, {heads} heads), {gets} GET, {lists} LIST; {copied.TotalSeconds:F1} s to copy. "
                + $"Every published head with its tail: {naive} PUT");
        // Each full file once; for each head itself, its pointer, its claim where one is made, and a partial file
        // on each of at most five levels.
        Assert.InRange(puts, full, full + (heads * (isPrimary ? 8 : 7)));
        Assert.True(puts < naive);
        Assert.InRange(lists, heads, (heads * (isPrimary ? 9 : 8)) + (full / 500) + 20);
    }

    private static long FullFiles(long size)
    {
        long full = size / TileCoordinate.FullWidth;
        for (int level = 0; TileCoordinate.CountAt(level, size) >= TileCoordinate.FullWidth; level++)
            full += TileCoordinate.CountAt(level, size) / TileCoordinate.FullWidth;
        return full;
    }
}
