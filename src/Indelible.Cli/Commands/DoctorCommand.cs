using System.CommandLine;
using System.Text.Json.Nodes;
using Indelible.Capture;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Ledger;
using Indelible.Server;
using Indelible.Server.Replication;

namespace Indelible.Cli.Commands;

/// <summary><c>doctor</c>: checks of this machine, of what `run` finds, and of every source, with fixes to copy.
/// Exit code 1 if one fails.</summary>
internal static class DoctorCommand
{
    private static readonly Option<string?> Source = new("--source")
    {
        Description = "A connection, or the name of a configured source; default: all configured",
        HelpName = "CONNECTION|NAME",
    };

    public static Command Build()
    {
        Command command = new("doctor", "Check this machine and the sources; print exact fixes")
        {
            Source, SourceOptions.PasswordFile, SourceOptions.PasswordEnvironment,
        };
        command.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        IndelibleConfig config = invocation.Config(parse);
        List<(string Where, SourceCheck Check)> checks = [];
        if (parse.GetValue(Source) is null)
        {
            LedgerPaths paths = invocation.ExistingPaths(parse);
            checks.AddRange(LocalDoctor.Check(paths).Select(check => ("here", check)));
            IReadOnlyList<(string, SourceCheck)> running = await RunningDoctor.CheckAsync(paths.Journal, invocation, cancellationToken);
            checks.AddRange(running.Count > 0 ? running : LocalDoctor.Holds(paths).Select(check => ("here", check)));
        }
        if (config.Store is { } store && parse.GetValue(Source) is null)
            checks.AddRange((await TargetDoctor.CheckAsync(store, invocation.Time, cancellationToken)).Select(check => ("store", check)));
        foreach ((string name, TargetConfig target) in parse.GetValue(Source) is null ? config.Targets.AsEnumerable() : [])
        {
            IReadOnlyList<SourceCheck> found = await TargetDoctor.CheckAsync(name, target, invocation.Time, cancellationToken);
            checks.AddRange(found.Select(check => ($"copy {name}", check)));
        }
        if (parse.GetValue(Source) is { } given)
        {
            (string name, SourceConnection connection) = SourceOptions.Connection(given, null, parse, invocation, config);
            checks.AddRange(
                (await SourceDoctor.CheckAsync(connection, config.Sources.GetValueOrDefault(name)?.Protection, invocation.Time,
                    cancellationToken)).Select(check => (name, check)));
        }
        else
        {
            foreach ((string name, SourceConfig source) in config.Sources)
                checks.AddRange((await CheckAsync(source, invocation.Time, cancellationToken)).Select(check => (name, check)));
        }
        Print(invocation.TerminalFor(parse), checks);
        return (int)(checks.Any(check => check.Check.Status == CheckStatus.Fail) ? ExitCode.Finding : ExitCode.Fine);
    }

    /// <summary>A password that cannot be had is one finding among the others.</summary>
    private static async Task<IReadOnlyList<SourceCheck>> CheckAsync(
        SourceConfig source, TimeProvider time, CancellationToken cancellationToken)
    {
        try
        {
            return await SourceDoctor.CheckAsync(SourceConnections.Of(source), source.Protection, time, cancellationToken);
        }
        catch (Exception e) when (e is IndelibleException or IOException)
        {
            return [new SourceCheck("connection", CheckStatus.Fail, e.Message, "a session", null)];
        }
    }

    private static void Print(Terminal terminal, List<(string Where, SourceCheck Check)> checks)
    {
        terminal.Table(["WHERE", "CHECK", "STATUS", "FOUND", "EXPECTED"],
            [.. checks.Select(one => (IReadOnlyList<string>)
                [one.Where, one.Check.Name, Words.Of(one.Check.Status), one.Check.Found, one.Check.Expected])]);
        foreach ((string where, SourceCheck check) in checks.Where(one => one.Check.Fix is not null))
        {
            terminal.Line($"\n{where}, {check.Name}: {Words.Of(check.Status)}, {check.Found}\n  {check.Fix!.ReplaceLineEndings("\n  ")}");
        }
        terminal.Json(new JsonObject
        {
            ["checks"] = new JsonArray([.. checks.Select(one => (JsonNode)new JsonObject
            {
                ["where"] = one.Where,
                ["check"] = one.Check.Name,
                ["status"] = Words.Of(one.Check.Status),
                ["found"] = one.Check.Found,
                ["expected"] = one.Check.Expected,
                ["fix"] = one.Check.Fix,
            })]),
        });
    }
}
