using Indelible.Format.Merkle;

namespace Indelible.Ledger.Stores;

/// <summary>Where a copy of a ledger is kept, under the paths it has in the ledger. Knows nothing of what the files mean.
/// One caller at a time.</summary>
/// <remarks>Whatever a method here stored is durable when it returns. Failures of the world are <see cref="IOException"/> or
/// <see cref="Indelible.Format.IndelibleException"/>, and may pass.</remarks>
public interface ILedgerStore : IAsyncDisposable
{
    /// <summary>Where it is, for people.</summary>
    string Place { get; }

    /// <summary>Makes sure that it can be written, and by nobody else; must be called first.</summary>
    /// <param name="hint">What <c>ledger.json</c> says: an unfinished copy is known by it.</param>
    /// <param name="cancellationToken">Ends it.</param>
    Task OpenAsync(ReadOnlyMemory<byte> hint, CancellationToken cancellationToken);

    /// <summary>The signed checkpoint the copy ends with; null if it has none yet.
    /// Where there are several to choose from, the newest of the ledger's own.</summary>
    /// <param name="sizeOf">Tree size of a checkpoint of the ledger.</param>
    /// <param name="handedOver">Of the place that the ledger lives in: told every handover there, the oldest first,
    /// now and whenever a head is stored.</param>
    /// <param name="cancellationToken">Ends it.</param>
    Task<ReadOnlyMemory<byte>?> ReadHeadAsync(HeadSize sizeOf, HandoverSeen handedOver, CancellationToken cancellationToken);

    /// <summary>True if there is a file of this name, whatever it holds.</summary>
    Task<bool> HasAsync(string path, CancellationToken cancellationToken);

    /// <summary>Stores immutable files. One that is there already with the same bytes is left alone.</summary>
    /// <exception cref="CopyDamagedException">One is there with other bytes, and cannot be told apart from ours by a reader.</exception>
    Task PutAsync(IReadOnlyList<StoreFile> files, CancellationToken cancellationToken);

    /// <summary>Stores one immutable file that may be large.</summary>
    Task PutLargeAsync(string path, Stream content, long length, CancellationToken cancellationToken);

    /// <summary>Puts a small file in place of the one of that name.</summary>
    Task ReplaceAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken);

    /// <summary>Shows a head. Everything it covers was stored before.</summary>
    /// <param name="size">The tree size it states.</param>
    /// <param name="checkpoint">The signed checkpoint.</param>
    /// <param name="rival">Told every other head that was stored there since the last one, before this one is shown;
    /// throws where that must not be.</param>
    /// <param name="cancellationToken">Ends it.</param>
    Task PutHeadAsync(long size, ReadOnlyMemory<byte> checkpoint, Action<ReadOnlyMemory<byte>> rival, CancellationToken cancellationToken);

    /// <summary>Lets go of the partial tiles and bundles of these places: the full ones are stored,
    /// under a head that covers them.</summary>
    Task DropPartialsAsync(IReadOnlyList<TileCoordinate> places, CancellationToken cancellationToken);

    /// <summary>How often <see cref="TendAsync"/> wants to be called; null: never.</summary>
    TimeSpan? TendPeriod { get; }

    /// <summary>How long locks may go without being extended; null: there are none.</summary>
    TimeSpan? LockPeriod { get; }

    /// <summary>Looks over everything that is stored, and extends its locks.</summary>
    /// <param name="size">Entries under the copy's head.</param>
    /// <param name="extendLocks">Whether locks are extended, besides those of the tail, which always are.</param>
    /// <param name="cancellationToken">Ends it; it may be begun again.</param>
    Task TendAsync(long size, bool extendLocks, CancellationToken cancellationToken);

    /// <summary>What was found there that is not ours: other versions, delete markers, things missing.
    /// Readers are not misled by it; people must know of it.</summary>
    IReadOnlyCollection<string> Strange { get; }
}

/// <summary>An immutable file on its way to a copy.</summary>
/// <param name="Path">Below the ledger directory.</param>
/// <param name="Content">All of it.</param>
/// <param name="IsPassing">True for a partial tile or bundle: it is of use only until the full one is there.</param>
public readonly record struct StoreFile(string Path, ReadOnlyMemory<byte> Content, bool IsPassing);

/// <summary>Something in a copy is not what the ledger says it must be.
/// The ledger itself is not in doubt; the copy is written no more.</summary>
/// <param name="message">What was expected and found, where, and what to do.</param>
/// <param name="cause">What found it; null if nothing did.</param>
public sealed class CopyDamagedException(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>A copy holds a head, signed with this ledger's key, that this ledger does not contain:
/// it was rolled back or rewritten, or two processes write under one name. Sealing must stop.</summary>
/// <param name="message">What was expected and found, where, and what to do.</param>
public sealed class CopyContradictsException(string message) : Exception(message);
