using System.Globalization;
using System.Text;
using Indelible.Capture.Attribution;
using Indelible.Capture.PgOutput;
using Indelible.Capture.Relations;
using Indelible.Format;
using Indelible.Format.Entries;

namespace Indelible.Capture.Reading;

/// <summary>Turns messages into changes: knows the transaction under way, who it belongs to and what was already sealed.
/// Owned by the capture loop.</summary>
internal sealed class TransactionAssembler
{
    private static readonly byte[] AttributionPrefix = Encoding.ASCII.GetBytes(AttributionMessage.Prefix);
    private static readonly byte[] DdlPrefix = Encoding.ASCII.GetBytes(AttributionMessage.DdlPrefix);

    private readonly RelationMap _relations;
    private readonly OperatorTracker _who;
    private readonly AttributionCheck _check;
    private readonly BatchBuilder _batch = new();
    private readonly RowReader _rows;
    private readonly List<uint> _truncated = [];
    private readonly Position _sealedTo;
    private Position _last;
    private Lsn _handedOver;
    private BeginMessage _transaction;
    private uint _ordinal;

    public TransactionAssembler(RelationMap relations, OperatorTracker who, AttributionCheck check, ResumePoint? resume)
    {
        _relations = relations;
        _who = who;
        _check = check;
        _rows = new RowReader(_batch);
        _sealedTo = resume?.Last ?? new Position(Lsn.None, 0);
        _last = _sealedTo;
        Confirmable = resume?.Confirmable ?? Lsn.None;
        _handedOver = Confirmable;
    }

    /// <summary>End of the last transaction delivered whole, or a later idle position. Never decreases.</summary>
    public Lsn Confirmable { get; private set; }

    /// <summary>True between Begin and Commit.</summary>
    public bool InTransaction { get; private set; }

    /// <summary>Changes waiting.</summary>
    public int Waiting => _batch.Count;

    /// <summary>True when the batch should be handed over before more is read.</summary>
    public bool IsFull => _batch.IsFull;

    /// <summary>What has been collected so far.</summary>
    public CapturedBatch TakeBatch()
    {
        CapturedBatch batch = _batch.Build(_last, _handedOver, Confirmable);
        _handedOver = Confirmable;
        return batch;
    }

    /// <summary>Outside a transaction, with nothing on its way: everything up to here has been seen.</summary>
    public void SeenUpTo(Lsn position)
    {
        if (!InTransaction && position > Confirmable) Confirmable = position;
    }

    /// <summary>Takes one message. Returns a relation that must be mapped with the catalog before the next message; else null.</summary>
    public RelationMessage? Feed(ReadOnlySpan<byte> message)
    {
        if (message.IsEmpty) throw new PgOutputException("an empty message", 0);
        switch (message[0])
        {
            case PgOutputParser.Insert: Insert(message); break;
            case PgOutputParser.Update: Update(message); break;
            case PgOutputParser.Delete: Delete(message); break;
            case PgOutputParser.Begin: Begin(message); break;
            case PgOutputParser.Commit: Commit(message); break;
            case PgOutputParser.Message: Message(message); break;
            case PgOutputParser.Relation: return Relation(message);
            case PgOutputParser.Truncate: Truncate(message); break;
            case PgOutputParser.Type: PgOutputParser.CheckType(message); break;
            case PgOutputParser.Origin: _who.Origin(PgOutputParser.ReadOrigin(message)); break;
            default: throw new PgOutputException($"message kind 0x{message[0]:x2}", 0);
        }
        return null;
    }

    private void Begin(ReadOnlySpan<byte> message)
    {
        if (InTransaction) throw new PgOutputException("Begin inside a transaction", 0);
        _transaction = PgOutputParser.ReadBegin(message);
        _ordinal = 0;
        InTransaction = true;
        _who.Begin(_transaction.CommittedAt);
    }

    private void Commit(ReadOnlySpan<byte> message)
    {
        CommitMessage commit = PgOutputParser.ReadCommit(message);
        if (!InTransaction || commit.CommitLsn != _transaction.CommitLsn)
        {
            throw new PgOutputException($"Commit of {commit.CommitLsn} does not end the transaction of {_transaction.CommitLsn}", 0);
        }
        InTransaction = false;
        if (commit.End > Confirmable) Confirmable = commit.End;
    }

    private RelationMessage? Relation(ReadOnlySpan<byte> message)
    {
        RelationMessage relation = PgOutputParser.ReadRelation(message);
        return _relations.TryMap(relation) ? null : relation;
    }

    private void Insert(ReadOnlySpan<byte> message)
    {
        uint oid = _rows.ParseInsert(message);
        if (TryNext(oid, out Position position, out RowPlan? plan)) Add(plan!, position, Operation.Insert, _rows.Insert(message, plan!));
    }

    private void Update(ReadOnlySpan<byte> message)
    {
        uint oid = _rows.ParseUpdate(message, out OldTuple old);
        if (TryNext(oid, out Position position, out RowPlan? plan))
            Add(plan!, position, Operation.Update, _rows.Update(message, plan!, old));
    }

    private void Delete(ReadOnlySpan<byte> message)
    {
        uint oid = _rows.ParseDelete(message, out OldTuple old);
        if (TryNext(oid, out Position position, out RowPlan? plan))
            Add(plan!, position, Operation.Delete, _rows.Delete(message, plan!, old));
    }

