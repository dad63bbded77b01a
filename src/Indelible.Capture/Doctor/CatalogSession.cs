using Indelible.Format;
using Npgsql;

namespace Indelible.Capture;

/// <summary>How a source's catalog stands.</summary>
/// <param name="Trace">Who wrote it; read first.</param>
/// <param name="Checks">What <see cref="SourceDoctor.ProtectionAsync"/> finds.</param>
/// <param name="Rights">What <see cref="SourceDoctor.RightsAsync"/> finds.</param>
/// <param name="ReadBy">End of the log after all of it: everything that was read is older.</param>
public sealed record CatalogLook(
    CatalogTrace Trace, IReadOnlyList<SourceCheck> Checks, SortedDictionary<string, string> Rights, Lsn ReadBy);

/// <summary>Looks at a source's catalog again and again, in one session: to begin one takes the server longer than all that is asked in it.
/// One look at a time.</summary>
public sealed class CatalogSession(SourceConnection source, Protection protection) : IAsyncDisposable
{
    private NpgsqlConnection? _connection;

    /// <summary>Looks. A session that was ended since the last look is begun anew.</summary>
    /// <exception cref="IndelibleException">The source cannot be reached.</exception>
    public async Task<CatalogLook> LookAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (_connection is { } kept)
            {
                try
                {
                    return await LookAsync(kept, cancellationToken);
                }
                catch (NpgsqlException)
                {
                    await DisposeAsync();
                }
            }
            return await LookAsync(_connection = await source.OpenAsync(cancellationToken), cancellationToken);
        }
        catch (NpgsqlException e)
        {
            await DisposeAsync();
            throw SourceFailure.From(e, source);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_connection is { } connection) await connection.DisposeAsync();
        _connection = null;
    }

    private async Task<CatalogLook> LookAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        SourceCatalog catalog = new(connection);
        CatalogTrace trace = await CatalogTrace.ReadAsync(catalog, protection, cancellationToken);
        IReadOnlyList<SourceCheck> checks = await SourceDoctor.ProtectionAsync(catalog, source, protection, cancellationToken);
        SortedDictionary<string, string> rights = await SourceDoctor.RightsAsync(connection, protection, cancellationToken);
        return new CatalogLook(trace, checks, rights, await catalog.LogEndAsync(cancellationToken));
    }
}
