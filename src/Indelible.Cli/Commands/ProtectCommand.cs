using System.CommandLine;
using System.Text.Json.Nodes;
using Indelible.Capture;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Server;

namespace Indelible.Cli.Commands;

/// <summary><c>protect --source CONNECTION TABLE.COLUMN…</c>: from here on every change of these columns is sealed.</summary>
internal static class ProtectCommand
{
    private static readonly Argument<string[]> Columns = new("COLUMNS")
    {
        Description =
            "TABLE.COLUMN or SCHEMA.TABLE.COLUMN, each perhaps followed by =digest or =plain; none: "
                + "bring what is protected to the state it should be in",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private static readonly Option<string[]> Subjects =
        new("--subject") { Description = "Column that names the person a row is about, one per table", HelpName = "TABLE.COLUMN" };
    private static readonly Option<string?> CaptureRole = new("--capture-role")
    {
        Description = "Least-privilege role that `run` uses; made if missing; default indelible_capture",
        HelpName = "ROLE",
    };
    private static readonly Option<string?> CapturePasswordFile = new("--capture-password-file")
    {
        Description = "File whose first line is the capture role's password; default: one is made and kept beside the keys",
        HelpName = "FILE",
    };
    private static readonly Option<string?> Identity = new("--identity")
    {
        Description =
            "Replica identity of these tables: full (default), or default, with which the log does not say what a value was before",
        HelpName = "full|default",
    };
    private static readonly Option<bool> DryRun = new("--dry-run") { Description = "Print the SQL and change nothing" };
    private static readonly Option<double> LockTimeout = new("--lock-timeout")
    {
        Description = "Seconds one attempt waits for a table's lock",
        HelpName = "SECONDS",
        DefaultValueFactory = _ => 2,
    };

    /// <summary>Tables that a dry run names.</summary>
    private const int StatedShown = 5;

    public static Command Build()
    {
        Command command = new("protect", "Seal every change of these columns from now on")
        {
            Columns, SourceOptions.Source, SourceOptions.Name, SourceOptions.PasswordFile, SourceOptions.PasswordEnvironment,
            Subjects, CaptureRole, CapturePasswordFile, Identity, LockTimeout, DryRun,
        };
        command.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        Terminal terminal = invocation.TerminalFor(parse);
        ColumnRequest[] columns = [.. parse.GetValue(Columns)!.Select(ColumnRequest.Parse)];
        ColumnRequest[] subjects = [.. (parse.GetValue(Subjects) ?? []).Select(ColumnRequest.Parse)];
        double seconds = parse.GetValue(LockTimeout);
        if (seconds is not (>= 0.1 and <= 3600))
            throw new IndelibleException(ExitCode.Usage, $"--lock-timeout: expected 0.1 to 3600 seconds, found {seconds}");
        await using Borrowed<LedgerHost> ledger = await Ledgers.HostAsync(parse, invocation, cancellationToken);
        (string name, SourceConnection owner) = SourceOptions.Owner(parse, invocation, ledger.Value.Config);
        ProtectOperation operation = new(ledger.Value, invocation.ConfigPath(parse), terminal.Note)
        {
            Source = name,
            Owner = owner,
            Columns = columns,
            Subjects = subjects,
            CaptureRole = parse.GetValue(CaptureRole),
            CapturePasswordFile = parse.GetValue(CapturePasswordFile) is { } file ? invocation.Resolve(file) : null,
            DefaultIdentity = IsDefault(parse.GetValue(Identity)),
            LockTimeout = TimeSpan.FromSeconds(seconds),
            By = invocation.User,
        };
        if (parse.GetValue(DryRun))
        {
            ProtectPlan plan = await operation.PlanAsync(cancellationToken);
            foreach (string warning in plan.Warnings) terminal.Note($"warning: {warning}");
            string[] stated =
            [
                .. plan.Protection.Tables
                    .Where(table => plan.BaselineTables.Contains(table.Id))
                    .Select(table => $"{table.Schema}.{table.Name}"),
            ];
            if (plan.Steps.Count > 0) terminal.Line(plan.ToSql());
            else if (stated.Length == 0) terminal.Line("-- nothing to do: everything is in place");
            if (stated.Length > 0)
            {
                string more = stated.Length > StatedShown ? $" and {stated.Length - StatedShown} more" : "";
                terminal.Line($"-- then every row is stated, in a baseline, of {string.Join(", ", stated.Take(StatedShown))}{more}");
            }
            terminal.Json(new JsonObject
            {
                ["source"] = name,
                ["steps"] = plan.Steps.Count,
                ["sql"] = plan.ToSql(),
                ["baseline"] = new JsonArray([.. stated.Select(table => (JsonNode)table)]),
            });
            return (int)ExitCode.Fine;
        }
        Tell(terminal, await operation.RunAsync(cancellationToken));
        return (int)ExitCode.Fine;
    }

    private static bool? IsDefault(string? identity) => identity switch
    {
        null => null,
        "full" => false,
        "default" => true,
        _ => throw new IndelibleException(ExitCode.Usage, $"--identity: expected full or default, found '{identity}'"),
    };

    private static void Tell(Terminal terminal, ProtectResult result)
    {
        foreach (string warning in result.Warnings) terminal.Note($"warning: {warning}");
        int columns = result.Protection.Tables.Sum(table => table.Columns.Count);
        terminal.Line($"{result.Protection.Source}: {Words.Count(result.Protection.Tables.Count, "table")}, "
            + $"{Words.Count(columns, "column")} protected; "
            + $"{result.BaselineRows} rows in the new baseline; slot {result.Protection.Slot} reads from {result.SlotStart}");
        if (!result.IsCapturing) terminal.Line("start capturing with `indelible run`: until then the slot keeps the log");
        terminal.Json(new JsonObject
        {
            ["source"] = result.Protection.Source,
            ["tables"] = new JsonArray([.. result.Protection.Tables.Select(table => (JsonNode)new JsonObject
            {
                ["schema"] = table.Schema,
                ["name"] = table.Name,
                ["columns"] = new JsonArray([.. table.Columns.Select(column => (JsonNode)column.Name)]),
            })]),
            ["baselineRows"] = result.BaselineRows,
            ["slot"] = result.Protection.Slot,
            ["slotStart"] = result.SlotStart.ToString(),
            ["capturing"] = result.IsCapturing,
            ["warnings"] = new JsonArray([.. result.Warnings.Select(warning => (JsonNode)warning)]),
        });
    }
}
