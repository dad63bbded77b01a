using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Indelible.Format.Notes;
using Indelible.Ledger;
using Indelible.Testing;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>The real <c>keys rotate</c>, killed after each of its durable steps.</summary>
public sealed class KeyRotationTests : IDisposable
{
    private const int SegmentsMax = 40;
    /// <summary>A process that made the call stands still so long that it can be killed there.</summary>
    private const int DelayMicros = 3_000_000;
    private readonly IndelibleProcess _indelible = new();

    public void Dispose() => _indelible.Dispose();

    [Fact]
    public async Task Killed_after_any_step_the_key_is_as_before_or_handed_over_and_both_keys_verify()
    {
        Assert.Equal(0, (await _indelible.RunAsync("init", "--origin", "example.org/t")).ExitCode);
        string first = KeyNow();
        int killed = 0;
        // Made, told, handed over, taken, named (of the next), shown.
        foreach ((string call, string file, int count) in ((string, string, int)[])[
            ("rename", "keyring/keyring.json.new", 1), ("fdatasync", "journal/{n}.journal", 2), ("fsync", "ledger/handover", 1),
            ("rename", "keyring/keyring.json.new", 3), ("rename", "ledger/ledger.json.new", 1), ("rename", "ledger/checkpoint.new", 3)])
        {
            string before = KeyNow();
            if (await KilledAsync(call, file, count)) killed++;
            foreach (string key in (string[])[first, before, KeyNow()])
            {
                IndelibleProcess.Result verify = await _indelible.RunAsync("verify", "--key", key);
                Assert.True(verify.ExitCode == 0, $"after {call} {file}: {verify.Output}{verify.Error}");
            }
        }
        Assert.Equal(6, killed);
        IndelibleProcess.Result rotated = await _indelible.RunAsync("keys", "rotate", "--reason", "a test", "--json");
        Assert.True(rotated.ExitCode == 0, rotated.Error);
        Assert.Equal(KeyNow(), (string)rotated.Json["verifierKey"]!);
        Assert.Equal((0, 0), ((await _indelible.RunAsync("verify", "--key", first)).ExitCode, (await _indelible.RunAsync("verify", "--key", KeyNow())).ExitCode));
        Assert.True(VerifierKey.Parse(first, out VerifierKey? known).IsNone);
        Assert.Equal(KeyNow(), new LedgerReader(Path.Combine(_indelible.Home, "ledger")).ReadKeys(known!).Newest.ToString());
    }

    private string KeyNow() => Keyring.ReadPublic(Path.Combine(_indelible.Home, "keyring")).VerifierKey;

    private async Task<bool> KilledAsync(string call, string file, int count)
    {
        string log = Path.Combine(_indelible.Home, "strace.log");
        File.Delete(log);
        IEnumerable<string> files = Enumerable.Range(1, SegmentsMax).Select(n => file.Replace("{n}", n.ToString("D16", CultureInfo.InvariantCulture), StringComparison.Ordinal)).Distinct();
        using Process rotate = _indelible.Start(["keys", "rotate", "--reason", "a test"], null,
            ["strace", "-D", "-f", "-qq", "--seccomp-bpf", "-o", log, .. files.SelectMany(path => (string[])["-P", Path.Combine(_indelible.Home, path)]), "-e", $"trace={call}", "-e", $"inject={call}:delay_exit={DelayMicros}"]);
        Task<string> output = rotate.StandardOutput.ReadToEndAsync(), error = rotate.StandardError.ReadToEndAsync();
        while (!rotate.HasExited && Regex.Count(File.Exists(log) ? await File.ReadAllTextAsync(log) : "", "DELAYED") < count) await Task.Delay(20);
        bool isKilled = !rotate.HasExited;
        if (isKilled)
        {
            rotate.Kill();
            Tracer.End(log);
        }
        await rotate.WaitForExitAsync().WaitAsync(Patience.Max);
        TestContext.Current.TestOutputHelper?.WriteLine($"{call} {file} {count}: {(isKilled ? "killed" : $"exit code {rotate.ExitCode}")} {await output}{await error}");
        return isKilled;
    }
}
