namespace Indelible.Index;

/// <summary>The index contradicts itself. Nothing is lost: it is derived, and rebuilt from the ledger.</summary>
public sealed class IndexDamagedException(string message, Exception? inner = null)
    : Exception($"the index is damaged: {message}", inner);
