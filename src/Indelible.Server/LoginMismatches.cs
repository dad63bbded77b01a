using Indelible.Format.Entries;

namespace Indelible.Server;

/// <summary>Sessions that acted under a session_user other than the role that logged in: only SET SESSION AUTHORIZATION does that.
/// One caller at a time.</summary>
internal sealed class LoginMismatches
{
    /// <summary>Remembered so that each is said once; beyond it they are said again.</summary>
    private const int KnownMax = 1_024;

    private readonly HashSet<(int? Pid, long? Start, string User)> _known = [];

    /// <summary>True once for each session and session_user that do not fit. A login role that is unknown is no mismatch.</summary>
    public bool IsNew(Operator who)
    {
        if (who.LoginRole is null || who.SessionUser is not { } user || user == who.LoginRole) return false;
        if (_known.Count >= KnownMax) _known.Clear();
        return _known.Add((who.BackendPid, who.BackendStart?.Micros, user));
    }
}
