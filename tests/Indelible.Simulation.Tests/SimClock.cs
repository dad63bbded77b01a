namespace Indelible.Simulation.Tests;

/// <summary>A clock that moves only when it is told to, and calls its timers then, in the order they are due.</summary>
internal sealed class SimClock : TimeProvider
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly SortedSet<SimTimer> _timers =
        new(Comparer<SimTimer>.Create(static (a, b) => (a.Due, a.Order).CompareTo((b.Due, b.Order))));
    private long _elapsed;
    private long _stepped;
    private long _ordered;

    /// <inheritdoc/>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <inheritdoc/>
    public override long GetTimestamp() => _elapsed;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => Start.AddTicks(_elapsed + _stepped);

    /// <summary>Somebody sets the time of day; what is measured goes on.</summary>
    public void Step(TimeSpan by) => _stepped += by.Ticks;

    /// <summary>The process that set the timers is gone.</summary>
    public void Forget() => _timers.Clear();

    /// <summary>Time passes; after each timer that fires, everything it set going comes to rest.</summary>
    public async Task PassAsync(TimeSpan time, Func<Task> restAsync)
    {
        long until = _elapsed + time.Ticks;
        while (_timers.Min is { } next && next.Due <= until)
        {
            _elapsed = Math.Max(_elapsed, next.Due);
            _timers.Remove(next);
            next.Fire();
            await restAsync();
        }
        _elapsed = until;
    }

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        SimTimer timer = new(this, () => callback(state));
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class SimTimer(SimClock clock, Action act) : ITimer
    {
        private TimeSpan _period = Timeout.InfiniteTimeSpan;

        public long Due { get; private set; }
        public long Order { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            clock._timers.Remove(this);
            _period = period;
            if (dueTime != Timeout.InfiniteTimeSpan) Set(dueTime);
            return true;
        }

        public void Fire()
        {
            if (_period > TimeSpan.Zero) Set(_period);
            act();
        }

        public void Dispose() => clock._timers.Remove(this);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        private void Set(TimeSpan dueTime)
        {
            (Due, Order) = (clock._elapsed + dueTime.Ticks, clock._ordered++);
            clock._timers.Add(this);
        }
    }
}
