using Indelible.Format;

namespace Indelible.Server;

/// <summary>How far sealing is behind the end of a source's log, in bytes and in time. Owned by <see cref="SourceProgress"/>.</summary>
internal sealed class SourceLag(TimeProvider time)
{
    private const int SamplesMax = 1024;

    /// <summary>Ends of the log that are not sealed yet, and when the server told of them; oldest first.</summary>
    private readonly List<(Lsn End, long At)> _waiting = [];
    private long _heardAt = time.GetTimestamp();

    /// <summary>Everything up to here is sealed.</summary>
    public Lsn Sealed { get; private set; }
    /// <summary>End of the log when last heard of.</summary>
    public Lsn ServerEnd { get; private set; }
    /// <summary>How long ago the server last said anything, or this began.</summary>
    public TimeSpan Silence => time.GetElapsedTime(_heardAt);
    /// <summary>When the server last said anything; null if it never did.</summary>
    public MicroTime? LastHeard { get; private set; }
    /// <summary>How long ago everything was last known to be sealed.
    /// Grows while something waits, and while the server says nothing: nobody knows then whether something does.</summary>
    public TimeSpan Behind => _waiting.Count == 0 ? Silence : time.GetElapsedTime(_waiting[0].At);

    public void ServerAt(Lsn end)
    {
        (_heardAt, LastHeard) = (time.GetTimestamp(), MicroTime.From(time.GetUtcNow()));
        if (end <= ServerEnd) return;
        ServerEnd = end;
        if (end <= Sealed) return;
        if (_waiting.Count == SamplesMax) Thin();
        _waiting.Add((end, time.GetTimestamp()));
    }

    public void SealedTo(Lsn position)
    {
        if (position <= Sealed) return;
        Sealed = position;
        _waiting.RemoveAll(sample => sample.End <= position);
    }

    /// <summary>A source that stands still for long is measured more coarsely: every second sample goes, the oldest stays.</summary>
    private void Thin()
    {
        int kept = 0;
        for (int i = 0; i < _waiting.Count; i += 2) _waiting[kept++] = _waiting[i];
        _waiting.RemoveRange(kept, _waiting.Count - kept);
    }
}
