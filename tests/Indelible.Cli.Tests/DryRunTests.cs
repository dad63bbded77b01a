using System.Text.Json.Nodes;
using Indelible.Testing;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>What `protect --dry-run` says of what `protect` would do.</summary>
public sealed class DryRunTests
{
    [Fact]
    public async Task Tables_whose_rows_would_be_stated_are_named_also_where_only_a_name_is_taken_over()
    {
        await using PostgresServer server = await PostgresServer.StartAsync();
        using IndelibleProcess indelible = new();
        string database = await server.CreateDatabaseAsync();
        await server.ExecuteAsync(database, "CREATE TABLE people (id int PRIMARY KEY, ssn text)",
            "CREATE TABLE others (id int PRIMARY KEY, x text)", "INSERT INTO people VALUES (1, 'a')");
        await indelible.CallAsync("init", "--origin", "example.org/t");
        string[] protect = ["protect", "--source", database, "--name", "crm"];
        const string stated = "-- then every row is stated, in a baseline, of ";

        string first = (await indelible.CallAsync([.. protect, "people.ssn", "others.x", "--dry-run"])).Output;
        Assert.Contains("CREATE PUBLICATION", first, StringComparison.Ordinal);
        Assert.EndsWith($"{stated}public.people, public.others\n", first, StringComparison.Ordinal);
        Assert.Equal(0, (await indelible.CallAsync([.. protect, "people.ssn", "others.x"])).ExitCode);
        Assert.Equal("-- nothing to do: everything is in place\n", (await indelible.CallAsync([.. protect, "--dry-run"])).Output);

        await server.ExecuteAsync(database, "ALTER TABLE people RENAME ssn TO social");
        Assert.Equal($"{stated}public.people\n", (await indelible.CallAsync([.. protect, "--dry-run"])).Output);
        JsonNode plan = (await indelible.CallAsync([.. protect, "--dry-run", "--json"])).Json;
        Assert.Equal((0, "public.people"), ((int)plan["steps"]!, (string)Assert.Single(plan["baseline"]!.AsArray())!));
        Assert.Contains("1 rows in the new baseline", (await indelible.CallAsync(protect)).Output, StringComparison.Ordinal);
        Assert.Equal("-- nothing to do: everything is in place\n", (await indelible.CallAsync([.. protect, "--dry-run"])).Output);
    }
}
