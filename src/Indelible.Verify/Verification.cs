using System.Text;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Notes;
using Indelible.Format.Verification;

namespace Indelible.Verify;

/// <summary>Runs one verification over a directory or a file.</summary>
internal static class Verification
{
    public static VerificationReport Run(Arguments arguments)
    {
        Policy? policy = ReadPolicy(arguments);
        ReadOnlyMemory<byte> older = (arguments.OlderFile ?? arguments.SinceFile) is { } file
            ? Disk.Read(file, SignedNote.LengthMax)
            : default;
        if (!Disk.IsDirectory(arguments.Target)) return VerifyEvidence(arguments, policy);
        var directory = new LedgerDirectory(arguments.Target);
        var verifier = new LedgerVerifier(directory.Read, directory.Open)
        {
            Policy = policy, OlderCheckpoint = older, BeginsAtOlder = arguments.SinceFile is not null,
            AnotherFetch = () => new LedgerDirectory(arguments.Target).Read,
        };
        VerificationReport report = verifier.Verify(CancellationToken.None);
        return report is { IsSound: true, Predecessor: not null }
            ? new ChainVerifier(link => Find(arguments.Chain, link)).Follow(report, CancellationToken.None)
            : report;
    }

    /// <summary>The directory that says it is a ledger before it; whether it is, is verified.</summary>
    private static LedgerSource? Find(IReadOnlyList<string> places, Predecessor link)
    {
        foreach (string place in places)
        {
            if (!Disk.IsDirectory(place))
                throw new IndelibleException(ExitCode.Usage, $"--chain: expected a ledger directory, found none at {place}");
            LedgerDirectory directory = new(place);
            if (directory.Read("checkpoint") is { } head && Checkpoint.Parse(head.Span, out _, out Checkpoint? checkpoint).IsNone
                && checkpoint!.Origin == link.Origin) return new LedgerSource(directory.Read, directory.Open);
        }
        return null;
    }

    private static VerificationReport VerifyEvidence(Arguments arguments, Policy? policy)
    {
        if (arguments.OlderFile is not null || arguments.SinceFile is not null)
            throw new IndelibleException(ExitCode.Usage, "--older and --since compare ledgers; an evidence file holds one entry only");
        return EvidenceVerifier.Verify(Disk.Read(arguments.Target, Evidence.LengthMax), policy);
    }

    private static Policy? ReadPolicy(Arguments arguments)
    {
        if (arguments.Key is not null)
        {
            string text = Disk.IsFile(arguments.Key)
                ? Encoding.UTF8.GetString(Disk.Read(arguments.Key, VerifierKey.TextLengthMax)).Trim()
                : arguments.Key;
            TextFault fault = VerifierKey.Parse(text, out VerifierKey? key);
            if (fault.IsNone && key!.IsCosigner) fault = new TextFault("expected the key of a ledger (type 1), found that of a witness");
            return fault.IsNone ? Policy.ForKey(key!) : throw new IndelibleException(ExitCode.Usage, $"--key: {fault}");
        }
        if (arguments.PolicyFile is null) return null;
        TextFault policyFault = Policy.Parse(Disk.Read(arguments.PolicyFile, Policy.LengthMax), out Policy? policy);
        return policyFault.IsNone ? policy : throw new IndelibleException(ExitCode.Usage, $"{arguments.PolicyFile}: {policyFault}");
    }
}
