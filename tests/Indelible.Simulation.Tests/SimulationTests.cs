using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Indelible.Testing;
using Xunit;

namespace Indelible.Simulation.Tests;

/// <summary>The whole pipeline on a seeded wire, disk and clock. docs/reliability.md.</summary>
public sealed class SimulationTests
{
    [Fact]
    public void There_is_one_thread_and_so_one_order()
    {
        ThreadPool.GetMaxThreads(out int threads, out _);
        Assert.Equal(1, threads);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_seed_replays_its_run(int seed) => Assert.Equal(await Simulation.RunAsync(seed), await Simulation.RunAsync(seed));

    /// <summary>13 lost what was published into a directory whose name the process before had not flushed;
    /// 43 ends between two records of one transaction, of which the first may not yet confirm it.</summary>
    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(13)]
    [InlineData(43)]
    public Task Nothing_is_lost_doubled_or_confirmed_too_early(int seed) => Simulation.RunAsync(seed);

    /// <summary>Fresh seeds for as long as asked: INDELIBLE_SIM_SECONDS; <c>./test --sim 10m</c> sets it.</summary>
    [Fact(Explicit = true)]
    [Trait(Campaign.Trait, "sim")]
    public async Task Nothing_is_lost_doubled_or_confirmed_too_early_whatever_the_seed()
    {
        const int secondsUsual = 600;
        TimeSpan time = TimeSpan.FromSeconds(
            int.TryParse(Environment.GetEnvironmentVariable("INDELIBLE_SIM_SECONDS"), CultureInfo.InvariantCulture, out int seconds)
                ? seconds : secondsUsual);
        int first = Campaign.Seed(RandomNumberGenerator.GetInt32(1_000_000_000)), rounds = Campaign.Rounds(int.MaxValue), runs = 0,
            failures = 0;
        List<Outcome> outcomes = [];
        Stopwatch watch = Stopwatch.StartNew();
        for (; runs < rounds && watch.Elapsed < time; runs++)
        {
            try
            {
                outcomes.Add(await Simulation.RunAsync(first + runs));
            }
            catch (Exception e)
            {
                failures++;
                Console.WriteLine($"seed {first + runs} failed; again: INDELIBLE_SEED={first + runs} ./test --campaign sim 1\n{e}");
            }
        }
        Campaign.Tell("sim", ("seed", first), ("runs", runs), ("crashes", outcomes.Sum(one => one.Kills + one.PowerCuts)),
            ("power_cuts", outcomes.Sum(one => one.PowerCuts)),
            ("faults", outcomes.Sum(one => one.Faults)), ("cuts", outcomes.Sum(one => one.Cuts)),
            ("changes", outcomes.Sum(one => (long)one.Changes)), ("disk_calls", outcomes.Sum(one => one.Calls)),
            ("failures", failures), ("seconds", (int)watch.Elapsed.TotalSeconds));
        Assert.Equal(0, failures);
    }
}
