using System.Diagnostics;
using Indelible.Fuzz;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>Inputs that fuzzing found worth keeping (tests/Indelible.Fuzz/corpus), and short mutations of each:
/// read or refused, quickly and in little memory.</summary>
public sealed class CorpusTests
{
    private const int Seed = 20261129, MutationsEach = 20;
    /// <summary>Bytes that an input of a few kilobytes may make a parser allocate.</summary>
    private const long AllocationMax = 64 << 20;
    private static readonly TimeSpan TimeMax = TimeSpan.FromSeconds(20);
    private static readonly string Corpus = Path.Combine(AppContext.BaseDirectory, "corpus");

    public static TheoryData<string> Names => [.. Targets.All.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_input_of_the_corpus_is_read_or_refused(string name)
    {
        Random random = new(Seed);
        string[] files = Directory.GetFiles(Path.Combine(Corpus, name));
        Assert.NotEmpty(files);
        foreach (string file in files)
        {
            byte[] input = File.ReadAllBytes(file);
            Try(name, input, Path.GetFileName(file));
            for (int i = 0; i < MutationsEach; i++)
                Try(name, Mutated(input, random), $"{Path.GetFileName(file)}, mutation {i} of seed {Seed}");
        }
    }

    private static void Try(string name, byte[] input, string what)
    {
        long started = Stopwatch.GetTimestamp(), allocated = GC.GetAllocatedBytesForCurrentThread();
        Exception? failure = Record.Exception(() => Targets.All[name](input));
        Assert.True(failure is null, $"{name}, {what}: {failure}");
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - allocated < AllocationMax,
            $"{name}, {what}: allocates {GC.GetAllocatedBytesForCurrentThread() - allocated} bytes");
        Assert.True(Stopwatch.GetElapsedTime(started) < TimeMax, $"{name}, {what}: takes {Stopwatch.GetElapsedTime(started)}");
    }

    private static byte[] Mutated(byte[] input, Random random)
    {
        byte[] mutated = [.. input, .. random.Next(4) == 0 ? input : []];
        if (mutated.Length == 0) return mutated;
        for (int i = random.Next(1, 5); i > 0; i--)
            mutated[random.Next(mutated.Length)] = random.Next(3) switch { 0 => 0xFF, 1 => 0, _ => (byte)random.Next(256) };
        return random.Next(4) == 0 ? mutated[..random.Next(mutated.Length)] : mutated;
    }
}
