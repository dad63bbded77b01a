using Indelible.Format;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>Configurations of copies and time stamps, and how large one may be.</summary>
public sealed class CopiesConfigTests
{
    [Fact]
    public async Task Configurations_that_cannot_be_are_refused()
    {
        string file = Path.Combine(Directory.CreateTempSubdirectory("indelible-config-").FullName, "indelible.json");
        foreach ((string json, string words) in ((string, string)[])
        [
            ("""{"targets": {"disk": {}}}""", "expected path for kind directory"),
            ("""{"targets": {"Disk": {"path": "x"}}}""", "expected a name"),
            ("""{"targets": {"disk": {"path": "x", "everySeconds": 3601}}}""", "expected 0 to 3600"),
            ("""{"targets": {"disk": {"path": "x"}}, "confirmAfter": 2}""", "confirmAfter: expected 0 to 1"),
            ("""{"targets": {"disk": {"path": "x", "pathh": "y"}}}""", "unknown key 'pathh'"),
            ("""{"targets": {"disk": {"path": "x", "bucket": "b"}}}""", "found keys of kind s3"),
            ("""{"targets": {"vault": {"kind": "s3", "retentionDays": 1}}}""", "expected bucket"),
            ("""{"targets": {"vault": {"kind": "s3", "bucket": "b"}}}""", "expected retentionDays"),
            ("""{"targets": {"vault": {"kind": "s3", "bucket": "b", "retentionDays": 1, "accessKey": "a"}}}""", "together with secretFile"),
            ("""{"targets": {"vault": {"kind": "s3", "bucket": "b", "retentionDays": 1, "endpoint": "http://storage.example.org"}}}""",
                "https, or http on this machine"),
            ("""{"timestamps": {"authorities": {"tsa": {"url": "ftp://x", "certificates": "y"}}}}""", "expected an http or https address"),
            ("""{"timestamps": {"authorities": {"tsa": {"url": "http://x"}}}}""", "expected certificates"),
            ("""{"timestamps": {"intervalMinutes": 0}}""", "expected 1 to 525600"),
        ])
        {
            await File.WriteAllTextAsync(file, json, TestContext.Current.CancellationToken);
            IndelibleException refused = Assert.Throws<IndelibleException>(() => ConfigFile.Load(file, required: true));
            Assert.Equal(ExitCode.Usage, refused.ExitCode);
            Assert.Contains(words, refused.Message, StringComparison.Ordinal);
        }
        Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
    }

    [Fact]
    public void A_configuration_that_could_not_be_read_again_is_not_written()
    {
        string file = Path.Combine(Directory.CreateTempSubdirectory("indelible-config-").FullName, "indelible.json");
        IndelibleConfig config = new() { Sources = { ["crm"] = new SourceConfig { Connection = new string('x', 5 << 20) } } };
        ConfigFile.Save(file, config);      // of ten thousand tables
        Assert.Equal(5 << 20, ConfigFile.Load(file, required: true).Sources["crm"].Connection.Length);
        config.Sources["crm"].Connection = new string('x', 64 << 20);
        IndelibleException refused = Assert.Throws<IndelibleException>(() => ConfigFile.Save(file, config));
        Assert.Contains("expected at most 67108864 bytes", refused.Message, StringComparison.Ordinal);
        Assert.Equal(5 << 20, ConfigFile.Load(file, required: true).Sources["crm"].Connection.Length);
        Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
    }
}
