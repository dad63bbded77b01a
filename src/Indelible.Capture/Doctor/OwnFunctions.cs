using System.Text.RegularExpressions;

namespace Indelible.Capture;

/// <summary>Compares the functions of schema <c>indelible</c> with the SQL that made them:
/// who replaces one can make the record say what he likes of its authors.</summary>
internal static partial class OwnFunctions
{
    private static readonly Dictionary<string, Function> Installed = Of("install"), Events = Of("events");

    private sealed record Function(string Body, bool AsOwner, string Settings);

    /// <summary>What differs, in words; empty if nothing does.</summary>
    /// <param name="catalog">Asks.</param>
    /// <param name="hasEvents">Whether the functions of the event triggers must be there.</param>
    /// <param name="cancellationToken">Stops.</param>
    public static async Task<string> DifferencesAsync(SourceCatalog catalog, bool hasEvents, CancellationToken cancellationToken)
    {
        List<(string Name, Function Found, bool IsOwned)> found = await catalog.QueryAsync("functions", [], static r =>
            (r.GetString(0), new Function(r.GetString(1), r.GetBoolean(2), r.GetString(3)), r.GetBoolean(4)), cancellationToken);
        IEnumerable<string> wanted = hasEvents ? Installed.Keys.Concat(Events.Keys) : Installed.Keys;
        IEnumerable<string> missing = wanted.Where(name => !found.Exists(one => one.Name == name)).Select(name => $"{name} is missing");
        IEnumerable<string> differing = found
            .Select((one, i) => Difference(one.Name, one.Found, one.IsOwned, isSecond: i > 0 && found[i - 1].Name == one.Name))
            .OfType<string>();
        return string.Join(", ", missing.Concat(differing));
    }

    private static string? Difference(string name, Function found, bool isOwned, bool isSecond)
    {
        if ((Installed.GetValueOrDefault(name) ?? Events.GetValueOrDefault(name)) is not { } expected || isSecond)
            return $"{name} is not ours";
        if (!isOwned) return $"{name} has another owner";
        if (found.AsOwner != expected.AsOwner || found.Settings != expected.Settings) return $"{name} runs with other rights or settings";
        return found.Body == expected.Body ? null : $"{name} has another body";
    }

    private static Dictionary<string, Function> Of(string file) => Definition().Matches(SqlFile.Read(file)).ToDictionary(
        match => match.Groups["name"].Value, match => Of(match.Groups["body"].Value, match.Groups["how"].Value));

    private static Function Of(string body, string how) =>
        new(body, how.Contains("SECURITY DEFINER", StringComparison.Ordinal), Settings(how));

    private static string Settings(string how) => Setting().Match(how) is { Success: true } set ? $"search_path={set.Groups[1].Value}" : "";

    [GeneratedRegex(@"REPLACE FUNCTION indelible\.(?<name>\w+)\((?<how>[^$]*)AS \$body\$(?<body>.*?)\$body\$", RegexOptions.Singleline)]
    private static partial Regex Definition();

    [GeneratedRegex(@"SET search_path = (.*?)\s*\z")]
    private static partial Regex Setting();
}
