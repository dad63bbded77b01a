using System.Globalization;
using System.Runtime.InteropServices;

namespace Indelible.Bench;

/// <summary>User and system time of processes, from /proc. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html.</summary>
internal static partial class ProcessorTime
{
    private const int TicksPerSecond = 100;
    private const int UserTime = 14, ChildrenUserTime = 16;
    private const int ProcessClock = 2, ThreadClock = 3;

    /// <summary>Of a process that runs.</summary>
    public static TimeSpan Of(int pid) => Read(pid, UserTime);

    /// <summary>Of all its children that ended and were waited for.</summary>
    public static TimeSpan OfChildren(int pid) => Read(pid, ChildrenUserTime);

    /// <summary>Of a process, of its children that run, and of those that ended.</summary>
    public static TimeSpan OfTree(int pid) => Tree(pid).Aggregate(OfChildren(pid), (sum, process) => sum + Of(process));

    /// <summary>Of the thread that asks: what a wait for a core does not lengthen.
    /// https://man7.org/linux/man-pages/man2/clock_gettime.2.html.</summary>
    public static TimeSpan OfThisThread() => Clock(ThreadClock);

    /// <summary>Of all threads of the process that asks, finer than <see cref="Of"/>.</summary>
    public static TimeSpan OfThisProcess() => Clock(ProcessClock);

    /// <summary>A process and its children that run.</summary>
    public static IReadOnlyList<int> Tree(int pid) =>
        [pid, .. File.ReadAllText($"/proc/{pid}/task/{pid}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(child => int.Parse(child, CultureInfo.InvariantCulture))];

    /// <summary>A field of user time, counted from 1, and the system time that follows it.</summary>
    private static TimeSpan Read(int pid, int field)
    {
        string stat = File.ReadAllText($"/proc/{pid}/stat");
        string[] afterName = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');    // from field 3 on
        long ticks = long.Parse(afterName[field - 3], CultureInfo.InvariantCulture)
            + long.Parse(afterName[field - 2], CultureInfo.InvariantCulture);
        return TimeSpan.FromSeconds(ticks / (double)TicksPerSecond);
    }

    private static TimeSpan Clock(int clock) => GetTime(clock, out Timespec time) == 0
        ? TimeSpan.FromSeconds(time.Seconds) + TimeSpan.FromMicroseconds(time.Nanoseconds / 1e3)
        : throw new InvalidOperationException($"clock_gettime: error {Marshal.GetLastPInvokeError()}");

    private record struct Timespec(long Seconds, long Nanoseconds);

    [LibraryImport("libc", EntryPoint = "clock_gettime", SetLastError = true)]
    private static partial int GetTime(int clock, out Timespec time);
}
