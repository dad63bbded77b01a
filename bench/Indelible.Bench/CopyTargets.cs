using System.Text.Json.Nodes;

namespace Indelible.Bench;

/// <summary>Which directories `run` keeps copies in, by its configuration.</summary>
internal static class CopyTargets
{
    /// <summary>Has it keep copies in these directories below its own, and no others.</summary>
    public static void Configure(string directory, IReadOnlyList<string> names, int everySeconds, int confirmAfter)
    {
        foreach (string name in names) Directory.CreateDirectory(Path.Combine(directory, name));
        string file = Path.Combine(directory, "indelible.json");
        JsonNode config = JsonNode.Parse(File.ReadAllText(file))!;
        config["targets"] = new JsonObject(
            [.. names.Select(
                name => KeyValuePair.Create(
                    name, (JsonNode?)new JsonObject { ["path"] = Path.Combine(directory, name), ["everySeconds"] = everySeconds }))]);
        config["confirmAfter"] = confirmAfter;
        File.WriteAllText(file, config.ToJsonString());
    }
}
