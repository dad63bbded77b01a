using System.CommandLine;
using Indelible.Cli.Commands;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Ledger;
using Indelible.Server;

namespace Indelible.Cli;

/// <summary>One call of the command: its surroundings, which are the process's own or, for a forwarded one, the caller's.</summary>
internal sealed record Invocation
{
    /// <summary>Standard output.</summary>
    public required TextWriter Output { get; init; }
    /// <summary>Standard error.</summary>
    public required TextWriter Error { get; init; }
    /// <summary>First line of standard input, read when first asked for; null if there is none.</summary>
    public required Lazy<string?> Input { get; init; }
    /// <summary>True if standard output is a terminal.</summary>
    public required bool Terminal { get; init; }
    /// <summary>Its columns.</summary>
    public required int Width { get; init; }
    /// <summary>Working directory; relative paths are relative to it.</summary>
    public required string Directory { get; init; }
    /// <summary>Environment variables that commands look at.</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }
    /// <summary>Login name of whoever called.</summary>
    public required string User { get; init; }
    /// <summary>The clock.</summary>
    public required TimeProvider Time { get; init; }
    /// <summary>The host that holds the ledger in this process; null unless this is the process of `run`.</summary>
    public LedgerHost? Running { get; init; }

    /// <summary>The call that a command is executing.</summary>
    public static Invocation Of(ParseResult parse) => ((Surroundings)parse.InvocationConfiguration).Invocation;

    /// <summary>Value of an environment variable of the caller; null if unset or empty.</summary>
    public string? Variable(string name) => Environment.TryGetValue(name, out string? value) && value.Length > 0 ? value : null;

    /// <summary>An absolute path for one the caller typed.</summary>
    public string Resolve(string path) => Path.GetFullPath(path, Directory);

    /// <summary>Where this command writes.</summary>
    public Terminal TerminalFor(ParseResult parse) => new(Output, Error, parse.GetValue(Globals.Json), Terminal, Width);

    /// <summary>Path of the configuration file, whether it exists or not.</summary>
    public string ConfigPath(ParseResult parse) => Resolve(parse.GetValue(Globals.Config) ?? ConfigFile.DefaultName);

    /// <summary>The configuration; the default one if there is none, and none was named that is not yet to be written.</summary>
    public IndelibleConfig Config(ParseResult parse) => ConfigFile.Load(
        ConfigPath(parse), required: parse.GetValue(Globals.Config) is not null && parse.CommandResult.Command.Name != InitCommand.Name);

    /// <summary>The four directories: --ledger, else INDELIBLE_LEDGER, else the configuration.</summary>
    public LedgerPaths Paths(ParseResult parse)
    {
        string? ledger = parse.GetValue(Globals.Ledger) ?? Variable("INDELIBLE_LEDGER");
        return ConfigFile.Paths(ConfigPath(parse), Config(parse), ledger is null ? null : Resolve(ledger));
    }

    /// <summary>The directories of a ledger that exists.</summary>
    public LedgerPaths ExistingPaths(ParseResult parse)
    {
        LedgerPaths paths = Paths(parse);
        LedgerWriter.RequireStore(paths);
        if (System.IO.Directory.Exists(paths.Ledger) || (paths.Store is not null && Keyring.Exists(paths.Keyring))) return paths;
        throw new IndelibleException(ExitCode.Usage, $"expected a ledger directory, found none: {paths.Ledger}\n"
            + "  name it with --ledger DIR, or make one with `indelible init --origin NAME`");
    }
}

/// <summary>Carries a call to the command that executes it.</summary>
internal sealed class Surroundings(Invocation invocation) : InvocationConfiguration
{
    public Invocation Invocation => invocation;
}
