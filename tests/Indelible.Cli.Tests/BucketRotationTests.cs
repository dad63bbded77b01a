using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Indelible.Format.Entries;
using Indelible.Format.Notes;
using Indelible.Ledger;
using Indelible.Ledger.Following;
using Indelible.Ledger.Stores;
using Indelible.Testing;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>A ledger that lives in a real object store is closed and its successor opened in another prefix there, with the real binary,
/// which is killed on the way.</summary>
public sealed class BucketRotationTests
{
    private const string Successor = "example.org/live-2";
    private const int SeedDefault = 41;

    [Fact]
    public async Task Killed_on_the_way_a_rotation_goes_on_nothing_is_lost_or_doubled_and_no_change_is_taken_before_the_bucket_says_closed()
    {
        RadosGateway gateway = await RadosGateway.GetAsync();
        BucketOptions bucket = await gateway.MakeBucketAsync(TimeSpan.FromDays(30));
        await using LiveRun live = await LiveRun.StartAsync(SeedDefault);
        System.Diagnostics.Process? process = null;
        RequestKiller killer = new(() => process!.Kill());
        await using Wire wire = new(gateway.Port, killer.Listen);
        live.ConfigureStore(bucket, wire.Port);
        await live.ProtectAsync();
        await ChangeAsync(live, "first");
        await live.CaughtUpAsync();
        await live.StopAsync();
        string next = Path.Combine(live.Indelible.Home, "next");
        BucketOptions successor = bucket with { Prefix = "live-2/" };
        string[] rotate = ["rotate", "--successor", Successor, "--to", "next", "--store", successor.Place, "--reason", "a test", "--json"];

        async Task KilledAsync(string call, string file, int count)
        {
            (bool isKilled, string story) = await Tracer.KilledAsync(live.Indelible, rotate, call, file, count);
            Assert.True(isKilled, live.Story(story));
        }

        async Task KilledAtAsync(string request, bool isDone)
        {
            killer.Arm(new Regex(request), isDone, skipped: 0);
            process = live.Indelible.Start(rotate);
            Task<string> said = process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync().WaitAsync(Patience.Max);
            Assert.True(killer.HasKilled, live.Story($"{request}: {await said}"));
            process.Dispose();
        }

        await RefusesAsync(live, "rotate", "--successor", Successor, "--to", "next");                                        // where to?
        await RefusesAsync(live, "rotate", "--successor", Successor, "--to", "next", "--store", $"{bucket.Place}/inside");
        await KilledAsync("rename", "next/keyring/keyring.json.new", 1);
        await ChangeAsync(live, "not closed: as before");
        await live.CaughtUpAsync();
        await live.StopAsync();
        // the closing entry is sealed, and the bucket does not say so
        await KilledAsync("fdatasync", "journal/{n}.journal", 2);
        await KilledAtAsync(@"^PUT /\S+/claims/", isDone: false);
        Assert.False(Path.Exists(Path.Combine(next, "ledger", "checkpoint")));
        await KilledAtAsync(@"^PUT /\S+/claims/", isDone: true);                 // now it does: its head is claimed
        await KilledAsync("fdatasync", "next/journal/{n}.journal", 2);            // begun
        await KilledAtAsync(@"^PUT /\S+/live-2/claims/first", isDone: false);    // restated here, and some of it there
        await KilledAtAsync(@"^PUT /\S+/live-2/checkpoints/", isDone: true);
        await KilledAsync("rename", "next/indelible.json.new", 1);
        IndelibleProcess.Result rotated = await live.Indelible.RunAsync(rotate);
        Assert.True(rotated.ExitCode == 0, live.Story(rotated.Output + rotated.Error));
        IndelibleProcess.Result again = await live.Indelible.RunAsync(rotate);
        // done already
        Assert.True(again.ExitCode == 0 && again.Json["rows"] is null, live.Story(again.Output + again.Error));

        // What is here of the closed ledger is not needed any more: the bucket has it.
        foreach (string directory in (string[])["ledger", "journal", "index"])
            Directory.Delete(Path.Combine(live.Indelible.Home, directory), recursive: true);
        await ChangeAsync(live, "of the successor");
        live.Home = next;
        await live.CaughtUpAsync();
        await live.StopAsync();
        await CheckAsync(live, bucket, successor, next, (string)rotated.Json["verifierKey"]!);
    }

