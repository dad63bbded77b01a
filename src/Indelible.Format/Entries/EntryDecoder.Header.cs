using Indelible.Format.Cbor;
using Indelible.Format.Merkle;

namespace Indelible.Format.Entries;

/// <summary>The header map.</summary>
internal ref partial struct EntryDecoder
{
    private EntryHeader? ReadHeader()
    {
        int start = reader.Position;
        int count = Map((int)HeaderKey.State + 1);
        var draft = new HeaderDraft();
        int key = -1;
        for (int i = 0; i < count && !Failed; i++)
        {
            key = Key(key, (int)HeaderKey.State);
            if (!Failed) ReadMember((HeaderKey)key, draft);
        }
        if (Failed) return null;
        Refuse(draft.CheckAlways(), start);
        if (Failed) return null;
        EntryHeader header = draft.ToHeader();
        Refuse(EntryRules.CheckMembers(header), start);
        return Failed ? null : header;
    }

    private void ReadMember(HeaderKey key, HeaderDraft draft)
    {
        int start = reader.Position;
        switch (key)
        {
            case HeaderKey.Version: ReadVersion(draft); break;
            case HeaderKey.Origin: draft.Origin = Text(); break;
            case HeaderKey.Kind: draft.Kind = (EntryKind)Unsigned((byte)EntryKind.Event); break;
            case HeaderKey.Nonce:
                draft.Nonce = FixedBytes(16);
                if (!Failed) Refuse(EntryRules.CheckNonce(draft.Nonce.Span), start);
                break;
            case HeaderKey.SealedAt: draft.SealedAt = Time(); break;
            case HeaderKey.Source: draft.Source = Text(); break;
            case HeaderKey.Position: draft.Position = ReadPosition(); break;
            case HeaderKey.TransactionId: draft.TransactionId = (uint)Unsigned(uint.MaxValue); break;
            case HeaderKey.CommittedAt: draft.CommittedAt = Time(); break;
            case HeaderKey.Relation: draft.Relation = ReadRelation(); break;
            case HeaderKey.Operation: draft.Operation = (Operation)Unsigned((byte)Operation.Found); break;
            case HeaderKey.Key: draft.Key = ReadRowKey(); break;
            case HeaderKey.PreviousKey: draft.PreviousKey = ReadRowKey(); break;
            case HeaderKey.Subjects: ReadSubjects(draft); break;
            case HeaderKey.Operator: draft.Operator = ReadOperator(); break;
            case HeaderKey.RowCount: draft.RowCount = Unsigned(ulong.MaxValue); break;
            case HeaderKey.Coverage: draft.Coverage = ReadCoverage(); break;
            case HeaderKey.Snapshot: draft.Snapshot = ReadSnapshot(); break;
            case HeaderKey.Code: draft.Code = Text(); break;
            case HeaderKey.Facts: draft.Facts = ReadFacts(); break;
            default: draft.State = ReadState(); break;
        }
    }

    private void ReadVersion(HeaderDraft draft)
    {
        int start = reader.Position;
        draft.Version = Unsigned(ulong.MaxValue);
        if (!Failed && draft.Version != EntryRules.Version)
        {
            string message = $"entry version {draft.Version}: this program knows {EntryRules.Version}; upgrade";
            Fault = new EntryFault(message, start) { IsVersion = true };
        }
    }

    private MicroTime Time() => new(Integer(MicroTime.Min.Micros, MicroTime.Max.Micros));

    private Position ReadPosition()
    {
        ExpectArray(4);
        ulong commit = Unsigned(ulong.MaxValue);
        uint ordinal = (uint)Unsigned(uint.MaxValue);
        int start = reader.Position;
        uint part = (uint)Unsigned(uint.MaxValue);
        uint parts = (uint)Unsigned(uint.MaxValue);
        if (!Failed && part >= parts) Refuse($"expected a part below the part count, found {part} of {parts}", start);
        return new Position(new Lsn(commit), ordinal, part, parts);
    }

    private Relation ReadRelation()
    {
        ExpectArray(4);
        uint id = Positive("a relation id");
        string schema = Text();
        string name = Text();
        return new Relation(id, schema, name, Null() ? null : Text());
    }

    private RowKey ReadRowKey()
    {
        int start = reader.Position;
        if (!Failed && reader.NextIsBytes) return new RowKey { Token = FixedBytes(32) };
        int count = Array(EntryLimits.KeyColumnsMax);
        if (!Failed && count == 0) Refuse("expected a key column, found none", start);
        var columns = new KeyColumn[count];
        for (int i = 0; i < count && !Failed; i++)
        {
            ExpectArray(2);
            string name = Text();
            columns[i] = new KeyColumn(name, Text(EntryLimits.KeyValueLengthMax, mayBeEmpty: true));
        }
        return new RowKey { Columns = columns };
    }

    private void ReadSubjects(HeaderDraft draft)
    {
        int start = reader.Position;
        ExpectArray(2);
        draft.SubjectBefore = ReadSubject();
        draft.SubjectAfter = ReadSubject();
        if (draft.SubjectBefore is null && draft.SubjectAfter is null)
            Refuse("expected a subject, found none before and none after", start);
    }

    private KeyId? ReadSubject()
    {
        if (Null()) return null;
        ReadOnlyMemory<byte> id = FixedBytes(KeyId.Size);
        return Failed ? null : KeyId.Read(id.Span);
    }

    private Coverage ReadCoverage()
    {
        int start = reader.Position;
        ExpectArray(6);
        var from = new Lsn(Unsigned(ulong.MaxValue));
        var to = new Lsn(Unsigned(ulong.MaxValue));
        if (to < from) Refuse($"expected coverage that ends no earlier than it begins, found {from} to {to}", start);
        ulong systemId = Unsigned(ulong.MaxValue);
        uint timeline = Positive("a timeline");
        string slot = Text();
        return new Coverage(from, to, systemId, timeline, slot, FixedBytes(32));
    }

    private Snapshot ReadSnapshot()
    {
        ExpectArray(2);
        string text = Text();
        return new Snapshot(text, new Lsn(Unsigned(ulong.MaxValue)));
    }

    private StateRoot ReadState()
    {
        ExpectArray(2);
        ulong size = Unsigned(Tree.SizeMax);
        ReadOnlyMemory<byte> root = FixedBytes(Hash.Size);
        return Failed ? default : new StateRoot((long)size, Hash.Read(root.Span));
    }

    private Dictionary<string, string> ReadFacts()
    {
        int start = reader.Position;
        int count = Map(EntryLimits.FactsMax);
        if (!Failed && count == 0) Refuse("expected a fact, found an empty map", start);
        var facts = new Dictionary<string, string>(count);
        string previous = "";
        for (int i = 0; i < count && !Failed; i++)
        {
            start = reader.Position;
            string name = Text();
            // Names are not empty, so the first is larger than the start value.
            if (!Failed && Utf8Order.Instance.Compare(previous, name) >= 0)
                Refuse("expected map keys in order, each once (RFC 8949 §4.2.1)", start);
            previous = name;
            facts[name] = Text(mayBeEmpty: true);
        }
        return facts;
    }

    private Operator ReadOperator()
    {
        int start = reader.Position;
        int count = Map((int)OperatorKey.OperatorCount + 1);
        var person = new Operator { Grade = Grade.None };
        int key = -1;
        for (int i = 0; i < count && !Failed; i++)
        {
            int next = Key(key, (int)OperatorKey.OperatorCount);
            if (i == 0 && !Failed && next != 0) Refuse("expected a grade first, found none", start);
            key = next;
            person = ReadOperatorMember((OperatorKey)key, person);
        }
        if (!Failed && count == 0) Refuse("expected a grade, found an empty map", start);
        return person;
    }

    private Operator ReadOperatorMember(OperatorKey key, Operator person) => key switch
    {
        OperatorKey.Grade => person with { Grade = (Grade)Unsigned((byte)Grade.Proved) },
        OperatorKey.Id => person with { Id = Text(mayBeEmpty: true) },
        OperatorKey.SessionUser => person with { SessionUser = Text(mayBeEmpty: true) },
        OperatorKey.Role => person with { Role = Text(mayBeEmpty: true) },
        OperatorKey.Application => person with { Application = Text(mayBeEmpty: true) },
        OperatorKey.Address => person with { Address = Text(mayBeEmpty: true) },
        OperatorKey.BackendPid => person with { BackendPid = (int)Integer(int.MinValue, int.MaxValue) },
        OperatorKey.BackendStart => person with { BackendStart = Time() },
        OperatorKey.LoginRole => person with { LoginRole = Text(mayBeEmpty: true) },
        OperatorKey.ReplicationOrigin => person with { ReplicationOrigin = Text(mayBeEmpty: true) },
        _ => person with { OperatorCount = Positive("a count of operators") },
    };

    private uint Positive(string what)
    {
        int start = reader.Position;
        uint value = (uint)Unsigned(uint.MaxValue);
        if (value == 0) Refuse($"expected {what} from 1, found 0", start);
        return value;
    }
}
