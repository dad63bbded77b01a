using System.CommandLine;
using Indelible.Cli.Commands;
using Indelible.Cli.Demo;
using Indelible.Format;
using Indelible.Index;
using Indelible.Server.Control;

namespace Indelible.Cli;

/// <summary>The tree of commands, and what happens around each: usage errors, forwarding, failures told in words, exit codes.</summary>
internal static class CommandLine
{
    /// <summary>Commands that need the writer, the keyring or the index: the process that holds the ledger executes them.</summary>
    private static readonly HashSet<string> Forwarded =
        ["index", "rebuild", "keys", "export", "restore", "accept-head", "protect", "unprotect", "reveal", "crosscheck", "log", "history",
            "show", "status", "prove", "alerts", "test", "coverage", "hold", "release", "dispose"];

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(50);

    /// <summary>Built once: options remember every tree they were ever in, and the process that runs a ledger
    /// executes many commands.</summary>
    internal static RootCommand Tree { get; } = Root();

    /// <summary>Executes a command line and returns the exit code.</summary>
    public static async Task<int> RunAsync(string[] arguments, Invocation invocation, CancellationToken cancellationToken)
    {
        ParseResult parse = Parse(arguments);
        if (parse.Errors.Count > 0) return UsageError.Tell(parse, invocation.Error);
        try
        {
            return await WhereItBelongsAsync(arguments, parse, SourceOptions.WithPassword(parse, invocation), cancellationToken);
        }
        catch (Exception e) when (Failure.Explain(e) is not null)
        {
            (ExitCode exitCode, string message) = Failure.Explain(e)!.Value;
            await invocation.Error.WriteLineAsync($"indelible: {message}");
            return (int)exitCode;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await invocation.Error.WriteLineAsync("indelible: stopped before it was done");
            return (int)ExitCode.Environment;
        }
    }

    private static ParseResult Parse(string[] arguments)
    {
        lock (Tree) return Tree.Parse(arguments);
    }

    /// <summary>Executes the command in the process that holds the ledger, else here.
    /// While another process holds something and does not answer, it waits a little:
    /// that one is a short command, or `run` that is starting or stopping.</summary>
    private static async Task<int> WhereItBelongsAsync(
        string[] arguments, ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        for (long started = invocation.Time.GetTimestamp(); ; await Task.Delay(Glance, invocation.Time, cancellationToken))
        {
            if (await ForwardAsync(arguments, parse, invocation, cancellationToken) is { } exitCode) return exitCode;
            try
            {
                return await ExecuteAsync(parse, invocation, cancellationToken);
            }
            catch (IndelibleException e) when (e.IsBusy && invocation.Running is null)
            {
                // What is not forwarded needs the ledger for itself: no use in waiting for a process that answers.
                if (!IsForwarded(parse) && await ControlClient.AnswersAsync(invocation.Paths(parse).Journal, cancellationToken)) throw;
                if (invocation.Time.GetElapsedTime(started) < Patience) continue;
                throw new IndelibleException(
                    e.ExitCode, $"{e.Message}\n  waited {Patience.TotalSeconds} s for it to end or to answer on its socket; "
                    + "if it is `indelible run`, it is still starting or stopping: see its log, and try again", e);
            }
        }
    }

    /// <summary>Executes the command here; once more if it met a damaged index, after that was made again.</summary>
    private static async Task<int> ExecuteAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        InvocationConfiguration configuration = new Surroundings(invocation)
        {
            Output = invocation.Output,
            Error = invocation.Error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null, // Program handles signals
        };
        try
        {
            return await parse.InvokeAsync(configuration, cancellationToken);
        }
        catch (IndexDamagedException e)
        {
            await invocation.Error.WriteLineAsync($"indelible: {e.Message}; making it again from the ledger");
            await using (await Ledgers.RebuiltAsync(parse, invocation, cancellationToken)) { }
            return await parse.InvokeAsync(configuration, cancellationToken);
        }
    }

    private static RootCommand Root()
    {
        RootCommand root = new("Indelible keeps an immutable, provable record of every change to the sensitive columns of a database.")
        {
            InitCommand.Build(),
            ProtectCommand.Build(),
            UnprotectCommand.Build(),
            RunCommand.Build(),
            StatusCommand.Build(),
            CoverageCommand.Build(),
            DoctorCommand.Build(),
            LogCommand.Build(),
            HistoryCommand.Build(),
            ShowCommand.Build(),
            ProveCommand.Build(),
            VerifyCommand.Build(),
            CrosscheckCommand.Build(),
            RevealCommand.Build(),
            IndexCommand.Build(),
            KeysCommand.Build(),
            RotateCommand.Build(),
            MirrorCommand.Build(),
            WitnessCommand.Build(),
            AlertsCommand.Build(),
            CopiesCommand.Build(),
            DemoCommand.Build(),
        };
        foreach (Command command in HoldCommand.Build()) root.Subcommands.Add(command);
        Examples.AddTo(root);
        root.Options.Add(Globals.Ledger);
        root.Options.Add(Globals.Config);
        root.Options.Add(Globals.Json);
        return root;
    }

    private static bool IsForwarded(ParseResult parse)
    {
        string words = UsageError.Words(parse.CommandResult);
        return !words.StartsWith("mirror ", StringComparison.Ordinal)
            && (Forwarded.Contains(parse.CommandResult.Command.Name) || words == "keys rotate")
            && !CrosscheckCommand.IsOfMirror(parse);
    }

    private static async Task<int?> ForwardAsync(
        string[] arguments, ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        bool isHelp = parse.Action is Examples.WithExamples;
        if (invocation.Running is not null || isHelp || !IsForwarded(parse)) return null;
        ControlRequest request = new()
        {
            Arguments = arguments,
            Directory = invocation.Directory,
            Environment = invocation.Environment,
            User = invocation.User,
            Input = LogCommand.ReadsInput(parse) ? invocation.Input.Value : null,
            Terminal = invocation.Terminal,
            Width = invocation.Width,
        };
        return await ControlClient.TryRunAsync(
            invocation.Paths(parse).Journal, request, invocation.Output, invocation.Error, cancellationToken);
    }
}
