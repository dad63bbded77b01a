using Indelible.Format;

namespace Indelible.Verify;

/// <summary>The command line.</summary>
internal sealed record Arguments
{
    public const string Help = """
        indelible-verify [--key VKEY|FILE | --policy FILE] [--older CHECKPOINT | --since CHECKPOINT] [--chain DIR]... [--json]
                         LEDGER_DIR|EVIDENCE_FILE

        Re-derives everything from raw bytes, offline: signatures, every entry, every tile, the root,
        each source's order and coverage, blobs; or, for an evidence file, the entry's inclusion.

          --key VKEY|FILE     the ledger's verifier key, <name>+<hex id>+<base64>, or a file that holds it,
                              got from somebody you trust
          --policy FILE       known ledgers and witnesses, and the quorum (c2sp.org/tlog-policy)
          --older CHECKPOINT  file with a checkpoint of this ledger that you kept: it must be a prefix
          --since CHECKPOINT  the same, and you verified the ledger when that was its head:
                              what it covers is not examined again
          --chain DIR         a closed ledger before it, or a copy of one; may be given again
          --json              one JSON object on stdout

        Exit codes: 0 nothing wrong · 1 a finding · 2 wrong usage · 3 the environment failed
        Without --key or --policy the best outcome is "self-consistent only".

        """;

    /// <summary>Ledger directory or evidence file.</summary>
    public string Target { get; private init; } = "";
    public string? Key { get; private init; }
    public string? PolicyFile { get; private init; }
    public string? OlderFile { get; private init; }
    public string? SinceFile { get; private init; }
    public IReadOnlyList<string> Chain { get; private init; } = [];
    public bool IsJson { get; private init; }
    public bool IsHelp { get; private init; }

    public static Arguments Parse(string[] words)
    {
        var arguments = new Arguments();
        for (int i = 0; i < words.Length; i++)
        {
            string Value(string? before)
            {
                if (before is not null) throw Usage($"expected {words[i]} once");
                return i + 1 < words.Length ? words[++i] : throw Usage($"expected a value after {words[i]}");
            }
            arguments = words[i] switch
            {
                "--key" => arguments with { Key = Value(arguments.Key) },
                "--policy" => arguments with { PolicyFile = Value(arguments.PolicyFile) },
                "--older" => arguments with { OlderFile = Value(arguments.OlderFile) },
                "--since" => arguments with { SinceFile = Value(arguments.SinceFile) },
                "--chain" => arguments with { Chain = [.. arguments.Chain, Value(null)] },
                "--json" => arguments with { IsJson = true },
                "--help" or "-h" => arguments with { IsHelp = true },
                ['-', _, ..] => throw Usage($"unknown option {words[i]}"),
                _ when arguments.Target.Length > 0 =>
                    throw Usage($"expected one ledger or evidence file, found '{arguments.Target}' and '{words[i]}'"),
                _ => arguments with { Target = words[i] },
            };
        }
        if (arguments.IsHelp) return arguments;
        if (arguments.Target.Length == 0) throw Usage("expected a ledger directory or an evidence file");
        if (arguments.Key is not null && arguments.PolicyFile is not null) throw Usage("expected --key or --policy, found both");
        if (arguments.OlderFile is not null && arguments.SinceFile is not null) throw Usage("expected --older or --since, found both");
        return arguments;
    }

    private static IndelibleException Usage(string message) => new(ExitCode.Usage, message + "; see indelible-verify --help");
}
