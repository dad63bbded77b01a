using System.Diagnostics;
using System.Globalization;
using Indelible.Ledger;
using Indelible.Testing;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>Exactly once: the real command and a real server are stopped, killed, halted and cut apart at random moments,
/// and nothing committed is missing or doubled.</summary>
public sealed class KillTests
{
    private const int SeedDefault = 11;
    /// <summary>Rounds after which everything is checked to the end, which takes longer the longer the ledger is.</summary>
    private const int WholeEvery = 50;

    [Fact]
    public Task Whatever_is_killed_whenever_no_committed_change_is_missing_or_doubled() => RunAsync(rounds: 5);

    [Fact(Explicit = true)]
    [Trait(Campaign.Trait, "kill")]
    public async Task Hundreds_of_rounds_lose_and_double_nothing()
    {
        int rounds = Campaign.Rounds(300);
        for (int done = 0; done < rounds; done += WholeEvery) await RunAsync(Math.Min(WholeEvery, rounds - done), (done / WholeEvery) + 1);
    }

    [Fact]
    public Task A_key_handed_over_under_load_is_as_before_or_handed_over_wherever_it_is_killed() => KeysAsync(rounds: 3);

    [Fact(Explicit = true)]
    [Trait(Campaign.Trait, "kill-keys")]
    public Task Keys_handed_over_and_killed_many_times_lose_nothing() => KeysAsync(Campaign.Rounds(50));

    [Fact]
    public Task A_protection_killed_anywhere_can_be_made_again_and_loses_nothing_from_its_beginning_on() => ProtectAsync(rounds: 3);

    [Fact(Explicit = true)]
    [Trait(Campaign.Trait, "kill-protect")]
    public async Task Protections_killed_many_times_lose_nothing()
    {
        for (int i = 0; i < Campaign.Rounds(60); i += 6) await ProtectAsync(rounds: 6, i + 1);
    }

    [Fact]
    public Task A_first_start_killed_anywhere_is_begun_again_or_refused_in_words() => FirstStartAsync(rounds: 3);

    [Fact(Explicit = true)]
    [Trait(Campaign.Trait, "kill-init")]
    public Task First_starts_killed_many_times_are_begun_again_or_refused_in_words() => FirstStartAsync(Campaign.Rounds(100));

    private static async Task RunAsync(int rounds, int run = 0)
    {
        int seed = Campaign.Seed(SeedDefault) + (run * 1000);
        Random random = new(seed);
        await using LiveRun live = await LiveRun.StartAsync(seed, "near", "far");
        await live.ProtectAsync();
        SortedDictionary<string, int> happened = new(StringComparer.Ordinal);
        await using (live.Traffic())
        {
            for (int round = 0; round < rounds; round++)
            {
                string what = await DisturbAsync(live, round, random);
                happened[what] = happened.GetValueOrDefault(what) + 1;
                if (live.Process is null) await live.CompareAsync();
            }
        }
        int changes = await live.CheckAllAsync();
        Campaign.Tell("kill", ("seed", seed), ("rounds", rounds),
            ("faults", string.Join(',', happened.Select(fault => $"{fault.Key}:{fault.Value}"))), ("changes", changes), ("missing", 0),
            ("doubled", 0), ("confirmed_early", 0), ("failures", 0));
    }

    private static async Task<string> DisturbAsync(LiveRun live, int round, Random random)
    {
        int what = random.Next(13);
        TimeSpan after = TimeSpan.FromMilliseconds(random.Next(what is 0 ? 900 : 1800));
        if (live.Process is null) live.Launch();
        if (what != 0) await live.ListeningAsync();
        await Task.Delay(after);
        (string name, Func<Task> act) = What(what, live, random);
        long started = Stopwatch.GetTimestamp();
        await act();
        live.Told(
            string.Create(CultureInfo.InvariantCulture,
                $"round {round}, after {after.TotalMilliseconds} ms: {name}, {Stopwatch.GetElapsedTime(started).TotalMilliseconds:F0} ms"));
        return name;
    }

