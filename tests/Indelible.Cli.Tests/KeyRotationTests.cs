using Indelible.Format.Notes;
using Indelible.Ledger;
using Indelible.Testing;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>The real <c>keys rotate</c>, killed after each of its durable steps.</summary>
public sealed class KeyRotationTests : IDisposable
{
    private readonly IndelibleProcess _indelible = new();

    public void Dispose() => _indelible.Dispose();

    [Fact]
    public async Task Killed_after_any_step_the_key_is_as_before_or_handed_over_and_both_keys_verify()
    {
        Assert.Equal(0, (await _indelible.CallAsync("init", "--origin", "example.org/t")).ExitCode);
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
                IndelibleProcess.Result verify = await _indelible.CallAsync("verify", "--key", key);
                Assert.True(verify.ExitCode == 0, $"after {call} {file}: {verify.Output}{verify.Error}");
            }
        }
        Assert.Equal(6, killed);
        IndelibleProcess.Result rotated = await _indelible.RunAsync("keys", "rotate", "--reason", "a test", "--json");
        Assert.True(rotated.ExitCode == 0, rotated.Error);
        Assert.Equal(KeyNow(), (string)rotated.Json["verifierKey"]!);
        Assert.Equal((0, 0),
            ((await _indelible.CallAsync("verify", "--key", first)).ExitCode,
                (await _indelible.CallAsync("verify", "--key", KeyNow())).ExitCode));
        Assert.True(VerifierKey.Parse(first, out VerifierKey? known).IsNone);
        Assert.Equal(KeyNow(), new LedgerReader(Path.Combine(_indelible.Home, "ledger")).ReadKeys(known!).Newest.ToString());
    }

    private string KeyNow() => Keyring.ReadPublic(Path.Combine(_indelible.Home, "keyring")).VerifierKey;

    private async Task<bool> KilledAsync(string call, string file, int count)
    {
        (bool isKilled, string story) = await Tracer.KilledAsync(_indelible, ["keys", "rotate", "--reason", "a test"], call, file, count);
        TestContext.Current.TestOutputHelper?.WriteLine(story);
        return isKilled;
    }
}
