using System.Text.RegularExpressions;
using Xunit;

namespace Indelible.Tidy.Tests;

/// <summary>Slips that are defects, found by reading the source.</summary>
public sealed partial class SourceTests
{
    [Fact]
    public void Files_are_written_in_one_place_and_every_exception_says_why()
    {
        // A pragma that lifts the ban on System.IO.File must carry its reason on the same line.
        Regex lifted = LiftsTheFileBan();
        foreach (string path in Repository.Files("src", "*.cs"))
        {
            foreach (string line in File.ReadLines(path).Where(line => lifted.IsMatch(line)))
            {
                Assert.True(
                    line.Contains("//", StringComparison.Ordinal), $"{Repository.Relative(path)}: say why on the line: {line.Trim()}");
            }
        }
    }

    [Fact]
    public void Every_type_is_sealed_static_or_a_closed_set()
    {
        foreach (string path in Repository.Files("src", "*.cs"))
        {
            foreach (Match match in OpenType().Matches(File.ReadAllText(path)))
            {
                Assert.Fail($"{Repository.Relative(path)}: '{match.Value.Trim()}' is neither sealed, static nor abstract");
            }
        }
    }

    [Fact]
    public void Nothing_is_left_unfinished_and_no_test_is_switched_off()
    {
        foreach (string path in Repository.Files("src", "*.cs").Concat(Repository.Files("tests", "*.cs")))
        {
            if (path.EndsWith("SourceTests.cs", StringComparison.Ordinal)) continue;
            string text = File.ReadAllText(path);
            Assert.DoesNotContain("NotImplementedException", text, StringComparison.Ordinal);
            Assert.DoesNotMatch(@"\b(TODO|FIXME|HACK)\b", text);
            Assert.DoesNotMatch(@"\[(Fact|Theory)\(Skip", text);
        }
    }

    [Fact]
    public void Lines_fit_on_a_screen()
    {
        const int lengthMax = 140;      // as .editorconfig says
        foreach (string path in ((string[])["src", "tests", "bench"]).SelectMany(room => Repository.Files(room, "*.cs")))
        {
            foreach ((int index, string line) in File.ReadLines(path).Index())
            {
                Assert.True(
                    line.Length <= lengthMax, $"{Repository.Relative(path)}:{index + 1}: {line.Length} characters, expected {lengthMax}");
            }
        }
    }

    [Fact]
    public void Log_message_ids_are_never_reused()
    {
        var seen = new Dictionary<string, string>();
        foreach (string path in Repository.Files("src", "*.cs"))
        {
            foreach (Match match in LogId().Matches(File.ReadAllText(path)))
            {
                Assert.True(seen.TryAdd(match.Groups[1].Value, path),
                    $"log id {match.Groups[1].Value} in {path} and {seen[match.Groups[1].Value]}");
            }
        }
    }

    [GeneratedRegex(@"#pragma warning disable .*RS0030")]
    private static partial Regex LiftsTheFileBan();

    [GeneratedRegex(@"^\s*(public|internal|private|protected)\s+(partial\s+)?(class|record(?!\s+struct))\s+\w+", RegexOptions.Multiline)]
    private static partial Regex OpenType();

    [GeneratedRegex(@"LoggerMessage\((\d+),")]
    private static partial Regex LogId();
}
