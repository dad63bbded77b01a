using Indelible.Format.Entries;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;

namespace Indelible.Format.Verification;

/// <summary>Verifies a chain of ledgers as one: from the newest back, each by the key and root that its successor's first entry names,
/// so that the newest ledger's key vouches for all.</summary>
/// <param name="open">Gives what reads the files of a predecessor, or null where it is not at hand; asked once for each.</param>
public sealed class ChainVerifier(Func<Predecessor, LedgerSource?> open)
{
    /// <summary>Ledgers followed; more is a loop, or a mistake.</summary>
    public const int LengthMax = 1000;

    /// <summary>The report of the newest ledger with those before it, up to the first that is not at hand.</summary>
    /// <param name="newest">The newest ledger's own report.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public VerificationReport Follow(VerificationReport newest, CancellationToken cancellationToken)
    {
        List<ChainedLedger> chain = [];
        List<Finding> findings = [.. newest.Findings], unread = [.. newest.Unread], notices = [.. newest.Notices];
        List<string> notChecked = [.. newest.NotChecked];
        VerificationReport after = newest;
        while (after.IsSound && after.Predecessor is { } link && chain.Count < LengthMax)
        {
            VerificationReport? report = Verify(link, cancellationToken);
            chain.Add(new ChainedLedger(link, report));
            if (report is null)
            {
                notChecked.Add(
                    $"the closed ledger {link.Origin} (size {link.Size}, root {link.Root}) and any before it: it is not at hand. "
                        + "Name where it is, or a copy of it, with --chain");
                break;
            }
            findings.AddRange(report.Findings.Select(finding => In(link, finding)));
            unread.AddRange(report.Unread.Select(finding => In(link, finding)));
            notices.AddRange(report.Notices.Select(notice => In(link, notice)));
            if (report.IsSound) Compare(after, link, report, findings, notices);
            after = report;
        }
        if (after.Verdict == Verdict.NotRead && (after.Predecessor is not null || chain.Count > 0))
            notChecked.Add($"how {after.Origin} is joined to other ledgers, and those before it: it has entries that were not read");
        return newest with
        {
            Verdict = findings.Count > 0 ? Verdict.Failed : unread.Count > 0 ? Verdict.NotRead : newest.Verdict,
            Findings = findings, Unread = unread, Notices = notices, NotChecked = notChecked, Chain = chain,
        };
    }

    private VerificationReport? Verify(Predecessor link, CancellationToken cancellationToken)
    {
        if (open(link) is not { } files) return null;
        TextFault fault = VerifierKey.Parse(link.Key, out VerifierKey? key);
        if (!fault.IsNone)
        {
            Finding finding = new(Rules.Succession, "", -1, $"predecessor-key: {fault}");
            return new VerificationReport { Verdict = Verdict.Failed, Findings = [finding], NotChecked = [] };
        }
        return new LedgerVerifier(files.Fetch, files.OpenBlob) { Policy = Policy.ForKey(key!) }.Verify(cancellationToken);
    }

    /// <summary>Both name each other, and every source goes on where it ended.</summary>
    private static void Compare(
        VerificationReport after, Predecessor link, VerificationReport before, List<Finding> findings, List<Finding> notices)
    {
        void Fault(string message) => findings.Add(new Finding(Rules.Succession, "", -1, message));
        if (before.Origin != link.Origin) Fault($"expected the predecessor {link.Origin} of {after.Origin}, found {before.Origin}");
        if (before.Successor is not { } named)
        {
            if (before.TreeSize < link.Size)
            {
                Fault($"{link.Origin}: expected at least {link.Size} entries, as {after.Origin} says, found {before.TreeSize}: "
                    + "it was rolled back");
            }
            else if (before.TreeSize == link.Size && before.Root != link.Root)
                Fault($"{link.Origin}: expected root {link.Root} at size {link.Size}, as {after.Origin} says, found {before.Root}");
            notices.Add(new Finding(Rules.Succession, "", -1,
                $"{link.Origin} was not closed, it was lost: what happened between it and {after.Origin} nobody recorded"));
            return;
        }
        if ((before.TreeSize, before.Root) != (link.Size, (Hash?)link.Root))
        {
            Fault($"{link.Origin}: expected it closed at size {link.Size}, root {link.Root}, as {after.Origin} says, "
                + $"found size {before.TreeSize}, root {before.Root}");
        }
        bool isSigner = after.LinkedKeys.Count == 0 || after.LinkedKeys.Contains(named.Key);
        if (named.Origin != after.Origin || !isSigner)
            Fault($"{link.Origin}: expected it closed in favour of {after.Origin} and its key, found {named.Origin}, key {named.Key}");
        foreach (SourceSummary source in after.Sources)
        {
            if (before.Sources.FirstOrDefault(one => one.Source == source.Source) is { } earlier)
                Compare(earlier, source, link.Origin, Fault);
        }
    }

    private static void Compare(SourceSummary before, SourceSummary after, string origin, Action<string> fault)
    {
        if (before.Last is { } last && after.First is { } first && first.CompareTo(last) <= 0)
        {
            fault($"source {after.Source}: expected its first change behind {SourceCheck.Describe(last)}, the last one in {origin}, "
                + $"found {SourceCheck.Describe(first)}");
        }
        if (before.LastCoverage is not { } covered) return;
        if (after.FirstCoverage is not { } next)
            fault($"source {after.Source}: expected coverage that goes on at {covered.To}, where it ended in {origin}, found none");
        else if (next.From != covered.To || SourceCheck.LogOf(next) != SourceCheck.LogOf(covered))
        {
            fault($"source {after.Source}: expected coverage from {covered.To} of {SourceCheck.LogOf(covered)}, "
                + $"where it ended in {origin}, found coverage from {next.From} of {SourceCheck.LogOf(next)}");
        }
    }

    private static Finding In(Predecessor link, Finding finding) =>
        finding with { File = finding.File.Length > 0 ? $"{link.Origin}: {finding.File}" : link.Origin };
}

/// <summary>Reads the files of one ledger.</summary>
/// <param name="Fetch">Reads a file whole.</param>
/// <param name="OpenBlob">Reads blobs; null if they are not to be checked.</param>
public sealed record LedgerSource(Fetch Fetch, OpenFile? OpenBlob);
