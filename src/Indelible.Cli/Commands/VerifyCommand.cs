using System.CommandLine;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Notes;
using Indelible.Format.Verification;
using Indelible.Ledger;
using Indelible.Ledger.Anchors;
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

    private static readonly Option<string?> Key =
        new("--key") { Description = "The ledger's verifier key, or a file that holds it", HelpName = "VKEY|FILE" };
    private static readonly Option<string?> PolicyFile =
        new("--policy") { Description = "Known ledgers, witnesses and quorum (c2sp.org/tlog-policy)", HelpName = "FILE" };
    private static readonly Option<string?> Older =
        new("--older") { Description = "A checkpoint of this ledger that you kept: it must be a prefix", HelpName = "FILE" };

    private static readonly Option<string?> Since = new("--since")
    {
        Description = "The same, and you verified the ledger when that was its head: do not examine again what it covers",
        HelpName = "FILE",
    };

    private static readonly Option<string?> Time = new("--time")
    {
        Description = "Check time stamps too: certificates trusted to vouch for their authorities (PEM)",
        HelpName = "FILE",
    };

    private static readonly Option<string[]> Chain = new("--chain")
    {
        Description =
            "A closed ledger before it, or a copy of one: directory, http(s):// or s3:// address; may be given again. "
                + "Default for the ledger itself: those the configuration names",
        HelpName = "LEDGER",
    };

    public static Command Build()
    {
        Command command =
            new("verify", "Verify a ledger or evidence from raw bytes") { Target, Key, PolicyFile, Older, Since, Time, Chain };
        command.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        Policy? policy = PolicyOf(parse, invocation);
        if (parse.GetValue(Older) is not null && parse.GetValue(Since) is not null)
            throw new IndelibleException(ExitCode.Usage, "expected --older or --since, found both");
        ReadOnlyMemory<byte> older = (parse.GetValue(Older) ?? parse.GetValue(Since)) is { } file
            ? Read(invocation.Resolve(file), SignedNote.LengthMax, parse.GetValue(Older) is null ? Since.Name : Older.Name)
            : default;
        string target = parse.GetValue(Target) ?? PlaceOf(invocation.ExistingPaths(parse));
        VerificationReport report = await VerifyAsync(target, policy, older, parse, invocation, cancellationToken);
        if (parse.GetValue(Globals.Json)) invocation.Output.WriteLine(Encoding.UTF8.GetString(ReportText.ToJson(report)));
        else invocation.Output.Write(ReportText.ToText(report));
        return (int)report.ExitCode;
    }

    private static string PlaceOf(LedgerPaths paths) => paths.Store is { } store ? store.Name : paths.Ledger;

    private static async Task<VerificationReport> VerifyAsync(
        string target, Policy? policy, ReadOnlyMemory<byte> older,
        ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        string path = invocation.Resolve(target);
        bool isBucket = target.StartsWith(BucketOptions.Scheme, StringComparison.Ordinal);
        if (!IsAddress(target) && !isBucket && !Directory.Exists(path))
        {
            if (parse.GetValue(Time) is not null)
                throw new IndelibleException(ExitCode.Usage, "--time checks the time stamps of ledgers; an evidence file holds none");
            if (!older.IsEmpty)
                throw new IndelibleException(ExitCode.Usage, "--older and --since compare ledgers; an evidence file holds one entry only");
            byte[] evidence = DurableFile.TryReadAll(path, Evidence.LengthMax)
                ?? throw new IndelibleException(
                    ExitCode.Usage, $"verify: expected a ledger's directory or address, or a file of evidence, found nothing at {path}");
            return EvidenceVerifier.Verify(evidence, policy);
        }
        using LedgerFetch files = FilesOf(target, policy?.Ledgers is [{ } only] ? only : null, parse, invocation, cancellationToken);
        List<(long Index, EntryHeader Header)> anchors = [];
        X509Certificate2Collection? pinned = parse.GetValue(Time) is { } trusted ? Pinned(invocation.Resolve(trusted)) : null;
        LedgerVerifier verifier = new(files.Fetch, files.OpenFile)
        {
            Policy = policy,
            OlderCheckpoint = older,
            BeginsAtOlder = parse.GetValue(Since) is not null,
            AnotherFetch = files.AnotherFetch,
            Seen = (index, header) =>
            {
                if (pinned is not null && header.Code == AnchorFiles.Code && header.Kind == EntryKind.Admin) anchors.Add((index, header));
            },
        };
        VerificationReport report = verifier.Verify(cancellationToken);
        if (pinned is not null && report.IsSound) report = await TimedAsync(report, files, anchors, pinned, invocation, cancellationToken);
        if (report is { IsSound: true, Predecessor: not null }) report = Chained(report, parse, invocation, cancellationToken);
        return report with { Notices =
            [.. report.Notices, .. files.Notices().Select(what => new Finding(Rules.OtherVersion, "", -1, what))] };
    }

    /// <summary>With the ledgers before it, as far as they are at hand.</summary>
    private static VerificationReport Chained(
        VerificationReport report, ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        List<LedgerFetch> opened = [];
        try
        {
            bool isGiven = parse.GetValue(Chain) is { Length: > 0 };
            IReadOnlyList<string> places = parse.GetValue(Chain) is { Length: > 0 } given ? given : [.. Configured(parse, invocation)];
            return new ChainVerifier(link =>
            {
                TextFault fault = VerifierKey.Parse(link.Key, out VerifierKey? key);
                if (!fault.IsNone) return null;
                foreach (string place in places)
                {
                    if (!isGiven && !place.StartsWith(BucketOptions.Scheme, StringComparison.Ordinal) && !Directory.Exists(place)) continue;
                    LedgerFetch files = FilesOf(place, key, parse, invocation, cancellationToken);
                    opened.Add(files);
                    bool isThat = files.Fetch("checkpoint") is { } head
                        && Checkpoint.Parse(head.Span, out _, out Checkpoint? checkpoint).IsNone
                        && checkpoint!.Origin == link.Origin;
                    if (isThat) return new LedgerSource(files.Fetch, files.OpenFile);
                }
                return null;
            }).Follow(report, cancellationToken);
        }
        finally
        {
            opened.ForEach(files => files.Dispose());
        }
    }

    /// <summary>Those of the configured ledger, if that is the one verified.</summary>
    private static IEnumerable<string> Configured(ParseResult parse, Invocation invocation) =>
        parse.GetValue(Target) is null
            ? invocation.Config(parse).Predecessors.Select(predecessor => predecessor.Store?.Place().Name ?? predecessor.Ledger)
            : [];

    private static LedgerFetch FilesOf(
        string target, VerifierKey? key, ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        if (target.StartsWith(BucketOptions.Scheme, StringComparison.Ordinal))
            return LedgerFetch.FromBucket(TargetStores.BucketAt(target, invocation.Config(parse)), key, cancellationToken);
        return IsAddress(target)
            ? LedgerFetch.FromUrl(AddressOf(target), cancellationToken)
            : LedgerFetch.FromDirectory(invocation.Resolve(target));
    }

    /// <summary>With what the time stamps prove, or what is wrong with them.</summary>
    private static async Task<VerificationReport> TimedAsync(
        VerificationReport report, LedgerFetch files, IReadOnlyList<(long Index, EntryHeader Header)> anchors,
        X509Certificate2Collection pinned, Invocation invocation, CancellationToken cancellationToken)
    {
        Checkpoint head = new() { Origin = report.Origin!, Size = report.TreeSize, Root = report.Root!.Value };
        TimeCheck check = new(files, head, pinned, MicroTime.From(invocation.Time.GetUtcNow()));
        await check.RunAsync(anchors, cancellationToken);
        return report with
        {
            Verdict = check.Findings.Count > 0 ? Verdict.Failed : report.Verdict,
            Findings = [.. report.Findings, .. check.Findings],
            Notices = [.. report.Notices, .. check.Notices],
            Times = check.Times,
            NotChecked = [.. report.NotChecked.Where(what => what != LedgerVerifier.AnchorsNotChecked),
                .. anchors.Count == 0 ? (string[])["time: no entry names a time stamp"] : []],
        };
    }

    private static X509Certificate2Collection Pinned(string path)
    {
        X509Certificate2Collection pinned = [];
        return AnchorFiles.TryImport(pinned, Read(path, 1 << 20, "--time"))
            ? pinned
            : throw new IndelibleException(ExitCode.Usage, $"--time: expected certificates in PEM, found none in {path}");
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
