using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Xunit;

namespace Indelible.Adversary.Tests;

/// <summary>docs/threat-model.md says of every attack tried here what becomes of it, and of no other.</summary>
public sealed partial class AttackTable
{
    [Fact]
    public void Every_attack_has_its_line_in_the_threat_model_and_every_line_its_test()
    {
        IEnumerable<string> tests = typeof(AttackTable).Assembly.GetTypes()
            .Where(type => type.Name.EndsWith("Attacks", StringComparison.Ordinal))
            .SelectMany(type => type.GetMethods()).Where(method => method.GetCustomAttribute<FactAttribute>() is not null)
            .Select(method => method.Name);
        Assert.Equal(tests.Order(StringComparer.Ordinal), Lines().Order(StringComparer.Ordinal));
    }

    /// <summary>What people are told of an attack, as the threat model says: kinds of alerts, of a guard entry its code;
    /// those in brackets may also not come.</summary>
    public static (string[] Always, string[] Maybe) AlertsOf(string attack)
    {
        string[] parts = Cells().Single(line => line.Groups["test"].Value == attack).Groups["alerts"].Value.Split('(');
        return (Words(parts[0]), Words(string.Concat(parts.Skip(1))));
    }

    private static string[] Words(string text) =>
        [.. Word().Matches(text).Select(word => word.Groups[1].Value).Order(StringComparer.Ordinal)];

    private static IEnumerable<string> Lines() => Cells().Select(line => line.Groups["test"].Value);

    private static MatchCollection Cells([CallerFilePath] string self = "") => Line().Matches(
        File.ReadAllText(Path.Combine(Path.GetDirectoryName(self)!, "..", "..", "docs", "threat-model.md")));

    /// <summary>A line of six cells.</summary>
    [GeneratedRegex(@"^\|(?:[^|]*\|){3}(?<alerts>[^|]*)\|[^|]*\| `(?<test>\w+)` \|$", RegexOptions.Multiline)]
    private static partial Regex Line();

    [GeneratedRegex("`([a-z-]+)`")]
    private static partial Regex Word();
}
