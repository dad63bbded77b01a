using System.Globalization;
using Indelible.Bench;

if (args is not [string root, "pipeline" or "crosscheck" or "mirror" or "copies" or "verify" or "source-overhead", ..])
{
    Console.Error.WriteLine("usage: bench/run pipeline [--rows N] [--entries N]\n       bench/run crosscheck [--rows N]\n       bench/run mirror [--entries N]\n       bench/run copies [--rows N]\n       bench/run verify [--entries N] [--rounds N]\n       bench/run source-overhead [--seconds N] [--rounds N] [--rows N]");
    return 2;
}
using var interrupted = new CancellationTokenSource();
Console.CancelKeyPress += (_, press) =>
{
    press.Cancel = true;
    interrupted.Cancel();
};
var results = new Results(root, args[1]);
try
{
    if (args[1] == "crosscheck") await new CrosscheckSuite(root, results, Option("--rows", 10_000_000)).RunAsync(interrupted.Token);
    else if (args[1] == "copies") await new CopiesSuite(root, results, Option("--rows", 300_000)).RunAsync(interrupted.Token);
    else if (args[1] == "mirror") await new MirrorSuite(root, results, Option("--entries", 5_000_000)).RunAsync(interrupted.Token);
    else if (args[1] == "verify") await new VerifySuite(root, results, Option("--entries", 3_000_000), Option("--rounds", 3)).RunAsync(interrupted.Token);
    else if (args[1] == "source-overhead") await new SourceOverheadSuite(root, results, Option("--seconds", 3), Option("--rounds", 3), Option("--rows", 50_000)).RunAsync(interrupted.Token);
    else await new PipelineSuite(root, results, Option("--rows", 400_000), Option("--entries", 5_000_000)).RunAsync(interrupted.Token);
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

int Option(string name, int otherwise)
{
    int at = Array.IndexOf(args, name);
    return at < 0 ? otherwise : int.Parse(args[at + 1], NumberStyles.None, CultureInfo.InvariantCulture);
}
