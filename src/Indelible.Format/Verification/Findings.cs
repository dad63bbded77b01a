namespace Indelible.Format.Verification;

/// <summary>Collects findings and notices up to the limit. One verification owns it.</summary>
/// <param name="found">Told each fault at once; null if nobody wants it.</param>
internal sealed class Findings(Action<Finding>? found = null)
{
    private readonly List<Finding> _faults = [];
    private readonly List<Finding> _notices = [];
    private readonly List<Finding> _unread = [];

    public IReadOnlyList<Finding> Faults => _faults;

    public IReadOnlyList<Finding> Notices => _notices;

    public IReadOnlyList<Finding> Unread => _unread;

    /// <summary>True once there are so many that going on tells nothing new.</summary>
    public bool IsFull => _faults.Count >= VerificationReport.FindingsMax;

    public void Fault(string rule, string file, long entryIndex, string message)
    {
        if (IsFull) return;
        Finding fault = new(rule, file, entryIndex, message);
        _faults.Add(fault);
        found?.Invoke(fault);
    }

    public void Fault(string rule, string file, string message) => Fault(rule, file, -1, message);

    public void NotRead(string file, long entryIndex, string message)
    {
        if (_unread.Count < VerificationReport.FindingsMax) _unread.Add(new Finding(Rules.Version, file, entryIndex, message));
    }

    public void Notice(string rule, string file, long entryIndex, string message)
    {
        if (_notices.Count < VerificationReport.FindingsMax) _notices.Add(new Finding(rule, file, entryIndex, message));
    }
}
