using System.Buffers;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Notes;
using Indelible.Format.Verification;
using Indelible.Ledger;

namespace Indelible.Server;

/// <summary>What checking a query's result against the ledger came to.</summary>
/// <param name="Proven">Entries that are in the ledger as shown.</param>
/// <param name="Findings">What is wrong; empty if every entry the index named is in the ledger and is what was asked for.</param>
/// <param name="Head">The checkpoint the last of them was proved under; null if there was none to prove.</param>
/// <param name="SignedBy">Keys that signed it.</param>
public sealed record ResultReport(
    IReadOnlyList<IndexedEntry> Proven, IReadOnlyList<string> Findings, Checkpoint? Head, IReadOnlyList<string> SignedBy)
{
    private const string Rest = "the rest of the ledger: `indelible verify`";

    /// <summary>True if the entries are those that the index named; false for one that was asked for by its number.</summary>
    public bool IsQuery { get; init; } = true;

    /// <summary>What such a check cannot tell.</summary>
    public string NotChecked => IsQuery
        ? $"whether the index leaves out entries that match: `indelible index rebuild` makes it anew from the ledger; and {Rest}"
        : Rest;
}

/// <summary>Checks what a query found against the ledger itself: each entry, exactly as it is shown,
/// is in the tree of the signed checkpoint.</summary>
/// <param name="reader">The ledger.</param>
/// <param name="policy">Whose signature counts.</param>
public sealed class ResultCheck(LedgerReader reader, Policy policy)
{
    /// <summary>Proves each entry by itself, from the tiles.</summary>
    /// <param name="shown">Entries that match, as they are to be shown.</param>
    /// <param name="strangers">Entries that the index named though they are not what was asked for.</param>
    public ResultReport Check(IEnumerable<IndexedEntry> shown, IEnumerable<long> strangers)
    {
        List<IndexedEntry> proven = [];
        List<string> findings = [.. strangers.Distinct().Select(index =>
            $"the index named entry {index}, which is not what was asked for: it is not shown. "
                + "The index is wrong; make it again with `indelible index rebuild`")];
        (Checkpoint? head, IReadOnlyList<string> signedBy) = (null, []);
        foreach (IndexedEntry entry in shown)
        {
            VerificationReport report = Prove(entry);
            findings.AddRange(report.Findings.Select(finding => $"entry {entry.Index} is not shown: {finding}"));
            if (!report.IsSound) continue;
            proven.Add(entry);
            head = new Checkpoint { Origin = report.Origin!, Size = report.TreeSize, Root = report.Root!.Value };
            signedBy = report.SignedBy;
        }
        return new ResultReport(proven, findings, head, signedBy);
    }

    private VerificationReport Prove(in IndexedEntry shown)
    {
        try
        {
            ArrayBufferWriter<byte> bytes = new();
            EntryCodec.Encode(shown.Entry, bytes);
            Evidence evidence = reader.Prove(shown.Index) with { Extra = new EvidenceExtra { Entry = bytes.WrittenMemory }.ToBytes() };
            return EvidenceVerifier.Verify(evidence.ToBytes(), policy);
        }
        catch (LedgerCorruptException e)
        {
            Finding finding = new(Rules.EntryHash, "", shown.Index, e.Message);
            return new VerificationReport { Verdict = Verdict.Failed, Findings = [finding], NotChecked = [] };
        }
    }
}
