using System.CommandLine;
using System.Text.Json.Nodes;
using Indelible.Format;
using Indelible.Server.Demo;

namespace Indelible.Cli.Demo;

/// <summary><c>demo</c>: a throwaway PostgreSQL, people at work, a ledger; then tampering, and how it shows.</summary>
internal static class DemoCommand
{
    /// <summary>Password of the private server's superuser; the server listens on loopback only and holds made-up data.</summary>
    public const string SuperuserPassword = "indelible-demo";

    private static readonly Option<bool> Once = new("--once") { Description = "End by itself with a summary; default: go on until Ctrl-C" };
    private static readonly Option<string?> Dir = new("--dir")
    {
        Description = "Empty directory to leave everything in; default: a temporary one, removed at the end",
        HelpName = "DIR",
    };

    private static readonly Option<bool> Copies = new("--copies")
    {
        Description =
            "Another story: mirrors and a witness; history rewritten with the true key, the primary destroyed and restored. Ends by itself",
    };

    public static Command Build()
    {
        Command command = new(
            "demo", "Watch changes in a private PostgreSQL become sealed, provable entries; then tampering, caught") { Once, Copies, Dir };
        command.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        bool json = parse.GetValue(Globals.Json);
        string? kept = parse.GetValue(Dir);
        string directory = kept is null ? TemporaryDirectory() : EmptyDirectory(invocation.Resolve(kept));
        var narrator = new Narrator(json ? invocation.Error : invocation.Output, invocation.Terminal && !json);
        try
        {
            JsonObject summary = await TellAsync(parse, invocation, directory, narrator, cancellationToken);
            if (json) invocation.TerminalFor(parse).Json(summary);
            else Conclude(narrator, summary);
            return (int)(summary["verification"]!.AsObject().All(result => result.Value!.GetValue<bool>())
                ? ExitCode.Fine : ExitCode.Finding);
        }
        finally
        {
            if (kept is null) Directory.Delete(directory, recursive: true);
        }
    }

    private static async Task<JsonObject> TellAsync(
        ParseResult parse, Invocation invocation, string directory, Narrator narrator, CancellationToken cancellationToken)
    {
        PrivatePostgresOptions options = new()
        {
            DataDirectory = Path.Combine(directory, "postgres"),
            Durable = true,
            Password = SuperuserPassword,
        };
        await using PrivatePostgres server = await PrivatePostgres.StartAsync(options, cancellationToken);
        DemoStage stage = new(directory, server, narrator, invocation.Time);
        return parse.GetValue(Copies)
            ? await new CopiesStory(stage, invocation.Time).TellAsync(cancellationToken)
            : await new DemoStory(stage, server, invocation.Time).TellAsync(parse.GetValue(Once), cancellationToken);
    }

    private static string TemporaryDirectory()
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("indelible-demo-");
        // PostgreSQL will not run as root, and its user must be able to pass through to its own directory.
        directory.UnixFileMode |= UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        return directory.FullName;
    }

    private static string EmptyDirectory(string path)
    {
        if (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any())
        {
            throw new IndelibleException(ExitCode.Usage, $"expected --dir to name an empty or missing directory, found files in {path}");
        }
        return Directory.CreateDirectory(path).FullName;
    }

    private static void Conclude(Narrator narrator, JsonObject summary)
    {
        narrator.Step("In short");
        foreach (string group in new[] { "entries", "changes", "grades", "verification" })
        {
            narrator.Say($"{group}: " + string.Join(", ", summary[group]!.AsObject().Select(pair => $"{pair.Key} {pair.Value}")));
        }
        narrator.Say($"size {summary["treeSize"]}, root {summary["root"]}");
    }
}
