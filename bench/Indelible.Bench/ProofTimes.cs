using System.Diagnostics;
using Indelible.Format;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;
using Indelible.Format.Verification;
using Indelible.Ledger;

namespace Indelible.Bench;

/// <summary>How long evidence of one entry takes to make out of files and to check, and how long it is.</summary>
internal sealed class ProofTimes(Command command, string key, Results results)
{
    private const int WarmUp = 1_000, Counted = 3_000;

    public void Run()
    {
        var reader = new LedgerReader(command.Ledger);
        Checkpoint head = reader.ReadCheckpoint();
        VerifierKey.Parse(key, out VerifierKey? verifier);
        Policy policy = Policy.ForKey(verifier!);
        var random = new Random(1);
        List<double> make = [], check = [], path = [], bytes = [];
        for (int i = 0; i < WarmUp + Counted; i++)
        {
            long index = random.NextInt64(head.Size);
            long begin = Stopwatch.GetTimestamp();
            byte[] file = reader.Prove(index).ToBytes();
            double made = Stopwatch.GetElapsedTime(begin).TotalMicroseconds;
            begin = Stopwatch.GetTimestamp();
            VerificationReport report = EvidenceVerifier.Verify(file, policy);
            double verified = Stopwatch.GetElapsedTime(begin).TotalMicroseconds;
            if (report.Verdict != Verdict.Verified) throw new InvalidOperationException(ReportText.ToText(report));
            if (i < WarmUp) continue;
            make.Add(made);
            check.Add(verified);
            path.Add(CheckPath(file, head));
            bytes.Add(file.Length);
        }
        string how = $"{head.Size} entries, {Counted} random ones, files in the page cache, one thread";
        results.Add("proof: make evidence of an entry", Results.Microseconds(make),
            how + "; reads checkpoint, bundle and tiles, and checks what it made");
        results.Add("proof: check an evidence file", Results.Microseconds(check), how + "; from its bytes: signature, path, entry");
        results.Add("proof: of that, the entry's hash and its path to the root", Results.Microseconds(path), how);
        results.Add("proof: an evidence file", $"{Results.Number(Results.Median(bytes))} bytes",
            "median, with the entry and the signed checkpoint, nothing disclosed");
    }

    private static double CheckPath(byte[] file, Checkpoint head)
    {
        Evidence.Parse(file, out Evidence? evidence);
        EvidenceExtra.Parse(evidence!.Extra.Span, out EvidenceExtra? extra);
        Hash[] hashes = [.. evidence.Path];
        long begin = Stopwatch.GetTimestamp();
        ProofFault fault = Proof.CheckInclusion(Tree.Leaf(extra!.Entry.Span), evidence.Index, head.Size, hashes, head.Root);
        double elapsed = Stopwatch.GetElapsedTime(begin).TotalMicroseconds;
        return fault == ProofFault.None ? elapsed : throw new InvalidOperationException($"{fault}");
    }
}
