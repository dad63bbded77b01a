using System.Diagnostics;
using System.Globalization;
using Indelible.Format.Entries;
using Indelible.Format.Notes;
using Indelible.Format.Verification;
using Indelible.Ledger;

namespace Indelible.Bench;

/// <summary>Verification of a ledger on one core and on all, beside SHA-256 of the same bytes by others; proofs made and checked.</summary>
internal sealed class VerifySuite(string root, Results results, int entries, int rounds)
{
    private readonly string _directory = Directory.CreateTempSubdirectory("indelible-bench-").FullName;
    private string _key = "";

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var command = new Command(root, _directory);
        try
        {
            _key = await MadeLedger.MakeAsync(command, entries, Operation.Insert, results, cancellationToken);
            string bundles = await ConcatenateAsync(command, cancellationToken);
            await RacesAsync(command, bundles, cancellationToken);
            new ProofTimes(command, _key, results).Run();
        }
        finally
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    /// <summary>Everything in turn, the files in the page cache; then once more with them dropped from it.</summary>
    private async Task RacesAsync(Command command, string bundles, CancellationToken cancellationToken)
    {
        long length = new FileInfo(bundles).Length;
        Race[] races =
        [
            new($"sha256sum of the bundles, {length} bytes, one core", length,
                () => command.RunProgramAsync("taskset", cancellationToken, "-c", "0", "sha256sum", bundles)),
            new("verify, in a process that is warm, one core", length,
                () => Task.FromResult(Verify(command, threads: 1, cancellationToken))),
            new($"verify, in a process that is warm, {Environment.ProcessorCount} cores", length,
                () => Task.FromResult(Verify(command, Environment.ProcessorCount, cancellationToken))),
            new("`indelible verify`, whole process, one core", length, () => VerifyProcessAsync(command, "0", cancellationToken)),
            new($"`indelible verify`, whole process, {Environment.ProcessorCount} cores", length,
                () => VerifyProcessAsync(command, $"0-{Environment.ProcessorCount - 1}", cancellationToken)),
        ];
        Verify(command, threads: 1, cancellationToken);     // compiles
        for (int round = 0; round < rounds; round++)
            foreach (Race race in races) await race.RunAsync();
        foreach (Race race in races) results.Add(race.What, race.Rate(entries), race.How(entries));
        results.Add("openssl speed -evp sha256, 16,384 bytes at a time",
            Speed(await command.RunProgramAsync("openssl", cancellationToken, "speed", "-mr", "-bytes", "16384", "-seconds", "2", "-evp",
                "sha256")), "processor time; what one core of this machine can hash at most");

        Race cold = new("`indelible verify`, whole process, all cores, files not in the page cache", length,
            () => VerifyProcessAsync(command, $"0-{Environment.ProcessorCount - 1}", cancellationToken));
        for (int round = 0; round < rounds; round++)
        {
            PageCache.Drop(command.Ledger);
            await cold.RunAsync();
        }
        results.Add(cold.What, cold.Rate(entries), cold.How(entries));

        Race since = new($"`indelible verify --since` the head before the last {MadeLedger.BatchSize}, whole process", length,
            () => command.RunProgramAsync(
                command.Binary, cancellationToken, "verify", command.Ledger, "--key", _key, "--since", MadeLedger.KeptHead(command)));
        for (int round = 0; round < rounds; round++) await since.RunAsync();
        results.Add(since.What, since.Seconds, "elapsed, median; most of it is starting");
    }

    private string Verify(Command command, int threads, CancellationToken cancellationToken)
    {
        using LedgerFetch files = LedgerFetch.FromDirectory(command.Ledger);
        VerifierKey.Parse(_key, out VerifierKey? key);
        VerificationReport report = new LedgerVerifier(files.Fetch, files.OpenFile) { Policy = Policy.ForKey(key!),
            AnotherFetch = files.AnotherFetch, Threads = threads }.Verify(cancellationToken);
        return report.Verdict == Verdict.Verified && report.Entries == entries
            ? ""
            : throw new InvalidOperationException($"expected a sound ledger:\n{ReportText.ToText(report)}");
    }

    private Task<string> VerifyProcessAsync(Command command, string cores, CancellationToken cancellationToken) =>
        command.RunProgramAsync("taskset", cancellationToken, "-c", cores, command.Binary, "verify", command.Ledger, "--key", _key);

    /// <summary>All bundles in one file, so that opening files is not what is measured.</summary>
    private async Task<string> ConcatenateAsync(Command command, CancellationToken cancellationToken)
    {
        string whole = Path.Combine(_directory, "bundles");
        await command.RunProgramAsync(
            "sh", cancellationToken, "-c", $"find '{command.Ledger}/tile/entries' -type f | sort | xargs cat > '{whole}'");
        return whole;
    }

    /// <summary>The rate in the machine-readable output: `+F:22:sha256:1379532800.00`.</summary>
    private static string Speed(string output) =>
        $"{Results.Number(double.Parse(output.TrimEnd().Split(':')[^1], CultureInfo.InvariantCulture) / 1e9)} GB/s";

    /// <summary>One of what takes turns, with its times.</summary>
    private sealed record Race(string What, long Length, Func<Task<string>> Once)
    {
        private readonly List<double> _seconds = [], _processor = [];

        public async Task RunAsync()
        {
            TimeSpan before = Processor();
            long begin = Stopwatch.GetTimestamp();
            await Once();
            _seconds.Add(Stopwatch.GetElapsedTime(begin).TotalSeconds);
            _processor.Add((Processor() - before).TotalSeconds);
        }

        public string Seconds => $"{Results.Number(Results.Median(_seconds))} s";

        public string Rate(int entries) => $"{Results.Number(entries / Results.Median(_seconds))} entries/s";

        public string How(int entries) => string.Create(CultureInfo.InvariantCulture,
            $"{Results.Number(Length / Results.Median(_seconds) / 1e9)} GB/s; by processor time "
                + $"{Results.Number(entries / Results.Median(_processor))} entries/s a core "
                + $"({Results.Number(Results.Median(_processor) / entries * 1e9)} ns each); rounds "
                + $"{string.Join(", ", _seconds.Select(Results.Number))} s");

        private static TimeSpan Processor() => ProcessorTime.Of(Environment.ProcessId) + ProcessorTime.OfChildren(Environment.ProcessId);
    }
}
