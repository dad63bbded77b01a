using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.RegularExpressions;
using Indelible.Format;

namespace Indelible.Cli;

/// <summary>A command line that does not parse, told in words, with what was perhaps meant.</summary>
internal static partial class UsageError
{
    private const string NoCommand = "Required command was not provided.";
    private const string FirstSteps = """
        indelible: expected a command, found none
          indelible demo                                  shows what this is, with a database of its own
          indelible init --origin example.org/crm         begins a ledger for yours; then doctor, protect, run
          indelible --help                                lists every command
        """;

    /// <summary>Prints every error and where help is; returns the exit code.</summary>
    public static int Tell(ParseResult parse, TextWriter error)
    {
        IReadOnlyList<string> messages = [.. parse.Errors.Select(e => e.Message).Distinct()];
        bool isMistyped = parse.UnmatchedTokens.Count > 0;
        if (parse.CommandResult.Command is RootCommand && messages is [NoCommand])
        {
            error.WriteLine(FirstSteps);
            return (int)ExitCode.Usage;
        }
        foreach (string message in messages.Where(message => !isMistyped || message != NoCommand))
            error.WriteLine($"indelible: {InWords(message, parse.CommandResult.Command)}");
        foreach (string meant in parse.UnmatchedTokens.SelectMany(token => Meant(parse.CommandResult.Command, token)).Distinct())
        {
            error.WriteLine($"  did you mean {meant}?");
        }
        error.WriteLine($"  see `{$"indelible {Words(parse.CommandResult)}".TrimEnd()} --help`");
        return (int)ExitCode.Usage;
    }

    /// <summary>The words that name a command, such as <c>keys export</c>; empty for the root.</summary>
    public static string Words(CommandResult? result)
    {
        List<string> names = [];
        for (SymbolResult? at = result; at is CommandResult { Command: not RootCommand } command; at = at.Parent)
            names.Insert(0, command.Command.Name);
        return string.Join(' ', names);
    }

    /// <summary>The library names types of the program; people are told what is expected.</summary>
    private static string InWords(string message, Command command) => message == NoCommand
        ? $"expected one of {string.Join(", ", command.Subcommands.Select(subcommand => subcommand.Name))}, found none"
        : Unreadable().Match(message) is { Success: true } match
        ? $"{match.Groups["where"].Value}: expected a number, found '{match.Groups["found"].Value}'"
        : message;

    [GeneratedRegex(
        "^Cannot parse argument '(?<found>.*)' for (?:option|command) '(?<where>[^']*)' as expected type", RegexOptions.Singleline)]
    private static partial Regex Unreadable();

    private static IEnumerable<string> Meant(Command command, string typed)
    {
        IEnumerable<string> known = typed.StartsWith('-')
            ? command.Options.Select(option => option.Name).Concat([Globals.Ledger.Name, Globals.Config.Name, Globals.Json.Name])
            : command.Subcommands.Select(subcommand => subcommand.Name);
        return known.Where(name => Distance(name, typed) <= Math.Max(1, name.Length / 3)).OrderBy(name => Distance(name, typed)).Take(1);
    }

    /// <summary>Edits between two words, a swap of neighbours counting once (optimal string alignment).</summary>
    private static int Distance(string a, string b)
    {
        int[,] edits = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++) edits[i, 0] = i;
        for (int j = 0; j <= b.Length; j++) edits[0, j] = j;
        for (int i = 1; i <= a.Length; i++)
        {
            for (int j = 1; j <= b.Length; j++)
            {
                int same = edits[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                edits[i, j] = Math.Min(same, Math.Min(edits[i - 1, j], edits[i, j - 1]) + 1);
                bool isSwap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if (isSwap) edits[i, j] = Math.Min(edits[i, j], edits[i - 2, j - 2] + 1);
            }
        }
        return edits[a.Length, b.Length];
    }
}
