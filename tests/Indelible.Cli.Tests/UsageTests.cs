using Indelible.Server;
using Indelible.Testing;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>Exit codes, messages and --json of what needs no database.</summary>
public sealed class UsageTests : IDisposable
{
    private readonly IndelibleProcess _indelible = new();

    public void Dispose() => _indelible.Dispose();

    [Fact]
    public async Task A_new_ledger_verifies_with_the_key_that_init_printed()
    {
        IndelibleProcess.Result init = await _indelible.RunAsync("init", "--origin", "example.org/t", "--json");
        Assert.Equal(0, init.ExitCode);
        string key = (string)init.Json["verifierKey"]!;
        IndelibleProcess.Result verify = await _indelible.RunAsync("verify", "--key", key, "--json");
        Assert.Equal((0, "verified"), (verify.ExitCode, (string)verify.Json["verdict"]!));
        Assert.Equal(key, (string)(await _indelible.RunAsync("keys", "show", "--json")).Json["verifierKey"]!);
    }

    [Theory]
    [InlineData("")]
    [InlineData("two words")]
    [InlineData("a+b")]
    [InlineData("long")]
    public async Task A_name_that_cannot_be_an_origin_is_refused_and_nothing_is_made(string origin)
    {
        IndelibleProcess.Result init = await _indelible.RunAsync("init", "--origin", origin == "long" ? new string('x', 256) : origin);
        Assert.Equal(2, init.ExitCode);
        Assert.Contains("expected an origin of 1 to 255 bytes", init.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_indelible.Home));
    }

    [Fact]
    public async Task A_ledger_that_could_not_be_made_leaves_nothing_in_the_way_of_the_next_attempt()
    {
        File.WriteAllText(Path.Combine(_indelible.Home, "file"), "");
        IndelibleProcess.Result init = await _indelible.RunAsync("init", "--origin", "example.org/t", "--ledger", "file/ledger");
        Assert.Equal(3, init.ExitCode);
        File.Delete(Path.Combine(_indelible.Home, "file"));
        Assert.Equal(0, (await _indelible.RunAsync("init", "--origin", "example.org/t", "--ledger", "file/ledger")).ExitCode);
    }

    [Fact]
    public async Task A_ledger_is_never_made_over_another()
    {
        await _indelible.RunAsync("init", "--origin", "example.org/t");
        IndelibleProcess.Result again = await _indelible.RunAsync("init", "--origin", "example.org/t");
        Assert.Equal(2, again.ExitCode);
        Assert.Contains("expected an empty directory or none, found files", again.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Wrong_usage_exits_with_2_and_says_what_was_expected()
    {
        await _indelible.RunAsync("init", "--origin", "example.org/t");
        (string[] Arguments, string Says)[] cases =
        [
            (["bogus"], "bogus"),
            ([], "indelible demo"),
            (["index"], "expected one of rebuild, status, found none"),
            (["log", "--tx", "abc"], "--tx: expected a number, found 'abc'"),
            (["log", "--source", "nobody"], "expected a source, found none called nobody"),
            (["log", "--column", "snn"], "expected a protected column, found none called snn"),
            (["init"], "--origin"),
            (["log", "--since", "yesterday"], "expected a time such as"),
            (["log", "--grade", "great"], "expected one of none, session, asserted, proved"),
            (["log", "--limit", "0"], "expected 1 to 10000, found 0"),
            (["log", "--key", "5"], "expected --table"),
            (["log", "--value", "x"], "expected --table and --column"),
            (["show", "0"], "the ledger is empty"),
            (["crosscheck"], "none is configured"),
            (["crosscheck", "--key", "5"], "expected --table"),
            (["crosscheck", "--sample", "0"], "expected 1 to 1000000, found 0"),
            (["crosscheck", "--reveal"], "expected --reason"),
            (["crosscheck", "--reason", "x"], "expected --reveal"),
            (["crosscheck", "--mirror", "nowhere"], "expected a copy of a ledger directory"),
            (["protect", "--source", "nobody", "a.b"], "expected a connection such as"),
            (["protect", "--source", "Host=x;Database=d;Port=x", "a.b"], "--source"),
            (["protect", "--source", "Host=127.0.0.1;Database=d", "nocolumn"], "expected TABLE.COLUMN"),
            (["verify", "--key", "nonsense"], "--key"),
            (["verify", "nowhere"], "expected a ledger's directory or address, or a file of evidence, found nothing"),
            (["run", "--listen", "0.0.0.0:80"], "expected a loopback address"),
            (["status", "--ledger", "elsewhere"], "expected a ledger directory, found none"),
            (["status", "--config", "missing.json"], "expected a configuration file, found none"),
        ];
        foreach ((string[] arguments, string says) in cases)
        {
            IndelibleProcess.Result result = await _indelible.CallAsync(arguments);
            Assert.True(result.ExitCode == 2, $"{string.Join(' ', arguments)}: exit code {result.ExitCode}: {result.Error}");
            Assert.Contains(says, result.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Relative_paths_of_the_configuration_are_relative_to_its_file()
    {
        string path = Path.Combine(_indelible.Home, "elsewhere.json");
        File.WriteAllText(
            path, """{ "index": "cache", "sources": { "crm": { "connection": "Host=x", "passwordFile": "secrets/crm" } } }""");
        IndelibleConfig config = ConfigFile.Load(path, required: true);
        Assert.Equal(Path.Combine(_indelible.Home, "secrets", "crm"), config.Sources["crm"].PasswordFile);
        Assert.Equal((Path.Combine(_indelible.Home, "cache"), Path.Combine(_indelible.Home, "ledger")),
            (ConfigFile.Paths(path, config, null).Index, ConfigFile.Paths(path, config, null).Ledger));
    }

    [Fact]
    public async Task An_unknown_key_in_the_configuration_is_an_error_that_names_it()
    {
        await _indelible.RunAsync("init", "--origin", "example.org/t");
        string path = Path.Combine(_indelible.Home, "indelible.json");
        await File.WriteAllTextAsync(
            path, (await File.ReadAllTextAsync(path)).Replace("\"listen\"", "\"lisen\"", StringComparison.Ordinal));
        IndelibleProcess.Result result = await _indelible.RunAsync("status");
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("unknown key 'lisen'", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_wrong_master_key_opens_nothing()
    {
        await _indelible.RunAsync("init", "--origin", "example.org/t");
        Dictionary<string, string> wrong = new() { ["INDELIBLE_MASTER_KEY"] = new string('a', 64) };
        IndelibleProcess.Result result = await _indelible.RunAsync(wrong, "run", "--listen", "127.0.0.1:0");
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("master key", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_changed_ledger_is_a_finding()
    {
        await _indelible.RunAsync("init", "--origin", "example.org/t");
        string path = Path.Combine(_indelible.Home, "ledger", "checkpoint");
        string text = await File.ReadAllTextAsync(path);
        await File.WriteAllTextAsync(path, text.Replace("\n0\n", "\n1\n", StringComparison.Ordinal));
        Assert.Equal(1, (await _indelible.RunAsync("verify")).ExitCode);
    }
}
