using System.Globalization;
using Indelible.Bench;

using var interrupted = new CancellationTokenSource();
Console.CancelKeyPress += (_, press) =>
{
    press.Cancel = true;
    interrupted.Cancel();
};
CancellationToken cancellationToken = interrupted.Token;
string root = args.FirstOrDefault() ?? "", name = args.ElementAtOrDefault(1) ?? "";
var results = new Results(root, name);
var suites = new Dictionary<string, (string Options, Func<Task> RunAsync)>
{
    ["pipeline"] = ("[--rows N] [--rounds N] [--shapes TEXT]",
        () => new PipelineSuite(root, results, Number("--rows", 400_000), Number("--rounds", 3), Text("--shapes"))
            .RunAsync(cancellationToken)),
    ["stages"] = ("[--rows N] [--rounds N]", () => new StagesSuite(root, results, Number("--rows", 100_000), Number("--rounds", 3))
        .RunAsync(cancellationToken)),
    ["latency"] = ("[--seconds N] [--rows N]", () => new LatencySuite(root, results, Number("--seconds", 20), Number("--rows", 50_000))
        .RunAsync(cancellationToken)),
    ["size"] = ("[--rows N]", () => new SizeSuite(root, results, Number("--rows", 100_000)).RunAsync(cancellationToken)),
    ["query"] = ("[--entries N] [--ledger DIR]", () => new QuerySuite(root, results, Number("--entries", 10_000_000), Text("--ledger"))
        .RunAsync(cancellationToken)),
    ["start"] = ("[--entries N] [--ledger DIR]", () => new StartSuite(root, results, Number("--entries", 10_000_000), Text("--ledger"))
        .RunAsync(cancellationToken)),
    ["scale"] = ("[--entries N] [--ledger DIR]", () => new ScaleSuite(root, results, Number("--entries", 10_000_000), Text("--ledger"))
        .RunAsync(cancellationToken)),
    ["baseline"] = ("[--rows N]", () => new BaselineSuite(root, results, Number("--rows", 1_000_000)).RunAsync(cancellationToken)),
    ["crosscheck"] = ("[--rows N]", () => new CrosscheckSuite(root, results, Number("--rows", 10_000_000)).RunAsync(cancellationToken)),
    ["copies"] = ("[--rows N]", () => new CopiesSuite(root, results, Number("--rows", 300_000)).RunAsync(cancellationToken)),
    ["mirror"] = ("[--entries N]", () => new MirrorSuite(root, results, Number("--entries", 5_000_000)).RunAsync(cancellationToken)),
    ["verify"] = ("[--entries N] [--rounds N]", () => new VerifySuite(root, results, Number("--entries", 3_000_000), Number("--rounds", 3))
        .RunAsync(cancellationToken)),
    ["source-overhead"] = ("[--seconds N] [--rounds N] [--rows N]",
        () => new SourceOverheadSuite(root, results, Number("--seconds", 3), Number("--rounds", 3), Number("--rows", 50_000))
            .RunAsync(cancellationToken)),
};
if (!suites.TryGetValue(name, out (string Options, Func<Task> RunAsync) suite))
{
    Console.Error.WriteLine($"usage: {string.Join("\n       ", suites.Select(one => $"bench/run {one.Key} {one.Value.Options}"))}");
    return 2;
}
try
{
    await suite.RunAsync();
}
catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
{
    Console.Error.WriteLine("interrupted");
    return 130;
}
finally
{
    results.Write();      // also what there is of a run that was interrupted
}
return 0;

int Number(string option, int otherwise) => Text(option) is { } text
    ? int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture)
    : otherwise;

string? Text(string option) => Array.IndexOf(args, option) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;
