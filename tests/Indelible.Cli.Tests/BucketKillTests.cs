using System.Globalization;
using System.Text.RegularExpressions;
using Indelible.Format.Entries;
using Indelible.Format.Notes;
using Indelible.Ledger;
using Indelible.Ledger.Following;
using Indelible.Ledger.Stores;
using Indelible.Testing;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>Exactly once, where the ledger lives in a bucket: the real command is killed right before and right after each request that
/// publishing to a real object store is made of.</summary>
public sealed class BucketKillTests
{
    private const int SeedDefault = 41;
    /// <summary>Rounds after which everything is checked to the end, and another ledger is begun.</summary>
    private const int WholeEvery = 28;

    /// <summary>The requests of a publication, in its order, and how each is told.</summary>
    private static readonly (string Name, Regex Request)[] Requests =
    [
        ("tile", new(@"^PUT /\S+/tile/(?!\S+\.p/)")),
        ("tail", new(@"^PUT /\S+/tile/\S+\.p/")),
        ("claim", new(@"^PUT /\S+/claims/")),
        ("claims-listed", new(@"^GET /\S+versions\S*prefix=\S*claims")),
        ("claim-read", new(@"^GET /\S+/claims/")),
        ("head", new(@"^PUT /\S+/checkpoints/")),
        ("pointer", new(@"^PUT /\S+/checkpoint ")),
    ];

    [Fact(Explicit = true)]
    public Task A_ledger_moved_into_a_bucket_loses_nothing_when_its_writer_is_killed_between_claim_and_head() =>
        RunAsync(SeedDefault, [("claim", true), ("pointer", false)], isThorough: false);

    [Fact(Explicit = true)]
    [Trait(Campaign.Trait, "kill-bucket")]
    public async Task Killed_at_every_request_of_a_publication_it_loses_and_doubles_nothing()
    {
        (string, bool)[] all =
            [.. Requests.SelectMany(request => (IEnumerable<(string, bool)>)[(request.Name, false), (request.Name, true)])];
        int rounds = Campaign.Rounds(112);
        for (int done = 0; done < rounds; done += WholeEvery)
        {
            await RunAsync(Campaign.Seed(SeedDefault) + (((done / WholeEvery) + 1) * 1000),
                [.. Enumerable.Range(done, Math.Min(WholeEvery, rounds - done)).Select(round => all[round % all.Length])],
                isThorough: true);
        }
    }

    private static async Task RunAsync(int seed, IReadOnlyList<(string Name, bool IsDone)> points, bool isThorough)
    {
        Random random = new(seed);
        RadosGateway gateway = await RadosGateway.GetAsync();
        BucketOptions bucket = await gateway.MakeBucketAsync(TimeSpan.FromDays(30));
        await using LiveRun live = await LiveRun.StartAsync(seed);
        RequestKiller killer = new(() => live.Process!.Kill());
        await using Wire wire = new(gateway.Port, killer.Listen);
        await live.ProtectAsync();
        await live.Server.ExecuteAsync(
            live.Database, "INSERT INTO people SELECT n, 'in a directory', 'in a directory' FROM generate_series(51, 600) n");
        await live.CaughtUpAsync();
        await live.StopAsync();
        live.ConfigureStore(bucket, wire.Port);
        foreach ((string name, bool isDone) in points)
        {
            int skipped = random.Next(3);
            killer.Arm(Requests.Single(request => request.Name == name).Request, isDone, skipped);
            live.Told(
                string.Create(CultureInfo.InvariantCulture, $"killed {(isDone ? "after" : "before")} {name}, the {skipped + 1}. time"));
            live.Launch();
            Task<int> ended = live.EndedAsync();
            for (int turn = 0; !ended.IsCompleted; turn++)
            {
                string value = $"{name} {skipped} {turn}";
                await live.Server.ExecuteAsync(live.Database,
                    $"UPDATE people SET ssn = '{value}', code = '{value}' WHERE id % 5 = {turn % 5}",
                    $"DELETE FROM people WHERE id = {500 - turn}");
                await Task.WhenAny(ended, Task.Delay(250));
            }
            await ended;
            Assert.True(killer.HasKilled, live.Story(await live.ProcessLog));
            await CompareAsync(live, bucket);
        }
        if (isThorough) await live.CheckAllAsync();
        else
        {
            await live.CaughtUpAsync();
            await live.StopAsync();
        }
        int changes = await CompareAsync(live, bucket, isWhole: true);
        Campaign.Tell("kill-bucket", ("seed", seed), ("rounds", points.Count), ("requests", points.Distinct().Count()),
            ("changes", changes), ("missing", 0), ("doubled", 0), ("confirmed_early", 0), ("failures", 0));
    }

    /// <summary>What the bucket shows is whole, a beginning of what was committed, and holds every transaction that PostgreSQL would not
    /// send again. Until it shows a head, the directory is the ledger.</summary>
    /// <returns>Changes there.</returns>
    private static async Task<int> CompareAsync(LiveRun live, BucketOptions bucket, bool isWhole = false)
    {
        HashSet<uint> confirmed = await live.ConfirmedAsync();
        Assert.True(VerifierKey.Parse(Keyring.ReadPublic(Path.Combine(live.Home, "keyring")).VerifierKey, out VerifierKey? key).IsNone);
        string copies = Path.Combine(live.Home, "followed");
        using LedgerFetch source = LedgerFetch.FromBucket(bucket, key, CancellationToken.None);
        bool isMoved = await source.ReadAsync("checkpoint", CancellationToken.None) is not null;
        if (isMoved)
        {
            using LedgerCopy copy = LedgerCopy.Open(copies, key!);
            Assert.IsType<FollowOutcome.Stored>(await new LedgerFollower(copy, source, bucket.Place, cosigner: null, TimeProvider.System)
                .RoundAsync(CancellationToken.None));
        }
        else
        {
            IndelibleProcess.Result verify = await live.Indelible.RunAsync("verify", live.Ledger);
            Assert.True(verify.ExitCode == 0, live.Story(verify.Output + verify.Error));
        }
        try
        {
            IReadOnlyList<byte[]> entries = await LedgerCheck.PublishedAsync(
                isMoved ? LedgerCopy.LedgerBelow(copies) : live.Ledger, LiveRun.Origin, CancellationToken.None, isOutgrown: !isMoved);
            LiveRun.RequireNoGap(entries);
            LiveRun.RequireSealed(confirmed, entries);
            return await GroundTruth.CompareAsync(live.Server, live.Database, entries, isWhole);
        }
        catch (LedgerCheckException e)
        {
            Assert.Fail(live.Story(e.Message));
            throw;
        }
    }
}
