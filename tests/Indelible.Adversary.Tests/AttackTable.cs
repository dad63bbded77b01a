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

    private static IEnumerable<string> Lines([CallerFilePath] string self = "")
    {
        string document = File.ReadAllText(Path.Combine(Path.GetDirectoryName(self)!, "..", "..", "docs", "threat-model.md"));
        return TestOfLine().Matches(document).Select(match => match.Groups[1].Value);
    }

    /// <summary>The last cell of a line of five.</summary>
    [GeneratedRegex(@"^\|(?:[^|]*\|){4} `(\w+)` \|$", RegexOptions.Multiline)]
    private static partial Regex TestOfLine();
}
