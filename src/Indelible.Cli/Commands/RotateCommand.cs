using System.CommandLine;
using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Server.Succeeding;

namespace Indelible.Cli.Commands;

/// <summary><c>rotate</c>: closes the ledger and opens its successor, which goes on where it ended.</summary>
internal static class RotateCommand
{
    private static readonly Option<string> Successor =
        new("--successor") { Description = "Origin of the successor", HelpName = "ORIGIN", Required = true };
    private static readonly Option<string> To =
        new("--to") { Description = "Its directory: ledger, keyring and configuration", HelpName = "DIR", Required = true };
    private static readonly Option<string?> Store = new("--store")
    {
        Description =
            "Of a ledger that lives in a bucket: the bucket and prefix that the successor lives in; "
                + "reached as the configuration says of the closed ledger's",
        HelpName = "s3://BUCKET/PREFIX",
    };
    private static readonly Option<string[]> Targets = new("--target")
    {
        Description =
            "Where the successor's copy is kept: a directory, or a prefix in the same bucket; empty: no such copy. "
                + "Once for each of the configured targets",
        HelpName = "NAME=PLACE",
    };
    private static readonly Option<string?> Reason = new("--reason") { Description = "Why; sealed", HelpName = "TEXT" };

    public static Command Build()
    {
        Command command = new("rotate", "Close the ledger and open its successor") { Successor, To, Store, Targets, Reason };
        command.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        Terminal terminal = invocation.TerminalFor(parse);
        Rotation rotation = new(invocation.ExistingPaths(parse), invocation.Config(parse), invocation.Time, terminal.Pace(invocation.Time))
        {
            Origin = parse.GetValue(Successor)!,
            Directory = invocation.Resolve(parse.GetValue(To)!),
            Store = parse.GetValue(Store),
            Waiting = what => terminal.Note($"{what}\n  may be stopped: the same command goes on"),
            Targets = (parse.GetValue(Targets) ?? []).Select(Place).ToDictionary(),
            By = invocation.User,
            Reason = parse.GetValue(Reason),
        };
        RotatedLedger rotated = await rotation.RunAsync(cancellationToken);
        terminal.Pairs(
        [
            ("closed", $"{rotated.ClosedOrigin}, size {rotated.ClosedSize}, root {rotated.ClosedRoot}"),
            ("successor", rotated.Origin),
            ("verifier key", rotated.VerifierKey),
            ("restated", rotated.WasDone ? "before" : $"{rotated.Rows} rows"),
            ("configuration", rotated.ConfigPath),
        ]);
        if (rotated.Unknown > 0)
        {
            terminal.Note(
                $"{rotated.Unknown} values are not in the closed ledger (digests, destroyed keys): "
                    + "until its next change such a value is not compared");
        }
        terminal.Note(
            $"next: `indelible run` in {Path.GetDirectoryName(rotated.ConfigPath)}; "
                + "run the closed ledger beside it, on another --listen, until mirrors and copies have its last head");
        terminal.Note("publish the verifier key, and back the keyring up: `indelible keys export FILE`");
        terminal.Json(new JsonObject
        {
            ["closed"] = new JsonObject
            {
                ["origin"] = rotated.ClosedOrigin,
                ["size"] = rotated.ClosedSize,
                ["root"] = rotated.ClosedRoot.ToString(),
            },
            ["successor"] = rotated.Origin,
            ["verifierKey"] = rotated.VerifierKey,
            ["rows"] = rotated.WasDone ? null : rotated.Rows,
            ["unknown"] = rotated.WasDone ? null : rotated.Unknown,
            ["configuration"] = rotated.ConfigPath,
        });
        return (int)ExitCode.Fine;
    }

    private static KeyValuePair<string, string> Place(string text) => text.IndexOf('=', StringComparison.Ordinal) is > 0 and var at
        ? new(text[..at], text[(at + 1)..])
        : throw new IndelibleException(ExitCode.Usage, $"--target: expected NAME=PLACE, found '{text}'");
}
