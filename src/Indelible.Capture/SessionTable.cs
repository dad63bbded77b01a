using Indelible.Format;

namespace Indelible.Capture;

/// <summary>Database sessions seen in <c>pg_stat_activity</c>, by process id: who logged in and when. Safe for concurrent use.</summary>
public sealed class SessionTable
{
    /// <summary>Sessions kept per process id: ids are used again.</summary>
    private const int PerPidMax = 4;
    /// <summary>Process ids kept; beyond it the table starts anew.</summary>
    private const int PidMax = 65_536;

    private readonly Lock _lock = new();
    private readonly Dictionary<int, List<Session>> _byPid = [];

    /// <summary>Notes one session. Known ones cost a look-up.</summary>
    /// <param name="pid">Process id of the backend.</param>
    /// <param name="backendStart">When it started.</param>
    /// <param name="loginRole">The role that logged in.</param>
    public void Record(int pid, MicroTime backendStart, string loginRole)
    {
        lock (_lock)
        {
            if (_byPid.Count >= PidMax) _byPid.Clear();
            if (!_byPid.TryGetValue(pid, out List<Session>? sessions)) _byPid[pid] = sessions = [];
            if (sessions.Exists(s => s.Start == backendStart)) return;
            if (sessions.Count == PerPidMax) sessions.RemoveAt(0);
            sessions.Add(new Session(backendStart, loginRole));
        }
    }

    /// <summary>The session that held this process id at a moment: the latest that had started by then; null if none is known.</summary>
    internal Session? Find(int pid, MicroTime at)
    {
        lock (_lock)
        {
            if (!_byPid.TryGetValue(pid, out List<Session>? sessions)) return null;
            Session? found = null;
            foreach (Session session in sessions)
            {
                if (session.Start <= at && (found is null || session.Start > found.Start)) found = session;
            }
            return found;
        }
    }

    /// <summary>One session.</summary>
    internal sealed record Session(MicroTime Start, string LoginRole);
}
