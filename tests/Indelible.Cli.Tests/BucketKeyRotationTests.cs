using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Indelible.Ledger;
using Indelible.Ledger.Stores;
using Indelible.Testing;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>The real <c>keys rotate</c> of a ledger that lives in a real object store, killed at its durable steps and requests.</summary>
public sealed class BucketKeyRotationTests : IDisposable
{
    private const string Origin = "example.org/b";
    private static readonly string[] Command = ["keys", "rotate", "--reason", "a test"];
    private readonly IndelibleProcess _indelible = new();

    public void Dispose() => _indelible.Dispose();

    [Fact]
    public async Task Killed_at_any_step_the_key_is_as_before_or_handed_over_and_both_keys_verify_and_an_older_keyring_is_refused()
    {
        RadosGateway gateway = await RadosGateway.GetAsync();
        BucketOptions bucket = await gateway.MakeBucketAsync(TimeSpan.FromDays(3650));
        System.Diagnostics.Process? process = null;
        RequestKiller killer = new(() => process!.Kill());
        await using Wire wire = new(gateway.Port, killer.Listen);
        await LiveInAsync(_indelible, bucket, wire.Port);
        await FineAsync("init", "--origin", Origin);
        await FineAsync("hold", Origin, "--reason", "case 1");
        string first = KeyNow(), older = Path.Combine(_indelible.Home, "older");
        await Copying.AsIsAsync(Path.Combine(_indelible.Home, "keyring"), older);

        async Task KilledAsync(string call, string file, int count)
        {
            (bool isKilled, string story) = await Tracer.KilledAsync(_indelible, Command, call, file, count);
            await CheckAsync(isKilled, story, first);
        }

        async Task KilledAtAsync(string request, bool isDone, int skipped)
        {
            killer.Arm(new Regex(request), isDone, skipped);
            process = _indelible.Start(Command);
            Task<string> said = process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync().WaitAsync(Patience.Max);
            await CheckAsync(killer.HasKilled, $"{request}: {await said}", first);
            process.Dispose();
        }

        await KilledAsync("rename", "keyring/keyring.json.new", 1);             // made
        await KilledAsync("fdatasync", "journal/{n}.journal", 2);               // told
        // the head with the entry is shown, the handover is not claimed
        await KilledAtAsync(@"^PUT /\S+/claims/", isDone: false, skipped: 1);
        Assert.Equal(first, KeyNow());
        await KilledAtAsync(@"^PUT /\S+/claims/", isDone: true, skipped: 0);     // claimed, and that is all
        Assert.Equal(first, KeyNow());
        await KilledAtAsync(@"^PUT /\S+/handover/", isDone: true, skipped: 0);   // and stored
        await KilledAtAsync(@"^PUT /\S+/ledger\.json", isDone: true, skipped: 0);
        await KilledAsync("fsync", "ledger/handover", 1);                       // here, too
        Assert.Equal(first, KeyNow());
        await KilledAsync("rename", "keyring/keyring.json.new", 3);             // taken at the start; then another was made, and taken
        Assert.NotEqual(first, KeyNow());
        await KilledAsync("rename", "ledger/ledger.json.new", 1);

        await FineAsync("keys", "rotate");
        await FineAsync("release", Origin, "--reason", "case 1 is closed");
        JsonNode whole = (await FineAsync("verify", "--key", first, "--json")).Json;
        await FineAsync("verify", "--key", KeyNow());

        // Another machine, with the keyring as it was before: it neither goes on nor begins anew.
        using IndelibleProcess stale = new();
        await LiveInAsync(stale, bucket, wire.Port);
        await Copying.AsIsAsync(older, Path.Combine(stale.Home, "keyring"));
        IndelibleProcess.Result refused = await stale.RunAsync("hold", Origin, "--reason", "case 2");
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains(
            $"expected a keyring with the key that the ledger signs with now, {KeyNow()}", refused.Error, StringComparison.Ordinal);
        // And with the keyring as it is, it begins where the bucket ends.
        foreach (string lost in (string[])["ledger", "journal", "index"])
            Directory.Delete(Path.Combine(_indelible.Home, lost), recursive: true);
        await FineAsync("hold", Origin, "--reason", "case 3");
        Assert.Equal((long)whole["treeSize"]! + 1, (long)(await FineAsync("verify", "--key", first, "--json")).Json["treeSize"]!);
    }

    private string KeyNow() => Keyring.ReadPublic(Path.Combine(_indelible.Home, "keyring")).VerifierKey;

    private async Task CheckAsync(bool isKilled, string story, string first)
    {
        TestContext.Current.TestOutputHelper?.WriteLine(story);
        Assert.True(isKilled, story);
        foreach (string key in (string[])[first, KeyNow()])
        {
            IndelibleProcess.Result verify = await _indelible.CallAsync("verify", "--key", key);
            Assert.True(verify.ExitCode == 0, $"after {story}: {verify.Output}{verify.Error}");
        }
    }

    private async Task<IndelibleProcess.Result> FineAsync(params string[] arguments)
    {
        IndelibleProcess.Result result = await _indelible.RunAsync(arguments);
        Assert.True(result.ExitCode == 0, $"{string.Join(' ', arguments)}: {result.ExitCode}\n{result.Output}\n{result.Error}");
        return result;
    }

    private static async Task LiveInAsync(IndelibleProcess indelible, BucketOptions bucket, int port)
    {
        string secret = Path.Combine(indelible.Home, "secret");
        DurableFile.ReplaceSecret(secret, Encoding.UTF8.GetBytes(RadosGateway.Owner.Secret));
        await File.WriteAllTextAsync(Path.Combine(indelible.Home, "indelible.json"), new JsonObject
        {
            ["ledger"] = "ledger",
            ["store"] = new JsonObject { ["endpoint"] = $"http://127.0.0.1:{port}/", ["bucket"] = bucket.Bucket, ["prefix"] = "clinic",
                ["accessKey"] = RadosGateway.Owner.Id, ["secretFile"] = secret, ["retentionDays"] = 3650 },
        }.ToJsonString());
    }
}
