using Xunit;

namespace Indelible.Tidy.Tests;

/// <summary>Who may reference whom (docs/architecture.md#rooms).</summary>
public sealed class RoomsTests
{
    private static readonly Dictionary<string, string[]> MayReference = new()
    {
        ["Indelible.Format"] = [],
        ["Indelible.Capture"] = ["Indelible.Format"],
        ["Indelible.Ledger"] = ["Indelible.Format"],
        ["Indelible.Index"] = ["Indelible.Ledger", "Indelible.Format"],
        ["Indelible.Server"] = ["Indelible.Format", "Indelible.Capture", "Indelible.Ledger", "Indelible.Index"],
        ["Indelible.Cli"] = ["Indelible.Server", "Indelible.Capture", "Indelible.Ledger", "Indelible.Index", "Indelible.Format"],
        ["Indelible.Verify"] = ["Indelible.Format"],
    };

    private static readonly Dictionary<string, string> LivesOnlyIn = new()
    {
        ["Npgsql"] = "Indelible.Capture",
        ["AWSSDK.S3"] = "Indelible.Ledger",
        ["RocksDB"] = "Indelible.Ledger",
        ["NSec.Cryptography"] = "Indelible.Format",
        ["System.CommandLine"] = "Indelible.Cli",
    };

    [Fact]
    public void Every_room_references_only_the_rooms_below_it()
    {
        string[] projects = [.. Repository.Files("src", "*.csproj")];
        Assert.Equal(MayReference.Keys.Order(), projects.Select(Path.GetFileNameWithoutExtension).Order());
        foreach (string project in projects)
        {
            string room = Path.GetFileNameWithoutExtension(project);
            IEnumerable<string?> references = Repository.References(project, "ProjectReference").Select(Path.GetFileNameWithoutExtension);
            Assert.Empty(references.Except(MayReference[room]).Select(other => $"{room} may not reference {other}"));
        }
    }

    [Fact]
    public void Every_room_of_tests_is_run()
    {
        string line = File.ReadLines(Path.Combine(Repository.Root, "test"))
            .Single(text => text.StartsWith("all=", StringComparison.Ordinal));
        IEnumerable<string> rooms = Repository.Files("tests", "*.Tests.csproj").Select(path => Path.GetFileName(path).Split('.')[1]);
        Assert.Equal(rooms.Order(), line["all=\"".Length..].TrimEnd('"').Split(' ').Order());
    }

    [Fact]
    public void A_package_stays_in_the_room_that_keeps_it()
    {
        foreach (string project in Repository.Files("src", "*.csproj"))
        {
            string room = Path.GetFileNameWithoutExtension(project);
            foreach (string package in Repository.References(project, "PackageReference"))
            {
                if (LivesOnlyIn.TryGetValue(package, out string? home)) Assert.Equal($"{home} has {package}", $"{room} has {package}");
            }
        }
    }

    [Fact]
    public void Storage_of_others_is_spoken_to_in_one_folder() =>
        Assert.Empty(Repository.Files("src", "*.cs").Where(path => !path.Contains("/Indelible.Ledger/Stores/", StringComparison.Ordinal)
            && File.ReadLines(path).Any(line => line.StartsWith("using Amazon.", StringComparison.Ordinal))).Select(Repository.Relative));

    [Fact]
    public void Format_needs_nothing_but_NSec() =>
        Assert.Equal(["NSec.Cryptography"], Repository.References(Repository.ProjectFile("Indelible.Format"), "PackageReference"));

    [Fact]
    public void Every_package_is_pinned_centrally_and_has_its_reason_in_the_docs()
    {
        string reasons = File.ReadAllText(Path.Combine(Repository.Root, "docs", "dependencies.md"));
        string[] pinned = [.. Repository.References(Path.Combine(Repository.Root, "Directory.Packages.props"), "PackageVersion")];
        Assert.NotEmpty(pinned);
        Assert.All(pinned, package => Assert.Contains($"`{package}`", reasons, StringComparison.Ordinal));
    }
}
