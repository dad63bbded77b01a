using System.CommandLine;
using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Server;
using Indelible.Server.Mirroring;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Indelible.Cli.Commands;

/// <summary><c>mirror run</c>: follows ledgers of others into verified copies, serves and cosigns them.</summary>
internal static class MirrorCommand
{
    private const string OneLedger = "ledger";

    private static readonly Option<string?> From = new("--from")
    {
        Description =
            "One ledger to follow, instead of the configured ones: "
                + "http(s):// address of its tlog-tiles, s3://BUCKET/PREFIX, or a directory",
        HelpName = "URL|DIR",
    };
    private static readonly Option<string?> Key =
        new("--key") { Description = "Its verifier key, or a file that holds it", HelpName = "VKEY|FILE" };
    private static readonly Option<string?> To = new("--to") { Description = "Directory of the copy", HelpName = "DIR" };
    private static readonly Option<string?> Name =
        new("--name") { Description = "Cosign what is stored, under this name; the key is made if there is none", HelpName = "NAME" };
    private static readonly Option<string?> Listen = new("--listen")
    {
        Description = $"Loopback address and port to serve the copies at; default {IndelibleConfig.ListenDefault}",
        HelpName = "ADDRESS",
    };
    private static readonly Option<bool> Once = new("--once") { Description = "Store what is there, then end" };

    public static Command Build()
    {
        Command run = new("run", "Follow, store, cosign and serve, until SIGTERM") { From, Key, To, Name, Listen, Once };
        run.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return new Command("mirror", "Verified copies of ledgers, kept elsewhere") { run, RestoreCommand.Build() };
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        IndelibleConfig config = ConfigOf(parse, invocation);
        // once: the result says it
        using ILoggerFactory loggers = parse.GetValue(Once) ? new NullLoggerFactory() : Logging.Create();
        using MirrorHost host = MirrorHost.Open(config, invocation.Time, loggers, cancellationToken);
        host.StandardError = invocation.Error;
        if (!parse.GetValue(Once))
        {
            Task told = TellAsync(invocation.TerminalFor(parse), host);
            await host.RunAsync(cancellationToken);
            return (int)(host.Status().Any(status => status.Evidence.Count > 0) ? ExitCode.Finding : ExitCode.Fine);
        }
        ExitCode worst = await host.OnceAsync(cancellationToken);
        Print(invocation.TerminalFor(parse), host);
        return (int)worst;
    }

    private static IndelibleConfig ConfigOf(ParseResult parse, Invocation invocation)
    {
        IndelibleConfig config = invocation.Config(parse);
        if (parse.GetValue(Listen) is { } listen) config.Listen = listen;
        ConfigFile.ListenAddress(config);
        string? from = parse.GetValue(From), key = parse.GetValue(Key), to = parse.GetValue(To);
        if ((from ?? key ?? to) is null) return config;
        if (from is null || key is null || to is null)
        {
            throw new IndelibleException(
                ExitCode.Usage, "expected --from, --key and --to together, or none of them and ledgers in the configuration");
        }
        string directory = invocation.Resolve(to);
        config.Mirror =
            new MirrorConfig { Directory = directory, Name = parse.GetValue(Name), KeyFile = Path.Combine(directory, "mirror.key") };
        config.Mirror.Ledgers[OneLedger] = new MirroredLedgerConfig
        {
            From = from.Contains("://", StringComparison.Ordinal) ? from : invocation.Resolve(from),
            Key = LedgerKey.Read(key, Key.Name, invocation).ToString(),
            To = directory,
        };
        return config;
    }

    private static async Task TellAsync(Terminal terminal, MirrorHost host)
    {
        string address = await host.Listening;
        terminal.Json(new JsonObject { ["address"] = address, ["verifierKey"] = host.Key?.ToString(), ["ledgers"] = LedgersOf(host) });
        if (host.Key is { } key) terminal.Note($"cosigning with {key}");
    }

    private static void Print(Terminal terminal, MirrorHost host)
    {
        foreach (MirrorStatus status in host.Status())
        {
            terminal.Line($"{status.Ledger}: {status.State}, {status.Size} entries of {status.Origin} in {status.Directory}");
            if (status.Problem is { } problem) terminal.Note(problem);
        }
        terminal.Json(new JsonObject { ["verifierKey"] = host.Key?.ToString(), ["ledgers"] = LedgersOf(host) });
    }

    private static JsonArray LedgersOf(MirrorHost host) => new([.. host.Status().Select(JsonOf)]);

    private static JsonNode JsonOf(MirrorStatus status) => new JsonObject
    {
        ["ledger"] = status.Ledger,
        ["origin"] = status.Origin,
        ["from"] = status.From,
        ["directory"] = status.Directory,
        ["state"] = status.State,
        ["size"] = status.Size,
        ["root"] = status.Root,
        ["acceptedSize"] = status.AcceptedSize,
        ["problem"] = status.Problem,
        ["evidence"] = new JsonArray([.. status.Evidence.Select(path => JsonValue.Create(path))]),
    };
}
