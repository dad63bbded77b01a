using System.Collections.Concurrent;
using System.Diagnostics;
using Indelible.Format;
using Indelible.Format.Verification;
using Indelible.Testing;
using Xunit;

namespace Indelible.Ledger.Tests.Tampering;

/// <summary>The tamper campaign: a ledger altered at random in every way there is; verification must find each, and say where.</summary>
public sealed class TamperTests
{
    private const int Seed = 20261129;
    /// <summary>Verifying takes a second or less; this is for a machine that does much else.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    [Fact]
    public Task Whatever_is_tampered_with_is_found_and_the_place_is_named() => RunAsync(entries: 2100, rounds: 700);

    [Fact(Explicit = true)]
    [Trait(Campaign.Trait, "tamper")]
    public Task Ten_thousand_alterations_of_a_large_ledger_are_found() => RunAsync(entries: 100_000, Campaign.Rounds(10_000));

    private sealed record Outcome(string Kind, bool IsCaught, bool IsOneEntry, bool IsNamed, string Told);

    private static async Task RunAsync(int entries, int rounds)
    {
        MemoryLedger ledger = await MemoryLedger.MakeAsync(entries);
        int seed = Campaign.Seed(Seed);
        ConcurrentBag<Outcome> outcomes = [];
        long started = Stopwatch.GetTimestamp();
        Parallel.For(0, rounds, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, round =>
        {
            Random random = Campaign.Of(seed, round);
            outcomes.Add(random.Next(100) < 8
                ? AlteredEvidence(ledger, random, $"seed {seed}, round {round}")
                : TamperedLedger(ledger, random, $"seed {seed}, round {round}"));
        });
        Outcome[] missed = [.. outcomes.Where(outcome => !outcome.IsCaught)], single = [.. outcomes.Where(outcome => outcome.IsOneEntry)];
        Outcome[] unnamed = [.. outcomes.Where(outcome => outcome is { IsCaught: true, IsNamed: false })];
        int named = single.Count(outcome => outcome.IsNamed);
        Campaign.Tell("tamper",
            ("seed", seed), ("entries", entries), ("mutations", outcomes.Count), ("caught", outcomes.Count - missed.Length),
            ("missed", missed.Length),
            ("kinds", string.Join(',',
                outcomes.GroupBy(outcome => outcome.Kind).OrderBy(kind => kind.Key, StringComparer.Ordinal)
                    .Select(kind => $"{kind.Key}:{kind.Count()}"))),
            ("single_entry", single.Length), ("single_entry_named", named), ("unnamed", unnamed.Length),
            ("seconds", (int)Stopwatch.GetElapsedTime(started).TotalSeconds));
        Assert.True(missed.Length == 0, string.Join('\n', missed.Select(outcome => outcome.Told)));
        Assert.True(unnamed.All(outcome => outcome.IsOneEntry), string.Join('\n', unnamed.Select(outcome => outcome.Told)));
        Assert.True(named >= single.Length * 0.95,
            $"{named} of {single.Length} single entries are named\n{string.Join('\n', unnamed.Select(outcome => outcome.Told))}");
    }

    private static Outcome TamperedLedger(MemoryLedger ledger, Random random, string where)
    {
        Tampered tampered = Tampered.With(ledger, random);
        if (tampered.Older.Length == 0
            && tampered.Touched.All(path => tampered.Files.TryGetValue(path, out byte[]? now)
                && now.AsSpan().SequenceEqual(ledger.Files[path])) && tampered.Kind != "reordered")
            return TamperedLedger(ledger, random, where);   // what it did was nothing
        using CancellationTokenSource patience = new(Patience);
        VerificationReport report = MemoryLedger.Verify(tampered.Files, older: tampered.Older, cancellationToken: patience.Token);
        bool isCaught = report.Verdict == Verdict.Failed && report.Findings.Count > 0 && ReportText.ToJson(report).Length > 0;
        return new Outcome(tampered.Kind, isCaught, tampered.Entry is not null, isCaught && IsNamed(report, tampered),
            $"{where}: {tampered.Kind}, {tampered.What}: {Found(report)}");
    }

    private static bool IsNamed(VerificationReport report, Tampered tampered)
    {
        if (tampered.Entry is { } entry)
        {
            return report.Findings.Any(finding => finding.EntryIndex == entry
                || (finding.EntryIndex == entry + 1 && tampered.What.EndsWith("doubled", StringComparison.Ordinal)));
        }
        if (tampered.Older.Length > 0) return report.Findings.Any(finding => finding.Rule == Rules.Consistency);
        return report.Findings.Any(
            finding => tampered.Touched.Any(path => finding.File == path || finding.Message.Contains(path, StringComparison.Ordinal)));
    }

    private static Outcome AlteredEvidence(MemoryLedger ledger, Random random, string where)
    {
        byte[] genuine = ledger.Prove(random.Next(ledger.Entries.Count));
        byte[] altered = genuine;
        string what = "";
        while (altered.AsSpan().SequenceEqual(genuine)) altered = Mutation.Bytes(genuine, random, out what);
        VerificationReport report = EvidenceVerifier.Verify(altered, MemoryLedger.Key);
        bool isCaught = report.Verdict == Verdict.Failed && report.Findings.Count > 0 && report.Disclosed.Count == 0;
        return new Outcome("evidence", isCaught, false, isCaught, $"{where}: evidence, {what}: {Found(report)}");
    }

    private static string Found(VerificationReport report) => $"{report.Verdict}, {string.Join(" | ", report.Findings.Take(3))}";
}
