using Indelible.Ledger.Stores;
using Indelible.Testing;
using Xunit;

namespace Indelible.Ledger.Tests.Stores;

/// <summary>The storage's own legal hold, with a real object store: what is held nobody removes,
/// not even once its lock has ended.</summary>
public sealed class BucketHoldTests
{
    [Fact]
    public async Task A_hold_lies_on_what_is_stored_and_on_what_comes_after_it_until_it_is_lifted()
    {
        RadosGateway gateway = await RadosGateway.GetAsync();
        BucketOptions options = await gateway.MakeBucketAsync(TimeSpan.FromDays(30));
        using TestLedger ledger = await TestLedger.CreateAsync();
        await SealAsync(ledger, 300);
        BucketStore store = new(options, TimeProvider.System);
        await using Copying running = await Copying.OpenAsync(ledger, store);
        await running.RoundAsync();
        using Bucket bucket = new(options);
        Assert.Empty(await HeldAsync(bucket));

        store.IsHeld = true;
        await store.HoldAsync(isHeld: true, 300, CancellationToken.None);
        string[] first = ["checkpoints/0000000000000000300", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000",
            "tile/entries/001.p/44"];
        Assert.Equal(first, await HeldAsync(bucket));
        await SealAsync(ledger, 300);
        await running.RoundAsync();
        Assert.Equal(first.Concat(["checkpoints/0000000000000000600", "tile/0/001", "tile/entries/001"]).Order(StringComparer.Ordinal),
            await HeldAsync(bucket));
        await store.TendAsync(600, extendLocks: false, CancellationToken.None);           // the tail, at every look
        Assert.Contains("tile/0/002.p/88", await HeldAsync(bucket));

        await store.HoldAsync(isHeld: false, 600, CancellationToken.None);
        Assert.Empty(await HeldAsync(bucket));
    }

    [Fact]
    public async Task What_is_held_cannot_be_removed_after_its_lock_and_can_once_the_hold_is_lifted()
    {
        RadosGateway gateway = await RadosGateway.GetAsync();
        BucketOptions options = await gateway.MakeBucketAsync(TimeSpan.FromDays(30));
        using Bucket bucket = new(options);
        string version =
            (await bucket.PutAsync("tile/0/000", "held"u8.ToArray(), DateTimeOffset.UtcNow.AddSeconds(3), onlyNew: false,
                CancellationToken.None, isHeld: true))!;
        await Task.Delay(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);
        Assert.False(await bucket.TryDeleteAsync("tile/0/000", version, CancellationToken.None));
        Assert.False(await bucket.TryDeleteAsync("tile/0/000", version, CancellationToken.None, bypass: true));
        Assert.NotNull(await bucket.ReadAsync("tile/0/000", version, 100, CancellationToken.None));
        await bucket.HoldAsync("tile/0/000", version, isHeld: false, CancellationToken.None);
        Assert.True(await bucket.TryDeleteAsync("tile/0/000", version, CancellationToken.None));
    }

    private static async Task SealAsync(TestLedger ledger, int count)
    {
        await using LedgerWriter writer = await ledger.OpenAsync();
        await writer.SealAsync(RealEntries.Batch(count), CancellationToken.None);
    }

    private static async Task<List<string>> HeldAsync(Bucket bucket)
    {
        List<string> held = [];
        await foreach (ObjectVersion version in bucket.VersionsAsync("", null, deep: true, CancellationToken.None))
            if (await bucket.IsHeldAsync(version.Path, version.Id, CancellationToken.None)) held.Add(version.Path);
        return held;
    }
}
