using Indelible.Capture;
using Indelible.Format;

namespace Indelible.Simulation.Tests;

/// <summary>A model of a PostgreSQL server as its slot shows it: a log of committed transactions,
/// and how much of it was confirmed.</summary>
internal sealed class SimServer(Workload workload, Random random, SimClock clock, Trace trace)
{
    public const ulong SystemId = 7_312_345_678_901_234_567;
    private const int Version = 170_002;

    private Lsn _confirmedOnDisk = new(0x100_0000);

    /// <summary>End of the log.</summary>
    public Lsn End { get; private set; } = new(0x100_0000);
    /// <summary>What the slot stands at: everything before is forgotten.</summary>
    public Lsn Confirmed { get; private set; } = new(0x100_0000);
    /// <summary>Committed, in commit order.</summary>
    public List<SimTransaction> Transactions { get; } = [];
    /// <summary>Its tables, and what is done to them.</summary>
    public Workload Workload => workload;
    public SourceIdentity Identity => new(SystemId, 1, Version, End);

    public void Commit()
    {
        Lsn commit = new(End.Bytes + (ulong)random.Next(100, 5000));
        End = new Lsn(commit.Bytes + (ulong)random.Next(40, 80));
        Transactions.Add(workload.Next(commit, End, MicroTime.From(clock.GetUtcNow())));
        trace.Note($"commit {commit} {Transactions[^1].Messages.Count}");
    }

    /// <summary>Others write what nobody asked for.</summary>
    public void Idle() => End = new Lsn(End.Bytes + (ulong)random.Next(1, 10_000));

    /// <summary>The slot is written to disk now and then.</summary>
    public void Checkpoint() => _confirmedOnDisk = Confirmed;

    /// <summary>The server dies and comes back: the slot stands where it was last written to disk.</summary>
    public void Restart() => Confirmed = _confirmedOnDisk;

    /// <summary>The receiver says that everything up to here is durable.</summary>
    public void Confirm(Lsn position)
    {
        if (position > End) throw new SimulationFailure($"{position} was confirmed, the log ends at {End}");
        if (position <= Confirmed) return;
        trace.Note($"confirmed {position}");
        Confirmed = position;
    }
}

/// <summary>What the product must not do, and did.</summary>
internal sealed class SimulationFailure(string message, Exception? inner = null) : Exception(message, inner);
