using System.CommandLine;
using System.Text;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Format.Verification;
using Indelible.Ledger;
using Indelible.Ledger.Stores;
using Indelible.Server.Replication;

namespace Indelible.Cli.Commands;

/// <summary><c>verify [LEDGER|URL|FILE]</c>: re-derives everything from raw bytes; believes nothing but the key it is given.</summary>
internal static class VerifyCommand
{
    private static readonly Argument<string?> Target = new("TARGET")
    {
        Description = "Ledger directory, http(s):// or s3:// address of one, or an evidence file; default: the ledger",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<string?> Key = new("--key") { Description = "The ledger's verifier key, or a file that holds it", HelpName = "VKEY|FILE" };
    private static readonly Option<string?> PolicyFile = new("--policy") { Description = "Known ledgers, witnesses and quorum (c2sp.org/tlog-policy)", HelpName = "FILE" };
    private static readonly Option<string?> Older = new("--older") { Description = "A checkpoint of this ledger that you kept: it must be a prefix", HelpName = "FILE" };

    public static Command Build()
    {
        Command command = new("verify", "Verify a ledger or evidence from raw bytes") { Target, Key, PolicyFile, Older };
        command.SetAction((parse, cancellationToken) => Task.FromResult(Run(parse, Invocation.Of(parse), cancellationToken)));
        return command;
    }

    private static int Run(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        Policy? policy = PolicyOf(parse, invocation);
        ReadOnlyMemory<byte> older = parse.GetValue(Older) is { } file ? Read(invocation.Resolve(file), SignedNote.LengthMax, "--older") : default;
        string target = parse.GetValue(Target) ?? invocation.ExistingPaths(parse).Ledger;
        VerificationReport report = Verify(target, policy, older, parse, invocation, cancellationToken);
        if (parse.GetValue(Globals.Json)) invocation.Output.WriteLine(Encoding.UTF8.GetString(ReportText.ToJson(report)));
        else invocation.Output.Write(ReportText.ToText(report));
        return (int)(report.IsSound ? ExitCode.Fine : ExitCode.Finding);
    }

    private static VerificationReport Verify(
        string target, Policy? policy, ReadOnlyMemory<byte> older, ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        string path = invocation.Resolve(target);
        bool isBucket = target.StartsWith(BucketOptions.Scheme, StringComparison.Ordinal);
        if (!IsAddress(target) && !isBucket && !Directory.Exists(path))
        {
            if (!older.IsEmpty) throw new IndelibleException(ExitCode.Usage, "--older compares ledgers; an evidence file holds one entry only");
            return EvidenceVerifier.Verify(Read(path, Evidence.LengthMax, "verify"), policy);
        }
        using LedgerFetch files = isBucket ? LedgerFetch.FromBucket(TargetStores.BucketAt(target, invocation.Config(parse)), policy?.Ledgers is [{ } only] ? only : null, cancellationToken)
            : IsAddress(target) ? LedgerFetch.FromUrl(AddressOf(target), cancellationToken) : LedgerFetch.FromDirectory(path);
        LedgerVerifier verifier = new(files.Fetch, files.OpenFile) { Policy = policy, OlderCheckpoint = older };
        VerificationReport report = verifier.Verify(cancellationToken);
        return report with { Notices = [.. report.Notices, .. files.Notices().Select(what => new Finding(Rules.OtherVersion, "", -1, what))] };
    }

    private static bool IsAddress(string target) =>
        target.StartsWith("http://", StringComparison.Ordinal) || target.StartsWith("https://", StringComparison.Ordinal);

    private static Uri AddressOf(string target) => Uri.TryCreate(target, UriKind.Absolute, out Uri? address)
        ? address
        : throw new IndelibleException(ExitCode.Usage, $"expected an address such as https://example.org/ledger, found '{target}'");

    private static Policy? PolicyOf(ParseResult parse, Invocation invocation)
    {
        string? key = parse.GetValue(Key), file = parse.GetValue(PolicyFile);
        if (key is not null && file is not null) throw new IndelibleException(ExitCode.Usage, "expected --key or --policy, found both");
        if (key is not null) return Policy.ForKey(LedgerKey.Read(key, "--key", invocation));
        if (file is null) return null;
        TextFault fault = Policy.Parse(Read(invocation.Resolve(file), Policy.LengthMax, "--policy"), out Policy? policy);
        return fault.IsNone ? policy : throw new IndelibleException(ExitCode.Usage, $"--policy {file}: {fault}");
    }

    private static byte[] Read(string path, int lengthMax, string what) => DurableFile.TryReadAll(path, lengthMax)
        ?? throw new IndelibleException(ExitCode.Usage, $"{what}: expected a file, found nothing at {path}");
}
