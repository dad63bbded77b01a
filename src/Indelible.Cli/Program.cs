using System.Runtime.InteropServices;
using Indelible.Cli;

if (args.Contains("run")) NativeHeap.BeginWithOne(args);
NativeHeap.KeepSmall();
// Commands look at these variables of their caller and at no others.
string[] known = ["INDELIBLE_", "PG"];
using CancellationTokenSource stop = new();
using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
using PosixSignalRegistration hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Stop);

return await CommandLine.RunAsync(args, new Invocation
{
    Output = Console.Out,
    Error = Console.Error,
    Input = new Lazy<string?>(Console.ReadLine),
    Terminal = !Console.IsOutputRedirected,
    Width = Console.IsOutputRedirected ? 120 : Math.Max(Console.WindowWidth, 40),
    Directory = Environment.CurrentDirectory,
    Environment = Variables(),
    User = Environment.UserName,
    Time = TimeProvider.System,
}, stop.Token);

void Stop(PosixSignalContext context)
{
    context.Cancel = true;
    stop.Cancel();
}

Dictionary<string, string> Variables()
{
    Dictionary<string, string> variables = [];
    foreach (System.Collections.DictionaryEntry variable in Environment.GetEnvironmentVariables())
    {
        string name = (string)variable.Key;
        if (known.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal))) variables[name] = (string?)variable.Value ?? "";
    }
    return variables;
}
