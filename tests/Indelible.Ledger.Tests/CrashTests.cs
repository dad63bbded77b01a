using Indelible.Format;
using Xunit;

namespace Indelible.Ledger.Tests;

public sealed class CrashTests : IDisposable
{
    public void Dispose() => DurableFile.Hook = null;

    [Fact]
    public async Task A_process_killed_at_any_system_call_loses_nothing_that_was_acknowledged()
    {
        using TestLedger ledger = await TestLedger.CreateAsync();
        var script = new Script(ledger);
        var crashes = new List<(TestLedger Copy, long Acknowledged, ulong Marked)>();
        DurableFile.Hook = (_, _, _, isDone) =>
        {
            if (isDone) crashes.Add((ledger.Copy(), script.Acknowledged, script.Marked));
        };
        await script.RunAsync();
        DurableFile.Hook = null;
        Assert.True(crashes.Count > 200);
        foreach ((TestLedger copy, long acknowledged, ulong marked) in crashes)
        {
            await Script.CheckAsync(copy, acknowledged, marked);
            copy.Dispose();
        }
    }

    [Fact]
    public async Task A_power_cut_at_any_system_call_loses_nothing_that_was_acknowledged()
    {
        using TestLedger ledger = await TestLedger.CreateAsync();
        var script = new Script(ledger);
        var disk = new DurableDisk(ledger.Root);
        var crashes = new List<(TestLedger Copy, long Acknowledged, ulong Marked)>();
        DurableFile.Hook = (operation, path, target, isDone) =>
        {
            if (!isDone) return;
            disk.Observe(operation, path, target);
            crashes.Add((new TestLedger(disk.AfterPowerCut()), script.Acknowledged, script.Marked));
        };
        await script.RunAsync();
        DurableFile.Hook = null;
        foreach ((TestLedger copy, long acknowledged, ulong marked) in crashes)
        {
            await Script.CheckAsync(copy, acknowledged, marked);
            copy.Dispose();
        }
    }

    /// <summary>Found by the simulation: the next process found the directory there, and never flushed its name.</summary>
    [Fact]
    public async Task A_power_cut_leaves_what_was_published_into_a_directory_that_a_process_died_over()
    {
        bool hasDied = true;
        for (int directory = 1; hasDied; directory++)
        {
            using TestLedger ledger = await TestLedger.CreateAsync();
            var script = new Script(ledger);
            var disk = new DurableDisk(ledger.Root);
            int left = directory;
            DurableFile.Hook = (operation, path, target, isDone) =>
            {
                if (!isDone) return;
                disk.Observe(operation, path, target);
                if (operation == DiskOperation.MakeDirectory && --left == 0) throw new IOException("the process is gone");
            };
            hasDied = await Record.ExceptionAsync(script.RunAsync) is not null;
            await (await ledger.OpenAsync()).DisposeAsync();
            DurableFile.Hook = null;
            using TestLedger crashed = new(disk.AfterPowerCut());
            await Script.CheckAsync(crashed, script.Acknowledged, script.Marked);
        }
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task A_failing_system_call_stops_the_writer_with_a_reason_and_reopening_recovers(bool afterItWasDone, bool onlyOnce)
    {
        for (int failing = 0; ; failing++)
        {
            using TestLedger ledger = await TestLedger.CreateAsync();
            var script = new Script(ledger);
            int calls = 0;
            bool hasFailed = false;
            DurableFile.Hook = (operation, path, _, isDone) =>
            {
                if (isDone != afterItWasDone || calls++ < failing || (onlyOnce && calls > failing + 1)) return;
                hasFailed = true;
                throw new IOException($"no more: {operation} {path}");
            };
            Exception? failure = await Record.ExceptionAsync(script.RunAsync);
            DurableFile.Hook = null;
            if (!hasFailed) break;
            Assert.True(failure is IOException or IndelibleException { ExitCode: ExitCode.Environment },
                failure?.ToString() ?? "nothing was reported");
            await Script.CheckAsync(ledger, script.Acknowledged, script.Marked);
        }
    }
}
