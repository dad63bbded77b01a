using System.CommandLine;
using System.Globalization;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Ledger;
using Indelible.Server;

namespace Indelible.Cli.Commands;

/// <summary><c>crosscheck</c>: the ledger against the live database at exact snapshots.
/// Exit code 1 if anything differs or is not covered.</summary>
internal static class CrosscheckCommand
{
    private const int SampleMax = 1_000_000;

    private static readonly Option<string?> Source =
        new("--source") { Description = "Only this configured source; default: all", HelpName = "NAME" };
    private static readonly Option<string?> Table =
        new("--table") { Description = "Only this table, with or without schema", HelpName = "[SCHEMA.]TABLE" };
    private static readonly Option<string?> Key =
        new("--key") { Description = "Only this row (needs --table): 17, id=17, or \"eu, 4\" for a key of two columns", HelpName = "KEY" };
    private static readonly Option<int?> Sample =
        new("--sample") { Description = "Only about so many rows of each table, at random", HelpName = "COUNT" };
    private static readonly Option<bool> Restart =
        new("--restart") { Description = "Begin anew, also where an earlier crosscheck was stopped" };
    private static readonly Option<bool> Show =
        new("--reveal") { Description = "Show both sides of each cell that differs, decrypted (needs --reason)" };
    private static readonly Option<string?> Reason =
        new("--reason") { Description = "Why; sealed with your name before values are shown", HelpName = "TEXT" };

    private static readonly Option<string?> Mirror = new("--mirror")
    {
        Description =
            "Against this copy of the ledger directory, or a ledger served at this address, from another machine; nothing is sealed",
        HelpName = "DIR|URL",
    };

    /// <summary>True if it is about a copy, and not about the ledger that a process here may hold.</summary>
    public static bool IsOfMirror(ParseResult parse) =>
        parse.CommandResult.Command.Name == "crosscheck" && parse.GetValue(Mirror) is not null;

    public static Command Build()
    {
        Command command =
            new("crosscheck", "Compare the live database with the ledger") { Source, Table, Key, Sample, Restart, Mirror, Show, Reason };
        command.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        Reveal? reveal = RevealOf(parse, invocation);
        RequireScope(parse);
        Terminal terminal = invocation.TerminalFor(parse);
        if (parse.GetValue(Mirror) is { } copy) return await MirrorAsync(parse, invocation, copy, terminal, cancellationToken);
        await using Borrowed<LedgerHost> ledger = await Ledgers.HostAsync(parse, invocation, cancellationToken);
        CrosscheckPrint print = new(terminal);
        foreach ((string name, SourceConfig config, CrosscheckScope scope) in Wanted(parse, ledger.Value.Config))
        {
            CrosscheckReport report = await new Crosscheck(ledger.Value, name, config, terminal.Pace(invocation.Time))
            {
                Scope = scope,
                Anew = parse.GetValue(Restart),
                KeepsCells = reveal is not null,
            }.RunAsync(cancellationToken);
            await print.AddAsync(report, reveal, ledger.Value, cancellationToken);
        }
        return (int)print.End();
    }

    /// <summary>With this machine's own index and a copy of the keyring.</summary>
    private static async Task<int> MirrorAsync(
        ParseResult parse, Invocation invocation, string copy, Terminal terminal, CancellationToken cancellationToken)
    {
        if (parse.GetValue(Show))
        {
            throw new IndelibleException(ExitCode.Usage,
                "--reveal: expected a ledger to seal into that values were shown, found a copy; reveal where the ledger is");
        }
        using MirrorCrosscheck mirror = await OpenAsync(invocation.Paths(parse), copy, invocation, terminal, cancellationToken);
        CrosscheckPrint print = new(terminal);
        foreach ((string name, SourceConfig config, CrosscheckScope scope) in Wanted(parse, invocation.Config(parse)))
        {
            CrosscheckReport report =
                await mirror.RunAsync(name, config, scope, parse.GetValue(Restart), terminal.Pace(invocation.Time), cancellationToken);
            print.Add(report, mirror.View, access: null);
        }
        return (int)print.End();
    }

    private static async Task<MirrorCrosscheck> OpenAsync(
        LedgerPaths paths, string copy, Invocation invocation, Terminal terminal, CancellationToken cancellationToken)
    {
        if (copy.Contains("://", StringComparison.Ordinal))
            return await MirrorCrosscheck.FollowAsync(copy, paths, invocation.Time, terminal.Pace(invocation.Time), cancellationToken);
        string directory = invocation.Resolve(copy);
        if (!Directory.Exists(directory))
        {
            throw new IndelibleException(
                ExitCode.Usage, $"--mirror: expected a copy of a ledger directory, or the address of a ledger, found neither: {directory}");
        }
        return new MirrorCrosscheck(paths with { Ledger = directory }, invocation.Time);
    }

    private static Reveal? RevealOf(ParseResult parse, Invocation invocation)
    {
        string? reason = parse.GetValue(Reason);
        return (parse.GetValue(Show), reason) switch
        {
            (true, null) => throw new IndelibleException(ExitCode.Usage, "--reveal: expected --reason with it, found none"),
            (true, { } why) => new Reveal(invocation.User, why),
            (false, null) => null,
            _ => throw new IndelibleException(ExitCode.Usage, "--reason: expected --reveal with it, found none"),
        };
    }

    private static void RequireScope(ParseResult parse)
    {
        if (parse.GetValue(Key) is not null && parse.GetValue(Table) is null)
            throw new IndelibleException(ExitCode.Usage, "--key: expected --table with it, found none");
        if (parse.GetValue(Key) is not null && parse.GetValue(Sample) is not null)
            throw new IndelibleException(ExitCode.Usage, "expected --key or --sample, found both");
        if (parse.GetValue(Sample) is < 1 or > SampleMax)
        {
            throw new IndelibleException(ExitCode.Usage,
                $"--sample: expected 1 to {SampleMax.ToString(CultureInfo.InvariantCulture)}, found {parse.GetValue(Sample)}");
        }
    }

    /// <summary>The sources asked for, each with what of it is to be compared.</summary>
    private static IEnumerable<(string Name, SourceConfig Config, CrosscheckScope Scope)> Wanted(ParseResult parse, IndelibleConfig config)
    {
        string? source = parse.GetValue(Source);
        int? sample = parse.GetValue(Sample);
        KeyValuePair<string, SourceConfig>[] sources = [.. config.Sources.Where(one => source is null || one.Key == source)];
        if (sources.Length == 0)
        {
            string known = config.Sources.Count == 0
                ? "none is configured: `indelible protect` first"
                : $"configured are {string.Join(", ", config.Sources.Keys)}";
            string found = source is null ? "none" : $"'{source}'";
            throw new IndelibleException(ExitCode.Usage, $"--source: expected a configured source, found {found}; {known}");
        }
        if (parse.GetValue(Table) is not { } text)
            return sources.Select(one => (one.Key, one.Value, new CrosscheckScope { Sample = sample }));
        TableName name = TableName.Parse(text);
        (string of, Capture.ProtectedTable table) = ProtectedTables.Find(config, source, name.Schema, name.Name);
        IReadOnlyList<string>? key = parse.GetValue(Key) is { } typed ? KeyText.Typed(typed).ValuesFor(table.Key) : null;
        return [(of, config.Sources[of], new CrosscheckScope { Table = table, Key = key, Sample = sample })];
    }
}
