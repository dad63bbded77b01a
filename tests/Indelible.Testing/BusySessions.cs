using Npgsql;

namespace Indelible.Testing;

/// <summary>Sessions that work beside each other, each at random from a seed of its own, until stopped.
/// They come back when the server does.</summary>
/// <param name="server">The server.</param>
/// <param name="database">The database they work in.</param>
/// <param name="seed">Of all of them.</param>
/// <param name="workAsync">One transaction, or a few, and a pause.</param>
public sealed class BusySessions(PostgresServer server, string database, int seed, Func<NpgsqlConnection, Random, Task> workAsync)
    : IAsyncDisposable
{
    private const int Sessions = 3;
    /// <summary>Calls of the work before a session logs in anew.</summary>
    private const int CallsMax = 40;

    private readonly CancellationTokenSource _stop = new();
    private Task[] _running = [];

    public BusySessions Begin()
    {
        _running = [.. Enumerable.Range(0, Sessions).Select(session => RunAsync(new Random((seed * Sessions) + session)))];
        return this;
    }

    /// <summary>Ends after the transactions under way.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested) return;
        await _stop.CancelAsync();
        await Task.WhenAll(_running);
        _stop.Dispose();
    }

    private async Task RunAsync(Random random)
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await using NpgsqlConnection connection = await server.ConnectAsync(database);
                for (int i = 0; i < CallsMax && !_stop.IsCancellationRequested; i++) await workAsync(connection, random);
            }
            catch (NpgsqlException)
            {
                await Task.Delay(100); // the server is down, or two sessions blocked each other
            }
        }
    }
}
