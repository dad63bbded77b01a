using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Indelible.Bench;

/// <summary>Measured figures, printed as they come and written as a table with machine, date and commit.</summary>
internal sealed class Results(string root, string suite)
{
    private readonly List<(string What, string Figure, string How)> rows = [];

    /// <summary>What every figure is of, before what it is: set where the same is measured again and again.</summary>
    public string Of { get; set; } = "";

    /// <summary>A figure, with how it was measured.</summary>
    public void Add(string what, string figure, string how)
    {
        what = Of + what;
        rows.Add((what, figure, how));
        Console.WriteLine($"{what,-58} {figure,-26} {how}");
    }

    public static string Number(double value) => value.ToString(value < 100 ? "0.##" : "#,0", CultureInfo.InvariantCulture);

    /// <summary>Median of at least one value.</summary>
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }

    /// <summary>A value that this share of the samples does not exceed.</summary>
    private static double Percentile(IEnumerable<double> values, double share)
    {
        double[] sorted = [.. values.Order()];
        return sorted[Math.Min(sorted.Length - 1, (int)(sorted.Length * share))];
    }

    /// <summary>Median and 99th percentile of times in milliseconds.</summary>
    public static string Percentiles(IReadOnlyCollection<double> milliseconds) =>
        $"p50 {Number(Percentile(milliseconds, 0.5))} ms, p99 {Number(Percentile(milliseconds, 0.99))} ms";

    /// <summary>Median, 99th percentile and what one in a thousand exceeds, of times in milliseconds.</summary>
    public static string Tail(IReadOnlyCollection<double> milliseconds) =>
        milliseconds.Count == 0 ? "none" : $"{Percentiles(milliseconds)}, p99.9 {Number(Percentile(milliseconds, 0.999))} ms";

    /// <summary>Median and 99th percentile of times in microseconds.</summary>
    public static string Microseconds(IReadOnlyCollection<double> microseconds) =>
        $"p50 {Number(Percentile(microseconds, 0.5))} µs, p99 {Number(Percentile(microseconds, 0.99))} µs";

    /// <summary>Writes the table, if there is anything in it.</summary>
    public void Write()
    {
        if (rows.Count == 0) return;
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"# {suite}").AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture,
            $"{DateTimeOffset.UtcNow:yyyy-MM-dd HH:mm} UTC, commit {Commit()}, {Environment.ProcessorCount} cores, {Processor()}, "
                + $"{RuntimeInformation.FrameworkDescription}").AppendLine();
        text.AppendLine("| what | figure | how |").AppendLine("|---|---|---|");
        foreach ((string what, string figure, string how) in rows)
            text.AppendLine(CultureInfo.InvariantCulture, $"| {what} | {figure} | {how} |");
        string path = Path.Combine(Directory.CreateDirectory(Path.Combine(root, "bench", "results")).FullName,
            $"{suite}-{DateTimeOffset.UtcNow:yyyyMMdd-HHmm}.md");
        File.WriteAllText(path, text.ToString());
        Console.WriteLine($"wrote {Path.GetRelativePath(root, path)}");
    }

    private string Commit()
    {
        using Process git =
            Process.Start(new ProcessStartInfo("git", ["-C", root, "rev-parse", "--short", "HEAD"]) { RedirectStandardOutput = true })!;
        return git.StandardOutput.ReadToEnd().Trim();
    }

    private static string Processor() =>
        File.ReadLines("/proc/cpuinfo")
            .FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "unknown processor";
}
