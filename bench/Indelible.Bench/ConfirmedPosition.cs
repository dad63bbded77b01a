using Indelible.Format;
using Npgsql;

namespace Indelible.Bench;

/// <summary>Asks a server how far the slot is confirmed. One connection; one thread.</summary>
internal sealed class ConfirmedPosition : IAsyncDisposable
{
    private readonly NpgsqlConnection _connection;
    private readonly NpgsqlCommand _command;

    private ConfirmedPosition(NpgsqlConnection connection)
    {
        _connection = connection;
        _command =
            new NpgsqlCommand($"SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = '{Source.Slot}'", connection);
    }

    public static async Task<ConfirmedPosition> OpenAsync(Source source, CancellationToken cancellationToken)
    {
        var position = new ConfirmedPosition(await source.OpenAsync(cancellationToken));
        await position._command.PrepareAsync(cancellationToken);
        return position;
    }

    public async Task<Lsn> ReadAsync(CancellationToken cancellationToken) =>
        Lsn.Parse((string)(await _command.ExecuteScalarAsync(cancellationToken))!);

    public async ValueTask DisposeAsync()
    {
        await _command.DisposeAsync();
        await _connection.DisposeAsync();
    }
}
