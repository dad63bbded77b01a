using Indelible.Capture.Reading;
using Xunit;

namespace Indelible.Capture.Tests.Reading;

public sealed class ByteBudgetTests
{
    [Fact]
    public async Task Too_much_waits_until_enough_is_released()
    {
        ByteBudget budget = new(100);
        await budget.TakeAsync(60, CancellationToken.None);
        Task second = budget.TakeAsync(50, CancellationToken.None);
        Assert.False(second.IsCompleted);
        budget.Release(60);
        await second;
    }

    [Fact]
    public async Task One_batch_passes_however_large_and_nothing_beside_it()
    {
        ByteBudget budget = new(100);
        await budget.TakeAsync(1_000, CancellationToken.None);
        using CancellationTokenSource stop = new();
        Task second = budget.TakeAsync(1, stop.Token);
        Assert.False(second.IsCompleted);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
    }
}
