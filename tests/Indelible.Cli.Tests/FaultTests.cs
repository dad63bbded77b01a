using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Indelible.Testing;
using Npgsql;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>The fault matrix: every system call of the sealer × {EIO, ENOSPC, the process dies right after it was done},
/// on the real binary under strace.</summary>
public sealed partial class FaultTests
{
    private const int SeedDefault = 7;
    /// <summary>Cells after which another ledger is taken, and the last one checked to the end.</summary>
    private const int CellsEach = 10;
    /// <summary>Some calls come only when a tile is full: until then, however busy the machine.</summary>
    private static readonly TimeSpan HitMax = TimeSpan.FromMinutes(3);
    /// <summary>A process that met a fault ends within this time, or goes on.
    /// After a failed flush it must end, and is waited for.</summary>
    private static readonly TimeSpan EndMax = TimeSpan.FromSeconds(10);
    private const string Changing = "openat,write,fsync,fdatasync,rename,link,unlink,rmdir,mkdir";
    private static readonly string[] Faults = ["EIO", "ENOSPC", "dies"];

    [Fact]
    public Task A_failed_flush_a_full_disk_and_a_death_after_a_rename_end_in_a_clear_word_and_lose_nothing() => RunAsync(
    [
        (Site("fdatasync journal/{segment}.journal"), "EIO"), (Site("write ledger/.tmp/tile{count}"), "ENOSPC"),
        (Site("rename keyring/guard.new"), "dies"),
    ]);

    [Fact(Explicit = true)]
    [Trait(Campaign.Trait, "faults")]
    public Task Every_call_may_fail_or_be_the_last()
    {
        string[] only = (Environment.GetEnvironmentVariable("INDELIBLE_FAULT") ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries);
        List<(FaultSite, string)> cells = [.. Faults.SelectMany(fault => FaultSite.All.Select(site => (site, fault)))
            .Where(cell => only.Length == 0 || only.Any(one => $"{cell.site} {cell.fault}".EndsWith(one, StringComparison.Ordinal)))];
        return RunAsync([.. cells.Take(Campaign.Rounds(cells.Count))]);
    }

    [Fact(Explicit = true)]
    [Trait(Campaign.Trait, "faults")]
    public async Task No_call_of_the_sealer_is_missing_in_the_matrix()
    {
        await using LiveRun live = await LiveRun.StartAsync(SeedDefault);
        await live.ProtectAsync();
        string log = Path.Combine(live.Indelible.Home, "strace.log");
        live.Launch([.. Strace(log), "-e", $"trace={Changing}"]);
        await live.ListeningAsync();
        await using (Load(live)) await Task.Delay(6000);
        await live.CaughtUpAsync();
        await live.StopAsync();
        // protect made that directory; RocksDB asks for it again.
        HashSet<string> seen = [.. File.ReadLines(log).SelectMany(line => Seen(line, live.Indelible.Home))];
        string[] missing = [.. seen.Except(FaultSite.All.Select(site => site.ToString())).Except(["mkdir keyring/subjects"])
            .Order(StringComparer.Ordinal)];
        Campaign.Tell("fault-sites", ("seen", seen.Count), ("in_matrix", FaultSite.All.Count), ("missing", missing.Length));
        Assert.True(missing.Length == 0, string.Join('\n', missing));
    }

    private static FaultSite Site(string name) => FaultSite.All.Single(site => site.ToString() == name);

    private static async Task RunAsync(IReadOnlyList<(FaultSite Site, string Fault)> cells)
    {
        int seed = Campaign.Seed(SeedDefault), done = 0;
        Random random = new(seed);
        SortedDictionary<string, int> outcomes = new(StringComparer.Ordinal);
        List<string> notHit = [], failures = [];
        IEnumerable<(FaultSite Site, string Fault)[]> chunks = cells.Where(cell => cell.Site.When != FaultSite.Occasion.Once)
            .Chunk(CellsEach)
            .Concat(cells.Where(cell => cell.Site.When == FaultSite.Occasion.Once).Chunk(1));
        foreach ((FaultSite Site, string Fault)[] chunk in chunks)
        {
            await using LiveRun live = await LiveRun.StartAsync(seed + done);
            await live.ProtectAsync();
            foreach ((FaultSite site, string fault) in chunk)
            {
                string outcome = await TriedAsync(live, site, fault, random.Next(1, 5), failures);
                live.Told($"{site}, {fault}: {outcome}");
                if (cells.Count > Faults.Length) Console.WriteLine($"{site}, {fault}: {outcome}");
                if (outcome == "not hit") notHit.Add($"{site}, {fault}");
                outcomes[outcome] = outcomes.GetValueOrDefault(outcome) + 1;
                // A new subject, whose key RocksDB writes into a table at the next start.
                await live.Server.ExecuteAsync(
                    live.Database, "INSERT INTO people SELECT 100 + count(*), 'new', 'new' FROM people WHERE id BETWEEN 100 AND 999");
                await live.CaughtUpAsync();
                await live.KillAsync();
                await live.CompareAsync();
            }
            await live.CheckAllAsync();
            done += chunk.Length;
        }
        Campaign.Tell("faults", ("seed", seed), ("sites", cells.Select(cell => cell.Site).Distinct().Count()), ("cells", cells.Count),
            ("hit", cells.Count - notHit.Count),
            ("outcomes", string.Join(',', outcomes.Select(outcome => $"{outcome.Key.Replace(' ', '-')}:{outcome.Value}"))),
            ("failures", failures.Count));
        Assert.True(failures.Count == 0, string.Join("\n\n", failures));
        Assert.True(notHit.Count == 0, $"never hit: {string.Join("; ", notHit)}");
    }

