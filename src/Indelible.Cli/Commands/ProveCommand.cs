using System.CommandLine;
using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Ledger;

namespace Indelible.Cli.Commands;

/// <summary><c>prove INDEX -o FILE</c>: evidence that an entry is in the ledger, checkable offline.</summary>
internal static class ProveCommand
{
    private static readonly Argument<long> Index = new("INDEX") { Description = "Index of the entry, from 0" };

    private static readonly Option<string> File = new("--output", "-o")
    {
        Description = "File to write, by custom ending in .tlog-proof",
        HelpName = "FILE",
        Required = true,
    };

    public static Command Build()
    {
        Command command = new("prove", "Write evidence that an entry is in the ledger") { Index, File };
        command.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        LedgerReader all = await Ledgers.ReaderAsync(parse, invocation, cancellationToken),
            reader = all.Published(invocation.ExistingPaths(parse));
        long index = parse.GetValue(Index);
        if (reader.Stored is { } stored && index >= reader.ReadCheckpoint().Size && index >= 0 && index < all.ReadCheckpoint().Size)
        {
            throw new IndelibleException(ExitCode.Environment,
                $"entry {index} is sealed and not yet published: {stored.Place} holds {reader.ReadCheckpoint().Size} entries. "
                    + "Try again in a moment; `indelible status` shows what it waits for");
        }
        string file = invocation.Resolve(parse.GetValue(File)!);
        if (!Directory.Exists(Path.GetDirectoryName(file)))
            throw new IndelibleException(ExitCode.Usage, $"--output: expected a file in a directory that exists, found {file}");
        _ = Entries.Read(reader, index);
        DurableFile.Replace(file, reader.Prove(index).ToBytes());
        Terminal terminal = invocation.TerminalFor(parse);
        terminal.Line($"wrote {file}; check it offline with `indelible verify {parse.GetValue(File)} --key VERIFIER-KEY`");
        terminal.Json(new JsonObject { ["index"] = index, ["file"] = file });
        return (int)ExitCode.Fine;
    }
}
