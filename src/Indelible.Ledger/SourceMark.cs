using Indelible.Format;
using Indelible.Format.Entries;

namespace Indelible.Ledger;

/// <summary>How far a source is sealed. Durable with the batch that carries it.</summary>
/// <param name="Source">Short name of the source; 1 to 255 bytes of UTF-8.</param>
/// <param name="Last">Position of the last change sealed, or where reading stood. Changes up to here are not sealed again.</param>
/// <param name="Confirmable">May be confirmed to the source; never beyond what is sealed. None if nothing may be.</param>
public sealed record SourceMark(string Source, Position Last, Lsn Confirmable);

/// <summary>Where a batch went: entries [<paramref name="FirstIndex"/>, first + count).</summary>
/// <param name="FirstIndex">Index of the batch's first entry; where the next would go if the batch had none.</param>
/// <param name="TreeSize">Size of the sealed tree after the group this batch was sealed in.</param>
public sealed record SealedBatch(long FirstIndex, long TreeSize);
