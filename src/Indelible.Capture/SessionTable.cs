using Indelible.Format;

namespace Indelible.Capture;

/// <summary>Database sessions seen in <c>pg_stat_activity</c>, by process id: who logged in and when. Safe for concurrent use.</summary>
/// <remarks>Times are the source's own. Capture runs a little behind, so sessions that ended are remembered;
/// process ids are used again, so their end is too.</remarks>
public sealed class SessionTable
{
    /// <summary>Sessions kept per process id.</summary>
    private const int PerPidMax = 4;
    /// <summary>Process ids kept; beyond it the table starts anew, with those that live.</summary>
    private const int PidMax = 65_536;

    private readonly Lock _lock = new();
    private readonly Dictionary<int, List<Session>> _byPid = [];
    private List<Session> _alive = [];

    /// <summary>Takes over one look at all sessions.</summary>
    /// <param name="sessions">Process id, start, and the role that logged in, of every session there was.</param>
    /// <param name="at">When it was taken: sessions that are not in it had ended by then.</param>
    public void Saw(IReadOnlyList<(int Pid, MicroTime Start, string LoginRole)> sessions, MicroTime at)
    {
        lock (_lock)
        {
            if (_byPid.Count >= PidMax) _byPid.Clear();
            List<Session> alive = new(sessions.Count);
            foreach ((int pid, MicroTime start, string role) in sessions)
                alive.Add(Known(pid, start) ?? Add(pid, new Session(start, role)));
            foreach (Session gone in _alive.Except(alive, ReferenceEqualityComparer.Instance).Cast<Session>()) gone.EndedBy = at;
            _alive = alive;
        }
    }

    /// <summary>The session that held this process id at a moment; null if it was never seen.</summary>
    internal Session? Find(int pid, MicroTime at)
    {
        lock (_lock)
        {
            Session? latest = _byPid.GetValueOrDefault(pid)?.FindLast(session => session.Start <= at);
            return latest?.EndedBy is { } end && at > end ? null : latest;
        }
    }

    private Session? Known(int pid, MicroTime start) => _byPid.GetValueOrDefault(pid)?.Find(session => session.Start == start);

    private Session Add(int pid, Session session)
    {
        if (!_byPid.TryGetValue(pid, out List<Session>? sessions)) _byPid[pid] = sessions = [];
        if (sessions.Count == PerPidMax) sessions.RemoveAt(0);
        sessions.Add(session);
        return session;
    }

    /// <summary>One session.</summary>
    internal sealed class Session(MicroTime start, string loginRole)
    {
        /// <summary>When it began.</summary>
        public MicroTime Start => start;
        /// <summary>The role that logged in.</summary>
        public string LoginRole => loginRole;
        /// <summary>A moment by which it had ended; null while it is seen.</summary>
        public MicroTime? EndedBy { get; set; }
    }
}
