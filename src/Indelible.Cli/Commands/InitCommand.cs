using System.CommandLine;
using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Ledger;
using Indelible.Ledger.Stores;
using Indelible.Server;
using Indelible.Server.Replication;

namespace Indelible.Cli.Commands;

/// <summary><c>init --origin NAME</c>: a new ledger and its keys.</summary>
internal static class InitCommand
{
    /// <summary>The word.</summary>
    public const string Name = "init";

    private static readonly Option<string> Origin = new("--origin")
    {
        Description = "Name of the ledger for ever, by custom a domain and path: example.org/clinic",
        HelpName = "NAME",
        Required = true,
    };

    private static readonly Option<string?> Store = new("--store")
    {
        Description =
            "Bucket the ledger is to live in; storage and credentials as the environment says (AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID …)",
        HelpName = "s3://BUCKET/PREFIX",
    };

    private static readonly Option<int?> RetentionDays = new("--retention-days")
    {
        Description = "With --store: how long nobody can remove what is stored; 0: not locked",
        HelpName = "DAYS",
    };

    public static Command Build()
    {
        Command command = new(Name, "Make a new ledger and its keys") { Origin, Store, RetentionDays };
        command.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        IndelibleConfig config = invocation.Config(parse);
        string configPath = invocation.ConfigPath(parse);
        if (!Directory.Exists(Path.GetDirectoryName(configPath)))
            throw new IndelibleException(ExitCode.Usage, $"--config: expected a file in a directory that exists, found {configPath}");
        if (parse.GetValue(Store) is { } place) config.Store = StoreAt(place, parse, invocation, config);
        else if (parse.GetValue(RetentionDays) is not null)
            throw new IndelibleException(ExitCode.Usage, "expected --retention-days with --store, found it alone");
        LedgerPaths paths = invocation.Paths(parse) with { Store = config.Store?.Place() };
        string origin = parse.GetValue(Origin)!;
        if (config.Origin is { } expected && expected != origin)
        {
            throw new IndelibleException(
                ExitCode.Usage, $"{configPath} is for the ledger {expected}, found --origin {origin}\n"
                + "  name another configuration with --config FILE");
        }
        NewLedger made = await NewLedger.CreateAsync(paths, origin, cancellationToken);
        bool wroteConfig = WriteConfig(parse, invocation, config, paths, origin);
        Tell(invocation.TerminalFor(parse), paths, made, wroteConfig ? configPath : null);
        return (int)ExitCode.Fine;
    }

    private static StoreConfig StoreAt(string place, ParseResult parse, Invocation invocation, IndelibleConfig config)
    {
        if (Path.Exists(invocation.ConfigPath(parse)))
        {
            throw new IndelibleException(ExitCode.Usage,
                $"expected --store with a configuration that is yet to be written, found {invocation.ConfigPath(parse)}\n"
                    + "  put the bucket into it as `store`, and leave --store away");
        }
        BucketOptions bucket = BucketOptions.At(place);
        StoreConfig store = new() { Bucket = bucket.Bucket, Prefix = bucket.Prefix.TrimEnd('/') is { Length: > 0 } prefix ? prefix : null,
            Endpoint = bucket.Endpoint?.AbsoluteUri, RetentionDays = parse.GetValue(RetentionDays) };
        config.Store = store;
        ConfigFile.Check("--store", config);
        return store;
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
            ("ledger", paths.Store is { } store ? $"{store.Name}; on its way there, and its newest part, in {paths.Ledger}" : paths.Ledger),
            ("keyring", paths.Keyring + "  (secret; back it up: indelible keys export FILE)"),
            ("master key", (made.MasterKeyPath ?? $"from {MasterKey.ValueVariable}")
                + "  (keep a copy elsewhere: no backup opens without it)"),
            ("verifier key", made.VerifierKey),
        ]);
        if (config is not null) terminal.Note($"wrote {config}");
        terminal.Json(new JsonObject
        {
            ["origin"] = made.Origin,
            ["ledger"] = paths.Ledger,
            ["store"] = paths.Store?.Name,
            ["keyring"] = paths.Keyring,
            ["masterKeyFile"] = made.MasterKeyPath,
            ["verifierKey"] = made.VerifierKey,
        });
    }
}