    private static (string, Func<Task>) What(int what, LiveRun live, Random random) => what switch
    {
        0 => ("killed-starting", live.KillAsync),
        1 or 2 or 3 => ("killed", live.KillAsync),
        4 => ("stopped", live.StopAsync),
        5 => ("walsender-ended",
            () => live.Server.ExecuteAsync(live.Database, "SELECT pg_terminate_backend(pid) FROM pg_stat_replication")),
        6 => ("sessions-ended",
            () => live.Server.ExecuteAsync(
                live.Database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'indelible_capture'")),
        7 => ("server-restarted", () => live.Server.Private.RestartAsync(CancellationToken.None)),
        8 => ("server-killed", () => ServerKilledAsync(live)),
        9 => ("cut", () => { live.Wire.Cut(); return Task.CompletedTask; }),
        10 => ("halted", () => HaltedAsync(live)),
        11 => ("killed-rebuilding", () => KilledRebuildingAsync(live, random)),
        _ => ("killed-with-server", async () => { await live.KillAsync(); await ServerKilledAsync(live); }),
    };

    private static async Task ServerKilledAsync(LiveRun live)
    {
        await live.Server.Private.KillAsync(CancellationToken.None);
        await live.Server.Private.StartAsync(CancellationToken.None);
    }

    /// <summary>Longer than wal_sender_timeout: the server gives the connection up while nothing is confirmed.</summary>
    private static async Task HaltedAsync(LiveRun live)
    {
        IndelibleProcess.Signal(live.Process!, "STOP");
        await Task.Delay(TimeSpan.FromSeconds(4));
        IndelibleProcess.Signal(live.Process!, "CONT");
    }

    private static async Task KilledRebuildingAsync(LiveRun live, Random random)
    {
        Task<IndelibleProcess.Result> rebuild = live.Indelible.RunAsync("index", "rebuild");
        await Task.WhenAny(rebuild, Task.Delay(random.Next(200, 1500)));
        await live.KillAsync();
        await rebuild;
    }

    /// <summary>The process that seals is killed while it hands over to another signing key.</summary>
    private static async Task KeysAsync(int rounds)
    {
        int seed = Campaign.Seed(SeedDefault);
        Random random = new(seed);
        await using LiveRun live = await LiveRun.StartAsync(seed, "near");
        await live.ProtectAsync();
        HashSet<string> keys = [KeyOf(live)];
        string keyring = Path.Combine(live.Home, "keyring", "keyring.json");
        int broken = 0;
        await using (live.Traffic())
        {
            for (int round = 0; round < rounds; round++)
            {
                live.Launch();
                await live.ListeningAsync();
                await Task.Delay(random.Next(300));
                DateTime before = File.GetLastWriteTimeUtc(keyring);
                Task<IndelibleProcess.Result> rotate = live.Indelible.RunAsync("keys", "rotate", "--reason", "a test");
                // the next key is made there first
                while (!rotate.IsCompleted && File.GetLastWriteTimeUtc(keyring) == before) await Task.Delay(1);
                await Task.Delay(random.Next(60));
                await live.KillAsync();
                int exitCode = (await rotate).ExitCode;
                if (exitCode != 0) broken++;
                live.Told(
                    string.Create(CultureInfo.InvariantCulture, $"round {round}: killed while keys rotate, which ended with {exitCode}"));
                await live.CompareAsync();
                keys.Add(KeyOf(live));
            }
        }
        int changes = await live.CheckAllAsync();
        keys.Add(KeyOf(live));
        foreach (string key in keys)
        {
            IndelibleProcess.Result verify = await live.Indelible.CallAsync("verify", "--key", key);
            Assert.True(verify.ExitCode == 0, live.Story(key + verify.Output));
        }
        Campaign.Tell("kill-keys", ("seed", seed), ("rounds", rounds), ("broken_off", broken), ("keys", keys.Count),
            ("changes", changes), ("missing", 0), ("doubled", 0), ("confirmed_early", 0), ("failures", 0));
    }

    private static string KeyOf(LiveRun live) => Keyring.ReadPublic(Path.Combine(live.Home, "keyring")).VerifierKey;

    private static async Task ProtectAsync(int rounds, int run = 0)
    {
        int seed = Campaign.Seed(SeedDefault) + (run * 1000);
        Random random = new(seed);
        await using LiveRun live = await LiveRun.StartAsync(seed);
        await live.Server.ExecuteAsync(live.Database, "INSERT INTO people SELECT n, 'x', 'x' FROM generate_series(3000, 18000) n");
        await using (live.Traffic())
        {
            for (int attempt = 0; attempt < rounds; attempt++)
            {
                using Process protect = live.Indelible.Start(live.ProtectArguments);
                Task<string> output = protect.StandardOutput.ReadToEndAsync(), error = protect.StandardError.ReadToEndAsync();
                await Task.Delay(random.Next(300, 1800));
                protect.Kill();
                await protect.WaitForExitAsync();
                live.Told($"protect killed: {await output}{(await error).Split('\n').LastOrDefault(line => line.Length > 0)}");
            }
            await live.ProtectAsync();
        }
        int entries = await live.CheckAllAsync(hasTruth: false);
        Campaign.Tell("kill-protect", ("seed", seed), ("rounds", rounds), ("entries", entries), ("failures", 0));
    }

    private static async Task FirstStartAsync(int rounds)
    {
        int seed = Campaign.Seed(SeedDefault), whole = 0, begun = 0;
        Random random = new(seed);
        for (int round = 0; round < rounds; round++)
        {
            using IndelibleProcess indelible = new();
            using (Process init = indelible.Start(["init", "--origin", LiveRun.Origin]))
            {
                await Task.Delay(random.Next(100, 900));
                init.Kill();
                await init.WaitForExitAsync();
            }
            IndelibleProcess.Result again = await indelible.RunAsync("init", "--origin", LiveRun.Origin);
            if (again.ExitCode == 2 && !File.Exists(Path.Combine(indelible.Home, "ledger", "checkpoint")))
            {
                // Killed before the first checkpoint, after something was made: nothing was sealed, and what was made is removed.
                Assert.Contains("interrupted", again.Error, StringComparison.Ordinal);
                foreach (string directory in Directory.GetDirectories(indelible.Home)) Directory.Delete(directory, recursive: true);
                again = await indelible.RunAsync("init", "--origin", LiveRun.Origin);
            }
            string where = $"seed {seed}, round {round}: {again.Output}{again.Error}";
            if (again.ExitCode == 0) begun++;
            else
            {
                Assert.True(again.ExitCode == 2 && again.Error.Contains("found", StringComparison.Ordinal), where);
                whole++;
            }
            IndelibleProcess.Result verify = await indelible.CallAsync("verify"), status = await indelible.CallAsync("status");
            Assert.True((verify.ExitCode, status.ExitCode) == (0, 0), $"{where}\n{verify.Output}{verify.Error}{status.Error}");
        }
        Campaign.Tell("kill-init", ("seed", seed), ("rounds", rounds), ("begun_again", begun), ("was_whole", whole), ("failures", 0));
    }
}
