using System.CommandLine;
using System.CommandLine.Help;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Indelible.Capture;
using Indelible.Server;
using Indelible.Server.Alerts;
using Indelible.Server.Anchoring;
using Indelible.Server.Mirroring;
using Indelible.Server.Replication;
using Indelible.Server.Witnessing;
using Indelible.Testing;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>docs/commands.md and docs/configuration.md name everything there is.</summary>
public sealed class DocumentsTests
{
    [Fact]
    public void Every_command_and_option_is_in_its_section_of_the_commands_document()
    {
        Dictionary<string, string> sections = Document("commands.md").Split("\n## ").ToDictionary(section => section.Split('\n')[0].Trim());
        string common = sections.Values.First();
        Assert.All(CommandLine.Tree.Options.Where(option => option is not (HelpOption or VersionOption)),
            option => Assert.Contains($"`{option.Name}", common, StringComparison.Ordinal));
        foreach (Command command in CommandLine.Tree.Subcommands)
        {
            string section = sections[command.Name];
            Assert.Contains("Exit codes: 0", section, StringComparison.Ordinal);
            Assert.Contains($"$ indelible {command.Name}", section, StringComparison.Ordinal);
            foreach (Command one in command.Subcommands.Prepend(command))
            {
                if (one != command) Assert.Contains($"`{command.Name} {one.Name}", section, StringComparison.Ordinal);
                Assert.All(one.Options.Where(option => option is not HelpOption),
                    option => Assert.Contains($"`{option.Name}", section, StringComparison.Ordinal));
                Assert.All(one.Arguments, argument => Assert.Contains($"`{argument.Name}", section, StringComparison.Ordinal));
            }
        }
    }

    [Fact]
    public void Every_key_is_in_the_configuration_document_with_its_default()
    {
        string document = Document("configuration.md");
        foreach (Type type in (Type[])[typeof(IndelibleConfig), typeof(SourceConfig), typeof(Protection), typeof(ProtectedTable),
            typeof(ProtectedColumn), typeof(AlertsConfig), typeof(MassChangeConfig), typeof(WorkingHoursConfig), typeof(AlertTargetConfig),
            typeof(MirrorConfig), typeof(MirroredLedgerConfig), typeof(WitnessConfig), typeof(WitnessedLogConfig), typeof(WitnessesConfig),
            typeof(TargetConfig), typeof(TimeStampConfig), typeof(TimeStampAuthorityConfig)])
        {
            foreach (PropertyInfo key in type.GetProperties())
                Assert.Contains($"`{JsonNamingPolicy.CamelCase.ConvertName(key.Name)}`", document, StringComparison.Ordinal);
        }
        IndelibleConfig defaults = new();
        AlertsConfig alerts = new();
        Assert.Contains($"to 100 | {defaults.VerificationPercent} |", document, StringComparison.Ordinal);
        Assert.Contains($"to 86400 | {alerts.LagSeconds} |", document, StringComparison.Ordinal);
        Assert.Contains($"to 604800 | {alerts.StaleSeconds} |", document, StringComparison.Ordinal);
        Assert.Contains($"to 3600 | {new TargetConfig().EverySeconds} |", document, StringComparison.Ordinal);
        Assert.Contains($"to 86400 | {alerts.DownSeconds} |", document, StringComparison.Ordinal);
        Assert.Contains($"1 to 3600 | {alerts.IntervalSeconds} |", document, StringComparison.Ordinal);
        Assert.Contains($"| `{defaults.Listen}` |", document, StringComparison.Ordinal);
        Assert.Contains($"10 to 60000 | {defaults.PublishIntervalMs} |", document, StringComparison.Ordinal);
        Assert.Contains($"1 to 86400 | {defaults.CoverageIntervalSeconds} |", document, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_is_given_to_whoever_has_typed_nothing_else_yet()
    {
        using IndelibleProcess indelible = new();
        foreach (Command command in CommandLine.Tree.Subcommands)
        {
            IndelibleProcess.Result help = await indelible.CallAsync(command.Name, "--help");
            Assert.True(help.ExitCode == 0, help.Error);
            Assert.StartsWith("Description:", help.Output, StringComparison.Ordinal);
            Assert.True(command.Subcommands.Count > 0 || help.Output.Contains($"Examples:\n  ", StringComparison.Ordinal), command.Name);
        }
    }

    private static string Document(string name, [CallerFilePath] string self = "") =>
        File.ReadAllText(Path.Combine(Path.GetDirectoryName(self)!, "..", "..", "docs", name));
}
