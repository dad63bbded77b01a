using System.CommandLine;

namespace Indelible.Cli;

/// <summary>Options every command takes.</summary>
internal static class Globals
{
    public static readonly Option<string?> Ledger = new("--ledger")
    {
        Description = "Ledger directory; default ./ledger, or INDELIBLE_LEDGER",
        HelpName = "DIR",
        Recursive = true,
    };

    public static readonly Option<string?> Config = new("--config")
    {
        Description = "Configuration file; default indelible.json",
        HelpName = "FILE",
        Recursive = true,
    };

    public static readonly Option<bool> Json = new("--json")
    {
        Description = "Machine-readable result on standard output, everything else on standard error",
        Recursive = true,
    };
}