    private void Truncate(ReadOnlySpan<byte> message)
    {
        PgOutputParser.ReadTruncate(message, _truncated);
        foreach (uint oid in _truncated)
        {
            // A partitioned table's own truncation is told by its partitions, which come in the same message.
            if (TryNext(oid, out Position position, out RowPlan? plan) && !plan!.HoldsNoRows) AddTruncation(plan, position);
        }
    }

    /// <summary>Counts the next ordinal; true if the change is of ours and not sealed yet.</summary>
    private bool TryNext(uint oid, out Position position, out RowPlan? plan)
    {
        if (!_relations.TryGetPlan(oid, out plan))
            throw new PgOutputException($"a row of relation {oid}, which the stream has not described", 1);
        return IsNew(out position) && plan is not null;
    }

    private bool IsNew(out Position position)
    {
        if (!InTransaction) throw new PgOutputException("a change outside a transaction", 0);
        position = new Position(_transaction.CommitLsn, _ordinal++);
        int order = position.CommitLsn.CompareTo(_sealedTo.CommitLsn);
        return order > 0 || (order == 0 && position.Ordinal > _sealedTo.Ordinal);
    }

    private void Add(RowPlan plan, Position position, Operation operation, RowParts row)
    {
        if (!row.MustBeSealed(operation)) return;
        Add(new CapturedChange.Row
        {
            Position = position,
            TransactionId = _transaction.TransactionId,
            CommittedAt = _transaction.CommittedAt,
            Operator = _who.Current,
            Reason = _who.Reason,
            Table = plan.Table,
            Leaf = plan.Leaf,
            Operation = operation,
            Key = row.Key,
            PreviousKey = row.PreviousKey,
            Fields = row.Fields,
            SubjectBefore = row.SubjectBefore,
            SubjectAfter = row.SubjectAfter,
            Before = row.Before,
            After = row.After,
            Unmapped = plan.Unmapped,
        });
    }

    private void AddTruncation(RowPlan plan, Position position) => Add(new CapturedChange.Truncation
    {
        Position = position,
        TransactionId = _transaction.TransactionId,
        CommittedAt = _transaction.CommittedAt,
        Operator = _who.Current,
        Reason = _who.Reason,
        Table = plan.Table,
        Leaf = plan.Leaf,
    });

    private void Add(CapturedChange change)
    {
        _batch.Add(change);
        _last = change.Position;
    }

    private void Message(ReadOnlySpan<byte> message)
    {
        EmittedMessage emitted = PgOutputParser.ReadMessage(message);
        if (!emitted.Transactional) return;
        if (emitted.Prefix.SequenceEqual(AttributionPrefix)) Attribute(emitted.Content);
        else if (emitted.Prefix.SequenceEqual(DdlPrefix)) Ddl(emitted.Content);
    }

    private void Attribute(ReadOnlySpan<byte> payload)
    {
        if (!_check.IsGenuine(payload, out ReadOnlySpan<byte> body)) return;
        AttributionFacts? facts = AttributionFacts.Read(body);
        if (facts is not null && InTransaction && facts.TransactionId == _transaction.TransactionId) _who.Take(facts);
    }

    /// <summary>Every DDL message takes an ordinal, genuine or not, so that positions never depend on a secret.</summary>
    private void Ddl(ReadOnlySpan<byte> payload)
    {
        bool isNew = IsNew(out Position position);
        if (!_check.IsGenuine(payload, out ReadOnlySpan<byte> body)) return;
        DdlFacts? ddl = DdlFacts.Read(body);
        if (ddl is null || ddl.TransactionId != _transaction.TransactionId) return;
        if (ddl.Columns.Count > 0) _relations.Learn(ddl.Root, ddl.Oid, ddl.Kind == "p", [.. ddl.Columns.Select(c => (c.Number, c.Name))]);
        string retyped = _relations.Types.Changed(ddl);
        if (isNew) AddDdl(ddl, position, retyped);
    }

    private void AddDdl(DdlFacts ddl, Position position, string retyped) => Add(new CapturedChange.Ddl
    {
        Position = position,
        TransactionId = _transaction.TransactionId,
        CommittedAt = _transaction.CommittedAt,
        Operator = _who.Of(ddl.Session),
        Reason = ddl.Session.Reason,
        Tag = ddl.Tag,
        Statement = ddl.Statement,
        Facts = FactsOf(ddl, retyped),
    });

    private static SortedDictionary<string, string> FactsOf(DdlFacts ddl, string retyped)
    {
        SortedDictionary<string, string> facts = FactsOf(ddl);
        if (retyped.Length > 0) facts["retyped"] = retyped;
        return facts;
    }

    private static SortedDictionary<string, string> FactsOf(DdlFacts ddl) => new(StringComparer.Ordinal)
    {
        ["event"] = ddl.Event,
        ["relation"] = NameOf(ddl),
        ["oid"] = ddl.Oid.ToString(CultureInfo.InvariantCulture),
        ["root"] = ddl.Root.ToString(CultureInfo.InvariantCulture),
        ["identity"] = ddl.Identity ?? "",
        ["columns"] = string.Join(", ", ddl.Columns.Select(c => $"{c.Number} {PgIdentifier.Quote(c.Name)} {c.Type}")),
    };

    /// <summary>Quoted name of what the statement was about; a publication has no schema, and may be named by its oid alone.</summary>
    private static string NameOf(DdlFacts ddl) =>
        string.Join('.', new[] { ddl.Schema, ddl.Name }.Where(part => part.Length > 0).Select(PgIdentifier.Quote));
}
