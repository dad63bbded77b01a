namespace Indelible.Index;

/// <summary>The index cannot be written: its disk is full or fails.
/// Nothing is lost: what is missing is indexed from the ledger once it can be.</summary>
public sealed class IndexDiskException(string directory, Exception inner) : Exception(
    $"cannot write the index in {directory}: {inner.Message}. If the disk is full, free space on it: "
        + "sealing goes on meanwhile, and what is missing is indexed from the ledger by itself", inner);
