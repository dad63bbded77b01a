using System.CommandLine;
using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Ledger;
using Indelible.Server;

namespace Indelible.Cli.Commands;

/// <summary><c>init --origin NAME</c>: a new ledger and its keys.</summary>
internal static class InitCommand
{
    private static readonly Option<string> Origin = new("--origin")
    {
        Description = "Name of the ledger for ever, by custom a domain and path: example.org/clinic",
        HelpName = "NAME",
        Required = true,
    };

    public static Command Build()
    {
        Command command = new("init", "Make a new ledger and its keys") { Origin };
        command.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        IndelibleConfig config = invocation.Config(parse);
        LedgerPaths paths = invocation.Paths(parse);
        string origin = parse.GetValue(Origin)!;
        if (config.Origin is { } expected && expected != origin)
        {
            throw new IndelibleException(ExitCode.Usage, $"{invocation.ConfigPath(parse)} is for the ledger {expected}, found --origin {origin}\n"
                + "  name another configuration with --config FILE");
        }
        NewLedger made = await NewLedger.CreateAsync(paths, origin, cancellationToken);
        bool wroteConfig = WriteConfig(parse, invocation, config, paths, origin);
        Tell(invocation.TerminalFor(parse), paths, made, wroteConfig ? invocation.ConfigPath(parse) : null);
        return (int)ExitCode.Fine;
    }

    /// <summary>Writes the configuration unless there is one.</summary>
    private static bool WriteConfig(ParseResult parse, Invocation invocation, IndelibleConfig config, LedgerPaths paths, string origin)
    {
        string path = invocation.ConfigPath(parse);
        if (Path.Exists(path)) return false;
        string home = Path.GetDirectoryName(path)!;
        config.Origin = origin;
        config.Ledger = Path.GetRelativePath(home, paths.Ledger);
        ConfigFile.Save(path, config);
        return true;
    }

    private static void Tell(Terminal terminal, LedgerPaths paths, NewLedger made, string? config)
    {
        terminal.Pairs(
        [
            ("origin", made.Origin),
            ("ledger", paths.Ledger),
            ("keyring", paths.Keyring + "  (secret; back it up: indelible keys export FILE)"),
            ("master key", (made.MasterKeyPath ?? $"from {MasterKey.ValueVariable}") + "  (keep a copy elsewhere: no backup opens without it)"),
            ("verifier key", made.VerifierKey),
        ]);
        if (config is not null) terminal.Note($"wrote {config}");
        terminal.Json(new JsonObject
        {
            ["origin"] = made.Origin,
            ["ledger"] = paths.Ledger,
            ["keyring"] = paths.Keyring,
            ["masterKeyFile"] = made.MasterKeyPath,
            ["verifierKey"] = made.VerifierKey,
        });
    }
}
