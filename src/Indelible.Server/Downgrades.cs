using Indelible.Capture;
using Indelible.Format.Entries;

namespace Indelible.Server;

/// <summary>Statements in the log that left a protected table without the identity it was protected with,
/// so that changes came without their values before; also if it was put right before anybody looked.</summary>
/// <remarks>Those that were sealed and not told of yet are read from the ledger. Any thread.</remarks>
internal sealed class Downgrades
{
    /// <summary>What such a gap is called.</summary>
    public const string Reason = "identity-changed";

    private readonly Lock _lock = new();
    private readonly Protection _protection;
    private readonly HashSet<uint> _noted = [];

    private Downgrades(Protection protection) => _protection = protection;

    /// <summary>Reads those that neither a gap nor a baseline of the table has followed. Only published entries count.</summary>
    public static Downgrades Read(LedgerView view, string source, Protection protection)
    {
        Downgrades downgrades = new(protection);
        HashSet<uint> unsettled = [.. protection.Tables.Select(table => table.Id)];
        foreach (EntryHeader header in view.NewestFirst(source, EntryKind.Guard))
        {
            if (unsettled.Count == 0) break;
            if (header.Code is GuardCode.BaselineComplete or GuardCode.Gap && header.Relation is { } relation)
                unsettled.Remove(relation.Id);
            else if (header.Code is GuardCode.Gap) break;
            else if (header is { Code: GuardCode.Ddl, Facts: { } facts }
                && downgrades.TableOf(facts.GetValueOrDefault("tag"), facts) is { } table && unsettled.Contains(table.Id))
            {
                downgrades._noted.Add(table.Id);
            }
        }
        return downgrades;
    }

    /// <summary>Notes what a batch reports.</summary>
    public void Note(CapturedBatch batch)
    {
        foreach (CapturedChange change in batch.Changes)
        {
            if (change is not CapturedChange.Ddl ddl || TableOf(ddl.Tag, ddl.Facts) is not { } table) continue;
            lock (_lock) _noted.Add(table.Id);
        }
    }

    /// <summary>Gives the tables noted since the last call.</summary>
    public IReadOnlyList<ProtectedTable> Take()
    {
        lock (_lock)
        {
            ProtectedTable[] taken = [.. _protection.Tables.Where(table => _noted.Contains(table.Id))];
            _noted.Clear();
            return taken;
        }
    }

    private ProtectedTable? TableOf(string? tag, IReadOnlyDictionary<string, string> facts)
    {
        if (tag != "ALTER TABLE" || facts.GetValueOrDefault("identity") is not { Length: > 0 } identity || identity == "f") return null;
        return Rewrites.TableOf(facts, _protection.Tables) is { DefaultIdentity: false } table ? table : null;
    }
}
