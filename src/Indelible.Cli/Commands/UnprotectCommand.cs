using System.CommandLine;
using System.Text.Json.Nodes;
using Indelible.Capture;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Server;

namespace Indelible.Cli.Commands;

/// <summary><c>unprotect --source NAME [TABLE.COLUMN…]</c>: ends protection; that it ended is sealed as a guard entry first.</summary>
internal static class UnprotectCommand
{
    private static readonly Argument<string[]> Columns = new("COLUMNS")
    {
        Description = "TABLE.COLUMN or SCHEMA.TABLE.COLUMN; none: the whole source, its slot too",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private static readonly Option<string> Reason =
        new("--reason") { Description = "Why; sealed with your name", HelpName = "TEXT", Required = true };

    public static Command Build()
    {
        Command command = new("unprotect", "End protection; sealed as a guard entry")
        {
            Columns, SourceOptions.Source, SourceOptions.Name, SourceOptions.PasswordFile, SourceOptions.PasswordEnvironment, Reason,
        };
        command.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        Terminal terminal = invocation.TerminalFor(parse);
        await using Borrowed<LedgerHost> ledger = await Ledgers.HostAsync(parse, invocation, cancellationToken);
        (string name, SourceConnection owner) = SourceOptions.Owner(parse, invocation, ledger.Value.Config);
        UnprotectOperation operation = new(ledger.Value, invocation.ConfigPath(parse), terminal.Note)
        {
            Source = name,
            Owner = owner,
            Columns = [.. parse.GetValue(Columns)!.Select(ColumnRequest.Parse)],
            Reason = parse.GetValue(Reason)!,
            By = invocation.User,
        };
        int remaining = await operation.RunAsync(cancellationToken);
        terminal.Line(remaining == 0
            ? $"{name}: nothing is protected any more; what was sealed stays"
            : $"{name}: protection of {string.Join(", ", parse.GetValue(Columns)!)} has ended; "
                + $"{Words.Count(remaining, "table stays", "tables stay")} protected");
        terminal.Json(new JsonObject { ["source"] = name, ["tablesProtected"] = remaining });
        return (int)ExitCode.Fine;
    }
}
