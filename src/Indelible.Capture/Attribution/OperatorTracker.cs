using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Indelible.Format;
using Indelible.Format.Entries;

namespace Indelible.Capture.Attribution;

/// <summary>Who the rows of the transaction under way belong to: the latest genuine message before each row.
/// Owned by the capture loop.</summary>
internal sealed class OperatorTracker(SessionTable sessions)
{
    /// <summary>Names remembered per transaction to count them; beyond it the count stands still.</summary>
    private const int NamesMax = 1_024;

    private static readonly Operator Nobody = new() { Grade = Grade.None };

    /// <summary>By their hashes: what a name is long is up to who writes it.</summary>
    private readonly HashSet<UInt128> _names = [];
    private string? _origin;
    private AttributionFacts? _facts;
    private MicroTime _committedAt;
    private Operator _current = Nobody;

    /// <summary>Who the next row belongs to.</summary>
    public Operator Current => _current;

    /// <summary>The reason given; null if none.</summary>
    public string? Reason => _facts?.Reason;

    public void Begin(MicroTime committedAt)
    {
        _committedAt = committedAt;
        _origin = null;
        _facts = null;
        _current = Nobody;
        if (_names.Count > 0) _names.Clear();
    }

    /// <summary>The transaction was written by a logical apply worker.</summary>
    public void Origin(string name)
    {
        _origin = name;
        _current = Make();
    }

    /// <summary>A genuine message of this transaction: it holds from here on.
    /// One made no later than the message before it is a copy of an earlier one, and says nothing.</summary>
    public void Take(AttributionFacts facts)
    {
        if (_facts is not null && facts.At <= _facts.At) return;
        _facts = facts;
        if (facts.OperatorId is not null && _names.Count < NamesMax) _names.Add(HashOf(facts.OperatorId));
        _current = Make();
    }

    /// <summary>Who a DDL message itself states.</summary>
    public Operator Of(AttributionFacts facts) => Make(facts);

    private static UInt128 HashOf(string name) =>
        BinaryPrimitives.ReadUInt128BigEndian(SHA256.HashData(MemoryMarshal.AsBytes<char>(name)));

    private Operator Make()
    {
        if (_facts is not null) return Make(_facts);
        return _origin is null ? Nobody : new Operator { Grade = Grade.Session, ReplicationOrigin = _origin };
    }

    private Operator Make(AttributionFacts facts)
    {
        SessionTable.Session? session = sessions.Find(facts.Pid, _committedAt);
        return new Operator
        {
            Grade = facts.OperatorId is null ? Grade.Session : Grade.Asserted,
            Id = facts.OperatorId,
            SessionUser = facts.User,
            Role = facts.Role,
            Application = facts.Application,
            Address = facts.Address,
            BackendPid = facts.Pid,
            BackendStart = session?.Start,
            LoginRole = session?.LoginRole,
            ReplicationOrigin = _origin,
            OperatorCount = (uint)_names.Count,
        };
    }
}