    /// <summary>A cell that fails does not keep the others from being tried.</summary>
    private static async Task<string> TriedAsync(LiveRun live, FaultSite site, string fault, int occasion, List<string> failures)
    {
        try
        {
            return await OneAsync(live, site, fault, occasion);
        }
        catch (Exception e)
        {
            failures.Add($"{site}, {fault}: {e.Message}");
            Console.WriteLine(failures[^1]);
            if (live.Process is not null) await live.KillAsync();
            return "FAILED";
        }
    }

    /// <summary>Runs until the call is hit; says how that ended.</summary>
    private static async Task<string> OneAsync(LiveRun live, FaultSite site, string fault, int occasion)
    {
        string log = Path.Combine(live.Indelible.Home, "strace.log");
        string injected = fault == "dies" ? "delay_exit=60000000" : $"error={fault}";
        File.Delete(log);
        live.Launch([.. Strace(log), .. site.Paths(live.Indelible.Home).SelectMany(path => (string[])["-P", path]),
            "-e", $"trace={site.Call}", "-e",
            string.Create(CultureInfo.InvariantCulture,
                $"inject={site.Call}:{injected}:when={(site.When == FaultSite.Occasion.Often ? occasion : 1)}")]);
        await using BusySessions load = Load(live);
        if (!await HitAsync(log, fault == "dies" ? "(DELAYED)" : "(INJECTED)"))
        {
            await live.KillAsync();
            return "not hit";
        }
        if (fault == "dies")
        {
            live.Process!.Kill();
            Tracer.End(log);
            await live.KillAsync();
            return "died";
        }
        await Task.WhenAny(live.Process!.WaitForExitAsync(), Task.Delay(site.IsFlush ? Patience.Max : EndMax));
        if (site.IsFlush) RequireNoSecondFlush(live, log);
        if (!live.Process.HasExited)
        {
            await live.KillAsync();
            return site.IsFlush
                ? throw new InvalidOperationException(
                    live.Story($"{site}, {fault}: a failed flush did not end the process\n{await live.ProcessLog}"))
                : "went on";
        }
        int exitCode = await live.EndedAsync();
        string told = await live.ProcessLog;
        string reason = fault == "EIO" ? "Input/output error" : "No space left on device";
        Assert.True(
            exitCode == 3 && told.Contains(reason, StringComparison.Ordinal), live.Story($"{site}, {fault}: exit code {exitCode}\n{told}"));
        return "refused";
    }

    /// <summary>After a failed flush the system may call lost pages clean: a second one would prove nothing.</summary>
    private static void RequireNoSecondFlush(LiveRun live, string log)
    {
        string[] lines = File.ReadAllLines(log);
        int failed = Array.FindIndex(lines, line => line.Contains("(INJECTED)", StringComparison.Ordinal));
        string? path = Flushed().Match(lines[failed]).Groups[1].Value;
        string? again = lines.Skip(failed + 1)
            .FirstOrDefault(line => line.Contains($"<{path}>", StringComparison.Ordinal)
                && !line.Contains("(INJECTED)", StringComparison.Ordinal));
        Assert.True(again is null, live.Story($"flushed again after a failed flush:\n{lines[failed]}\n{again}"));
    }

    private static async Task<bool> HitAsync(string log, string mark)
    {
        for (Stopwatch waited = Stopwatch.StartNew(); waited.Elapsed < HitMax; await Task.Delay(50))
        {
            if (File.Exists(log) && (await File.ReadAllTextAsync(log)).Contains(mark, StringComparison.Ordinal)) return true;
        }
        return false;
    }

    /// <summary>The process itself is the child; strace stays beside it and ends with it.</summary>
    private static string[] Strace(string log) => ["strace", "-D", "-f", "-qq", "-y", "-s", "0", "--seccomp-bpf", "-o", log];

    private static BusySessions Load(LiveRun live) => new BusySessions(live.Server, live.Database, SeedDefault, ChangeAsync).Begin();

    /// <summary>Small changes, and one in a few whose value is kept in a blob.</summary>
    private static async Task ChangeAsync(NpgsqlConnection connection, Random random)
    {
        int id = random.Next(1, 50);
        string ssn = random.Next(8) == 0 ? $"repeat(md5('{random.Next()}'), 3000)" : $"'{random.Next()}'";
        string sql = random.Next(3) == 0
            // a new subject: its key is made durable first
            ? string.Create(
                CultureInfo.InvariantCulture, $"INSERT INTO people VALUES ({random.NextInt64(1000, long.MaxValue)}, 'new', 'new')")
            : string.Create(CultureInfo.InvariantCulture,
                $"UPDATE people SET ssn = {ssn}, code = '{random.Next()}' WHERE id BETWEEN {id} AND {id + 1}");
        await using NpgsqlCommand command = new(sql, connection);
        await command.ExecuteNonQueryAsync();
        await Task.Delay(random.Next(20, 80));
    }

    private static IEnumerable<string> Seen(string line, string home)
    {
        Match call = Called().Match(line);
        int at = line.IndexOf(home, StringComparison.Ordinal);
        if (!call.Success || at < 0 || line.Contains(" = -1 ", StringComparison.Ordinal)) yield break;
        if (call.Groups[1].Value == "openat" && !line.Contains("O_CREAT", StringComparison.Ordinal)) yield break;
        string path = line[(at + home.Length)..].TrimStart('/');
        path = path[..path.IndexOfAny(['"', '>'])];
        if (path.Length > 0 && FaultSite.PatternOf(path) is { } pattern) yield return $"{call.Groups[1].Value} {pattern}";
    }

    [GeneratedRegex(@"^\d+ +(\w+)\(")]
    private static partial Regex Called();

    [GeneratedRegex(@"\(\d+<([^>]*)>")]
    private static partial Regex Flushed();
}
