using System.CommandLine;
using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Ledger;
using Indelible.Server;
using Indelible.Server.Replication;

namespace Indelible.Cli.Commands;

/// <summary><c>copies forget NAME</c>: what was stored in a copy is forgotten, because its storage was replaced on purpose.</summary>
internal static class CopiesCommand
{
    private static readonly Argument<string> Name = new("NAME") { Description = "The copy, as the configuration names it" };

    public static Command Build()
    {
        Command forget = new("forget", "Forget what a copy held: its storage was replaced on purpose") { Name };
        forget.SetAction((parse, _) => Task.FromResult(Forget(parse, Invocation.Of(parse))));
        return new Command("copies", "Copies that `run` keeps") { forget };
    }

    private static int Forget(ParseResult parse, Invocation invocation)
    {
        IndelibleConfig config = invocation.Running?.Config ?? invocation.Config(parse);
        string name = parse.GetValue(Name)!;
        if (!config.Targets.ContainsKey(name))
        {
            throw new IndelibleException(ExitCode.Usage,
                $"expected a configured copy ({(config.Targets.Count == 0 ? "there is none" : string.Join(", ", config.Targets.Keys))}), "
                    + $"found '{name}'");
        }
        LedgerPaths paths = invocation.ExistingPaths(parse);
        bool known = new TargetMemory(paths.Journal, name).Forget();
        Terminal terminal = invocation.TerminalFor(parse);
        terminal.Line(known ? $"forgot what copy {name} held; `indelible run` fills it anew" : $"nothing was known of copy {name}");
        terminal.Json(new JsonObject { ["copy"] = name, ["forgotten"] = known });
        return (int)ExitCode.Fine;
    }
}
