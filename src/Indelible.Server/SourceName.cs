using System.Text.RegularExpressions;
using Indelible.Format;

namespace Indelible.Server;

/// <summary>Short names of sources: they become part of slot and publication names, so they are kept plain.</summary>
public static partial class SourceName
{
    /// <summary>Longest name, in characters.</summary>
    public const int LengthMax = 32;

    /// <summary>Throws a usage error unless the name is 1 to 32 of a-z, 0-9 and underscore.</summary>
    public static void Check(string name)
    {
        if (Allowed().IsMatch(name)) return;
        throw new IndelibleException(ExitCode.Usage,
            $"source name: expected 1 to {LengthMax} of a-z, 0-9 and _, found '{name}'; choose one with --name");
    }

    /// <summary>The nearest allowed name, such as <c>crm_db</c> for <c>CRM-db</c>.</summary>
    public static string From(string text)
    {
        string name = Others().Replace(text.ToLowerInvariant(), "_");
        return name.Length == 0 ? "source" : name[..Math.Min(name.Length, LengthMax)];
    }

    [GeneratedRegex("^[a-z0-9_]{1,32}\\z")]
    private static partial Regex Allowed();

    [GeneratedRegex("[^a-z0-9_]+")]
    private static partial Regex Others();
}
