using Indelible.Fuzz;
using SharpFuzz;

// Indelible.Fuzz TARGET            one input after another from afl-fuzz (tools/fuzz), or one from standard input
// Indelible.Fuzz --seeds DIR       writes the inputs that fuzzing begins with
if (args is ["--seeds", string directory])
{
    Seeds.Write(directory);
    return 0;
}
if (args is not [string name])
{
    Console.Error.WriteLine("expected a target, such as note, or --seeds DIR; see tests/Indelible.Fuzz/Targets.cs");
    return 2;
}
// Nothing instrumented may run before this: it writes to memory that only afl-fuzz gives.
Fuzzer.OutOfProcess.Run(stream =>
{
    MemoryStream input = new();
    stream.CopyTo(input);
    Targets.All[name](input.GetBuffer().AsSpan(0, (int)input.Length));
});
return 0;
