using System.CommandLine;
using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Server;
using Indelible.Server.Witnessing;
using Microsoft.Extensions.Logging;

namespace Indelible.Cli.Commands;

/// <summary><c>witness run</c>: cosigns checkpoints that extend the one cosigned last.</summary>
internal static class WitnessCommand
{
    private static readonly Option<string?> Name = new("--name")
    {
        Description = "Name of the witness's key, instead of the configuration; the key is made if there is none",
        HelpName = "NAME",
    };
    private static readonly Option<string[]> Log = new("--log")
    {
        Description = "Verifier key of a ledger to witness, or a file that holds it; may be given again",
        HelpName = "VKEY|FILE",
    };
    private static readonly Option<string?> To =
        new("--to") { Description = "Directory of what the witness remembers, and of its key", HelpName = "DIR" };
    private static readonly Option<string?> Listen =
        new("--listen") { Description = $"Loopback address and port; default {IndelibleConfig.ListenDefault}", HelpName = "ADDRESS" };

    public static Command Build()
    {
        Command run = new("run", "Answer add-checkpoint (c2sp.org/tlog-witness), until SIGTERM") { Name, Log, To, Listen };
        run.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return new Command("witness", "Cosignatures that say: one history") { run };
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        using ILoggerFactory loggers = Logging.Create();
        using WitnessHost host = WitnessHost.Open(ConfigOf(parse, invocation), invocation.Time, loggers);
        host.StandardError = invocation.Error;
        Task told = TellAsync(invocation.TerminalFor(parse), host);
        await host.RunAsync(cancellationToken);
        return (int)ExitCode.Fine;
    }

    private static IndelibleConfig ConfigOf(ParseResult parse, Invocation invocation)
    {
        IndelibleConfig config = invocation.Config(parse);
        if (parse.GetValue(Listen) is { } listen) config.Listen = listen;
        ConfigFile.ListenAddress(config);
        string? name = parse.GetValue(Name), to = parse.GetValue(To);
        string[] logs = parse.GetValue(Log) ?? [];
        if ((name ?? to) is null && logs.Length == 0) return config;
        if (name is null || to is null || logs.Length == 0)
        {
            throw new IndelibleException(
                ExitCode.Usage, "expected --name, --log and --to together, or none of them and a witness in the configuration");
        }
        string directory = invocation.Resolve(to);
        config.Witness = new WitnessConfig
        {
            Name = name,
            Directory = directory,
            KeyFile = Path.Combine(directory, "witness.key"),
            Logs = [.. logs.Select(log => new WitnessedLogConfig { Key = LedgerKey.Read(log, Log.Name, invocation).ToString() })],
        };
        return config;
    }

    private static async Task TellAsync(Terminal terminal, WitnessHost host)
    {
        string address = await host.Listening;
        terminal.Json(new JsonObject { ["address"] = address, ["verifierKey"] = host.Key.ToString() });
        terminal.Note($"for policies: witness {host.Key.Name} {host.Key} {address}");
    }
}