    private static async Task CheckAsync(LiveRun live, BucketOptions bucket, BucketOptions successor, string next, string key)
    {
        string[] config = ["--config", Path.Combine(next, "indelible.json")];
        IndelibleProcess.Result verify = await live.Indelible.CallAsync(["verify", "--key", key, "--json", .. config]),
            crosscheck = await live.Indelible.CallAsync(["crosscheck", .. config]);
        Assert.True(verify.ExitCode == 0, live.Story(verify.Output + verify.Error));
        JsonNode chained = Assert.Single(verify.Json["chain"]!.AsArray())!;
        Assert.Equal((LiveRun.Origin, "verified"), ((string)chained["origin"]!, (string)chained["verdict"]!));
        Assert.True(crosscheck.ExitCode == 0, live.Story(crosscheck.Output + crosscheck.Error));
        IndelibleProcess.Result history = await live.Indelible.CallAsync(["history", "people", "1", "--json", .. config]);
        Assert.True(history.ExitCode == 0, live.Story(history.Output + history.Error));
        JsonArray entries = history.Json["entries"]!.AsArray();
        Assert.True(
            entries.Count(entry => (string?)entry!["closedLedger"] == LiveRun.Origin) > 2
                && entries.Count(entry => entry!["closedLedger"] is null) == 2, live.Story(history.Output));
        IndelibleProcess.Result dispose = await live.Indelible.RunAsync(["dispose", LiveRun.Origin, "--reason", "a test", .. config]);
        Assert.True(
            dispose.ExitCode == 2 && dispose.Error.Contains("Nothing was removed", StringComparison.Ordinal), live.Story(dispose.Error));
        Assert.Contains(
            $"aws s3api list-object-versions --bucket '{bucket.Bucket}' --endpoint-url 'http://", dispose.Error, StringComparison.Ordinal);
        Assert.Contains($"--prefix '{bucket.Prefix}' \\\n", dispose.Error, StringComparison.Ordinal);
        Assert.Contains($"rm -r '{Path.Combine(live.Indelible.Home, "ledger")}'", dispose.Error, StringComparison.Ordinal);
        string closedKey = Keyring.ReadPublic(Path.Combine(live.Indelible.Home, "keyring")).VerifierKey;
        IReadOnlyList<byte[]> older = await EntriesAsync(bucket, closedKey, LiveRun.Origin, Path.Combine(live.Indelible.Home, "older")),
            newer = await EntriesAsync(successor, key, Successor, Path.Combine(live.Indelible.Home, "newer"));
        Assert.DoesNotContain(
            newer, entry => EntryCodec.Decode(entry, out Entry decoded) != EntryFault.None || decoded.Header.Code is "gap" or "continuity");
        try
        {
            Assert.True(await GroundTruth.CompareAsync(live.Server, live.Database, [.. older, .. newer], isWhole: true) > 0);
        }
        catch (LedgerCheckException e)
        {
            Assert.Fail(live.Story(e.Message));
        }
    }

    private static async Task<IReadOnlyList<byte[]>> EntriesAsync(BucketOptions bucket, string key, string origin, string copies)
    {
        Assert.True(VerifierKey.Parse(key, out VerifierKey? known).IsNone);
        using LedgerFetch source = LedgerFetch.FromBucket(bucket, known, CancellationToken.None);
        using LedgerCopy copy = LedgerCopy.Open(copies, known!);
        Assert.IsType<FollowOutcome.Stored>(
            await new LedgerFollower(copy, source, bucket.Place, cosigner: null, TimeProvider.System).RoundAsync(CancellationToken.None));
        return await LedgerCheck.PublishedAsync(LedgerCopy.LedgerBelow(copies), origin, CancellationToken.None);
    }

    private static Task ChangeAsync(LiveRun live, string value) => live.Server.ExecuteAsync(live.Database,
        $"UPDATE people SET ssn = '{value}', code = '{value}' WHERE id % 3 = 1", $"DELETE FROM people WHERE id = 49",
        "INSERT INTO people VALUES (49, 'again', 'again')");

    private static async Task RefusesAsync(LiveRun live, params string[] arguments)
    {
        IndelibleProcess.Result refused = await live.Indelible.RunAsync(arguments);
        Assert.True(refused.ExitCode == 2, live.Story(refused.Output + refused.Error));
    }
}
