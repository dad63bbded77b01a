using Indelible.Format.Notes;

namespace Indelible.Ledger;

/// <summary>What the keyring gives the writer. The keyring owns and wipes it.</summary>
public sealed record LedgerKeys
{
    /// <summary>Signs checkpoints; its name is the ledger's origin. Another one after a handover.</summary>
    public required NoteSigner Signer { get; set; }

    /// <summary>Authenticates journal records: 32 secret bytes.</summary>
    public required ReadOnlyMemory<byte> JournalHmacKey { get; init; }

    /// <summary>The memory of the highest published head.</summary>
    public required Guard Guard { get; init; }
}
