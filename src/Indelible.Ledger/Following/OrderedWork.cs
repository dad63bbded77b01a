namespace Indelible.Ledger.Following;

/// <summary>Does many things at once and gives the results in order.</summary>
internal static class OrderedWork
{
    /// <summary>Results of the work, in its order. When it ends early nothing is under way any more.</summary>
    /// <param name="work">What is to be done.</param>
    /// <param name="doAsync">Does one thing.</param>
    /// <param name="widthMax">How many may be under way or waiting; asked before each begins.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    public static async IAsyncEnumerable<TResult> RunAsync<TWork, TResult>(
        IAsyncEnumerable<TWork> work, Func<TWork, CancellationToken, Task<TResult>> doAsync, Func<int> widthMax,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var underWay = new Queue<Task<TResult>>();
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            await foreach (TWork one in work.WithCancellation(stop.Token))
            {
                while (underWay.Count >= widthMax()) yield return await underWay.Dequeue();
                underWay.Enqueue(doAsync(one, stop.Token));
            }
            while (underWay.TryDequeue(out Task<TResult>? next)) yield return await next;
        }
        finally
        {
            await stop.CancelAsync();
            foreach (Task<TResult> left in underWay) await ((Task)left).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
