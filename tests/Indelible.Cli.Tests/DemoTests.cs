using System.Text.Json.Nodes;
using Indelible.Testing;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>The first thing a newcomer runs.</summary>
public sealed class DemoTests : IDisposable
{
    private readonly IndelibleProcess _indelible = new();

    public DemoTests() =>
        // PostgreSQL runs as another user when this is root, and must be able to pass through.
        new DirectoryInfo(_indelible.Home).UnixFileMode |= UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    public void Dispose() => _indelible.Dispose();

    [Fact]
    public async Task The_demo_seals_every_kind_of_change_catches_the_tamperings_and_leaves_a_ledger_that_verifies()
    {
        IndelibleProcess.Result demo = await _indelible.RunAsync("demo", "--once", "--dir", "D", "--json");
        Assert.True(demo.ExitCode == 0, demo.Output + demo.Error);
        JsonNode summary = demo.Json;
        Assert.All(
            new[] { "evidence", "ledger", "crosscheck", "tamperedCopyCaught", "fakedOperatorSeen", "movedSlotCaught", "unpublishedCaught" },
            name => Assert.True(summary["verification"]![name]!.GetValue<bool>(), name));
        Assert.Equal(3, summary["attacks"]!.AsArray().Count(attack => attack!["caught"]!.GetValue<bool>()));
        Assert.All(new[] { "insert", "update", "delete" }, name => Assert.True(summary["changes"]![name]!.GetValue<int>() > 0, name));
        Assert.All(new[] { "asserted", "session", "none" }, name => Assert.True(summary["grades"]![name]!.GetValue<int>() > 0, name));

        IndelibleProcess.Result verify =
            await _indelible.RunAsync("verify", "D/ledger", "--key", summary["vkey"]!.GetValue<string>(), "--json");
        Assert.Equal(0, verify.ExitCode);
        Assert.Equal(summary["treeSize"]!.GetValue<long>(), verify.Json["treeSize"]!.GetValue<long>());
        Assert.Equal(summary["root"]!.GetValue<string>(), verify.Json["root"]!.GetValue<string>());
        Assert.All(
            new[] { "index", "keyring", "postgres" }, part => Assert.True(Directory.Exists(Path.Combine(_indelible.Home, "D", part))));
    }

    [Fact]
    public async Task Rewritten_history_is_refused_and_proved_by_every_copy_and_the_primary_is_restored()
    {
        IndelibleProcess.Result demo = await _indelible.RunAsync("demo", "--copies", "--dir", "D", "--json");
        Assert.True(demo.ExitCode == 0, demo.Output + demo.Error);
        JsonNode summary = demo.Json;
        Assert.All(
            new[] { "rewrittenLedgerIsSigned", "witnessRefused", "witnessKeptEvidence", "copyRefused", "bucketRefused", "bucketHolds",
                "bucket", "mirror-aProved", "mirror-bProved", "restored", "nothingMissing", "mirror" },
            name => Assert.True(summary["verification"]![name]!.GetValue<bool>(), name));
        string key = summary["vkey"]!.GetValue<string>();
        foreach (string mirror in new[] { "mirror-a", "mirror-b" })
        {
            string evidence = Assert.Single(Directory.GetFiles(Path.Combine(_indelible.Home, "D", mirror, "evidence")));
            Assert.Contains(
                "MISBEHAVIOUR PROVED", (await _indelible.RunAsync("verify", evidence, "--key", key)).Output, StringComparison.Ordinal);
        }
        Assert.Equal(0, (await _indelible.RunAsync("verify", "D/ledger", "--policy", "D/vault/clinic.policy")).ExitCode);
    }

    [Fact]
    public async Task A_directory_with_something_in_it_is_left_alone()
    {
        File.WriteAllText(Path.Combine(_indelible.Home, "mine"), "text");
        IndelibleProcess.Result demo = await _indelible.RunAsync("demo", "--once", "--dir", ".");
        Assert.Equal(2, demo.ExitCode);
        Assert.Contains("expected --dir to name an empty or missing directory", demo.Error, StringComparison.Ordinal);
    }
}
