using System.CommandLine;
using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Server;

namespace Indelible.Cli.Commands;

/// <summary><c>index rebuild</c> and <c>index status</c>. The index is derived: it may be deleted at any time.</summary>
internal static class IndexCommand
{
    public static Command Build()
    {
        Command rebuild = new("rebuild", "Throw the index away and make it again from the ledger");
        rebuild.SetAction((parse, cancellationToken) => RebuildAsync(parse, Invocation.Of(parse), cancellationToken));
        Command status = new("status", "How far the index is");
        status.SetAction((parse, cancellationToken) => StatusAsync(parse, Invocation.Of(parse), cancellationToken));
        return new Command("index", "The derived index") { rebuild, status };
    }

    private static async Task<int> RebuildAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        await using Borrowed<LedgerView> ledger = await Ledgers.RebuiltAsync(parse, invocation, cancellationToken);
        Tell(parse, invocation, ledger.Value);
        return (int)ExitCode.Fine;
    }

    private static async Task<int> StatusAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        await using Borrowed<LedgerView> ledger = await Ledgers.ViewAsync(parse, invocation, cancellationToken);
        Tell(parse, invocation, ledger.Value);
        return (int)ExitCode.Fine;
    }

    private static void Tell(ParseResult parse, Invocation invocation, LedgerView view)
    {
        long published = view.Reader.ReadCheckpoint().Size;
        Terminal terminal = invocation.TerminalFor(parse);
        terminal.Pairs([("index", view.Paths.Index), ("indexed", $"{view.Index.IndexedSize} of {published} published entries")]);
        terminal.Json(new JsonObject { ["indexedSize"] = view.Index.IndexedSize, ["publishedSize"] = published });
    }
}
