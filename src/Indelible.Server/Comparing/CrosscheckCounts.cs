namespace Indelible.Server.Comparing;

/// <summary>What a crosscheck has compared so far. One loop owns it.</summary>
internal sealed class CrosscheckCounts
{
    /// <summary>Rows compared.</summary>
    public long Rows { get; set; }
    /// <summary>Values compared.</summary>
    public long Values { get; set; }
    /// <summary>Values the ledger knows to have changed, not to what.</summary>
    public long Unknown { get; set; }
    /// <summary>Values whose key is not in this keyring: nothing can be said of them.</summary>
    public long Locked { get; set; }
    /// <summary>Rows that were compared one by one.</summary>
    public long Single { get; set; }
}
