using System.CommandLine;
using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Server;
using Indelible.Server.Succeeding;
using Microsoft.Extensions.Logging.Abstractions;

namespace Indelible.Cli.Commands;

/// <summary><c>hold ORIGIN</c>, <c>release ORIGIN</c>: a legal hold on a ledger of the chain.
/// <c>dispose ORIGIN</c>: removes a closed ledger that is not held.</summary>
internal static class HoldCommand
{
    private static readonly Argument<string> Origin = new("ORIGIN") { Description = "Origin of the ledger" };
    private static readonly Option<string> Reason =
        new("--reason") { Description = "Why; sealed with your name", HelpName = "TEXT", Required = true };

    public static IEnumerable<Command> Build()
    {
        yield return Build("hold", "Lay a legal hold on a ledger: it cannot be disposed of", isHeld: true);
        yield return Build("release", "Lift the legal hold on a ledger", isHeld: false);
        Command dispose = new("dispose", "Remove a closed ledger that is not under a legal hold") { Origin, Reason };
        dispose.SetAction((parse, cancellationToken) => DisposeAsync(parse, Invocation.Of(parse), cancellationToken));
        yield return dispose;
    }

    private static Command Build(string name, string description, bool isHeld)
    {
        Command command = new(name, description) { Origin, Reason };
        command.SetAction((parse, cancellationToken) => SealAsync(parse, Invocation.Of(parse), isHeld, cancellationToken));
        return command;
    }

    private static async Task<int> SealAsync(ParseResult parse, Invocation invocation, bool isHeld, CancellationToken cancellationToken)
    {
        string origin = parse.GetValue(Origin)!;
        await using Borrowed<LedgerHost> host = await Ledgers.HostAsync(parse, invocation, cancellationToken);
        long? index = await LegalHolds.SealAsync(host.Value, origin, isHeld, invocation.User, ReasonOf(parse), cancellationToken);
        IReadOnlyList<(string Place, string? Problem)> buckets =
            await LegalHolds.LayAsync(host.Value.Config, origin, isHeld, invocation.Time, cancellationToken);
        string done = isHeld ? "laid" : "lifted";
        foreach ((string place, string? problem) in buckets)
        {
            string outcome = problem is null
                ? $"is {done}"
                : $"is NOT {done}: {problem}\n  give the same command again once that is put right";
            invocation.TerminalFor(parse).Note($"{place}: the storage's own legal hold {outcome}");
        }
        int told = Told(parse, invocation, origin, isHeld ? "under a legal hold" : "under no legal hold any more", index);
        return buckets.Any(bucket => bucket.Problem is not null) ? (int)ExitCode.Environment : told;
    }

    private static async Task<int> DisposeAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        string origin = parse.GetValue(Origin)!;
        await using Borrowed<LedgerHost> host = await Ledgers.HostAsync(parse, invocation, cancellationToken);
        using ClosedLedgers closed =
            await ClosedLedgers.OpenAsync(host.Value.View, invocation.Config(parse), NullLogger.Instance, cancellationToken);
        long index = await LegalHolds.DisposeAsync(host.Value, closed, origin, invocation.User, ReasonOf(parse), cancellationToken);
        return Told(parse, invocation, origin, "removed from this machine; copies elsewhere are not touched", index);
    }

    private static string ReasonOf(ParseResult parse) => parse.GetValue(Reason)!.Trim() is { Length: > 0 } reason ? reason
        : throw new IndelibleException(ExitCode.Usage, "--reason: expected a reason, found nothing");

    private static int Told(ParseResult parse, Invocation invocation, string origin, string what, long? index)
    {
        Terminal terminal = invocation.TerminalFor(parse);
        terminal.Line($"the ledger {origin} is {what}");
        terminal.Note(index is null ? "as before: nothing was sealed" : $"sealed as admin entry {index}");
        terminal.Json(new JsonObject { ["ledger"] = origin, ["entry"] = index });
        return (int)ExitCode.Fine;
    }
}
