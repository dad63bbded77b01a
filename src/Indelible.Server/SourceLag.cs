using Indelible.Format;

namespace Indelible.Server;

/// <summary>How far sealing is behind the end of a source's log, in bytes and in time. Owned by <see cref="SourceProgress"/>.</summary>
internal sealed class SourceLag(TimeProvider time)
{
    private const int SamplesMax = 1024;

    /// <summary>Ends of the log that are not sealed yet, and when the server told of them; oldest first.</summary>
    private readonly List<(Lsn End, long At)> _waiting = [];

    /// <summary>Everything up to here is sealed.</summary>
    public Lsn Sealed { get; private set; }
    /// <summary>End of the log when last heard of.</summary>
    public Lsn ServerEnd { get; private set; }
    /// <summary>How long the oldest of what is not sealed has been waiting, as far as was looked; zero if nothing is.</summary>
    public TimeSpan Behind => _waiting.Count == 0 ? TimeSpan.Zero : time.GetElapsedTime(_waiting[0].At);

    public void ServerAt(Lsn end)
    {
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
