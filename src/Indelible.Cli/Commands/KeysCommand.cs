using System.CommandLine;
using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Ledger;
using Indelible.Server;

namespace Indelible.Cli.Commands;

/// <summary><c>keys show</c>: the verifier key. <c>keys export FILE</c>: a backup of the keyring.</summary>
internal static class KeysCommand
{
    private static readonly Argument<string> File = new("FILE") { Description = "New file for the backup" };

    public static Command Build(Invocation invocation)
    {
        Command show = new("show", "Print origin and verifier key");
        show.SetAction((parse, _) => Task.FromResult(Show(parse, invocation)));
        Command export = new("export", "Write a backup of the keyring; it opens only with the master key") { File };
        export.SetAction((parse, _) => Task.FromResult(Export(parse, invocation)));
        return new Command("keys", "Keys of the ledger") { show, export };
    }

    private static int Show(ParseResult parse, Invocation invocation)
    {
        (string origin, string verifierKey) = Keyring.ReadPublic(invocation.ExistingPaths(parse).Keyring);
        Terminal terminal = invocation.TerminalFor(parse);
        terminal.Pairs([("origin", origin), ("verifier key", verifierKey)]);
        terminal.Json(new JsonObject { ["origin"] = origin, ["verifierKey"] = verifierKey });
        return (int)ExitCode.Fine;
    }

    private static int Export(ParseResult parse, Invocation invocation)
    {
        string file = invocation.Resolve(parse.GetValue(File)!);
        if (Path.Exists(file)) throw new IndelibleException(ExitCode.Usage, $"expected no file, found one: {file}\n  a backup is never overwritten");
        LedgerPaths paths = invocation.ExistingPaths(parse);
        if (invocation.Running is { } running)
        {
            running.Keyring.Export(file);
        }
        else
        {
            using Keyring keyring = LedgerView.OpenKeyring(paths);
            keyring.Export(file);
        }
        Terminal terminal = invocation.TerminalFor(parse);
        terminal.Line($"exported the keyring to {file}; it opens only with the master key, which is not in it");
        terminal.Json(new JsonObject { ["file"] = file });
        return (int)ExitCode.Fine;
    }
}
