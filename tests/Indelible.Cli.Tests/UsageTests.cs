using System.Diagnostics;
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
        Assert.Contains(key, verify.Output, StringComparison.Ordinal);
        Assert.Equal(key, (string)(await _indelible.RunAsync("keys", "show", "--json")).Json["verifierKey"]!);
    }

    [Fact]
    public async Task The_small_verifier_takes_the_key_from_a_file_too()
    {
        string key = (string)(await _indelible.RunAsync("init", "--origin", "example.org/t", "--json")).Json["verifierKey"]!;
        string file = Path.Combine(_indelible.Home, "t.vkey"), ledger = Path.Combine(_indelible.Home, "ledger");
        await File.WriteAllTextAsync(file, key + "\n", TestContext.Current.CancellationToken);
        foreach (string given in (string[])[key, file])
        {
            using Process small = Process.Start(new ProcessStartInfo(
                Path.Combine(AppContext.BaseDirectory, "indelible-verify"), ["--key", given, ledger]) { RedirectStandardOutput = true })!;
            string told = await small.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            await small.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.Equal(0, small.ExitCode);
            Assert.Contains($"signed   {key}\n", told, StringComparison.Ordinal);
        }
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
    public async Task Another_ledger_is_made_with_another_configuration_as_the_refusal_says()
    {
        await _indelible.RunAsync("init", "--origin", "example.org/t");
        IndelibleProcess.Result refused = await _indelible.RunAsync("init", "--origin", "example.org/u", "--ledger", "u/ledger");
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("name another configuration with --config FILE", refused.Error, StringComparison.Ordinal);
        string[] other = ["--ledger", "u/ledger", "--config", "u.json"];
        IndelibleProcess.Result made = await _indelible.RunAsync(["init", "--origin", "example.org/u", .. other]);
        Assert.True(made.ExitCode == 0, made.Error);
        IndelibleProcess.Result shown = await _indelible.RunAsync("keys", "show", "--config", "u.json");
        Assert.Contains("example.org/u", shown.Output, StringComparison.Ordinal);
        IndelibleProcess.Result nowhere =
            await _indelible.RunAsync("init", "--origin", "example.org/v", "--ledger", "v/ledger", "--config", "nowhere/v.json");
        Assert.Equal(2, nowhere.ExitCode);
        Assert.Contains("--config: expected a file in a directory that exists", nowhere.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(_indelible.Home, "v")));
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
            (["log", "--since", "300000w"], "expected a time such as"),
            (["log", "--grade", "great"], "expected one of none, session, asserted, proved"),
            (["log", "--limit", "0"], "expected 1 to 10000, found 0"),
            (["log", "--key", "5"], "expected --table"),
            (["log", "--value", "x"], "expected --table and --column"),
            (["show", "0"], "INDEX: expected none: the ledger is empty, found 0"),
            (["log", "--verifier-key", "x+1"], "--verifier-key: expected --verify with it"),
            (["history", "people", "1", "--key", "x+1"], "expected a protected table"),
            (["prove", "0", "-o", "nowhere/x"], "--output: expected a file in a directory that exists"),
            (["verify", "--since", "nowhere"], "--since: expected a file, found nothing"),
            (["crosscheck"], "none is configured"),
            (["crosscheck", "--key", "5"], "expected --table"),
            (["crosscheck", "--sample", "0"], "expected 1 to 1000000, found 0"),
            (["crosscheck", "--reveal"], "expected --reason"),
            (["crosscheck", "--reason", "x"], "expected --reveal"),
            (["crosscheck", "--mirror", "nowhere"], "expected a copy of a ledger directory"),
            (["protect", "--source", "nobody", "a.b"], "expected a connection such as"),
            (["protect", "--source", "Host=x;Database=d;Port=x", "a.b"], "--source"),
            (["doctor", "--source", "Hst=x"], "or a postgres:// URL: Couldn't set hst\n"),
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
