using Indelible.Format;

namespace Indelible.Capture.PgOutput;

/// <summary>
/// Parses pgoutput messages of protocol 2, streaming off, values as text. Bounds-checked in Release; allocates only for relations.
/// https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html.
/// </summary>
/// <remarks>Each method takes a whole message, its kind byte included, and refuses shorter and longer ones with
/// <see cref="PgOutputException"/>.</remarks>
internal static class PgOutputParser
{
    public const byte Begin = (byte)'B', Commit = (byte)'C', Origin = (byte)'O', Relation = (byte)'R', Type = (byte)'Y', Insert = (byte)'I',
        Update = (byte)'U', Delete = (byte)'D', Truncate = (byte)'T', Message = (byte)'M';

    /// <summary>Longest description of a relation: its 1,664 columns at most have names of 63 bytes, or of some hundred where a server was
    /// built so.</summary>
    private const int RelationLengthMax = 1 << 20;
    /// <summary>Relations of a truncation, at most: each was locked.</summary>
    private const int TruncatedMax = 1 << 20;
    /// <summary>Microseconds from 1970 to 2000, PostgreSQL's epoch.</summary>
    private const long EpochMicros = 946_684_800_000_000;

    public static BeginMessage ReadBegin(ReadOnlySpan<byte> message)
    {
        WireReader reader = Open(message, Begin);
        BeginMessage begin = new(new Lsn(reader.UInt64("commit position")), ReadTime(ref reader), reader.UInt32("transaction id"));
        reader.End("Begin");
        return begin;
    }

    public static CommitMessage ReadCommit(ReadOnlySpan<byte> message)
    {
        WireReader reader = Open(message, Commit);
        byte flags = reader.Byte("flags");
        if (flags != 0) throw new PgOutputException($"commit flags 0x{flags:x2}", 1);
        CommitMessage commit = new(new Lsn(reader.UInt64("commit position")), new Lsn(reader.UInt64("end position")), ReadTime(ref reader));
        reader.End("Commit");
        return commit;
    }

    /// <summary>Name of the replication origin.</summary>
    public static string ReadOrigin(ReadOnlySpan<byte> message)
    {
        WireReader reader = Open(message, Origin);
        reader.UInt64("origin position");
        string name = reader.Text("origin name");
        reader.End("Origin");
        return name;
    }

    public static RelationMessage ReadRelation(ReadOnlySpan<byte> message)
    {
        if (message.Length > RelationLengthMax) throw new PgOutputException($"a relation described in {message.Length} bytes", 0);
        WireReader reader = Open(message, Relation);
        uint oid = reader.UInt32("relation id");
        string schema = reader.Text("schema");
        string name = reader.Text("relation name");
        char identity = (char)reader.Byte("replica identity");
        int count = reader.UInt16("column count");
        if (count > Tuple.ColumnMax) throw new PgOutputException($"a relation of {count} columns", reader.Offset);
        RelationColumn[] columns = new RelationColumn[count];
        for (int i = 0; i < count; i++) columns[i] = ReadColumn(ref reader);
        reader.End("Relation");
        return new RelationMessage(oid, schema.Length == 0 ? "pg_catalog" : schema, name, identity, columns);
    }

    /// <summary>Only checked: types are known by their oid.</summary>
    public static void CheckType(ReadOnlySpan<byte> message)
    {
        WireReader reader = Open(message, Type);
        reader.UInt32("type id");
        reader.ZeroEnded("schema");
        reader.ZeroEnded("type name");
        reader.End("Type");
    }

    /// <summary>Relation id; the row goes into <paramref name="after"/>.</summary>
    public static uint ReadInsert(ReadOnlySpan<byte> message, Tuple after)
    {
        WireReader reader = Open(message, Insert);
        uint oid = reader.UInt32("relation id");
        Expect(ref reader, (byte)'N', "Insert");
        after.Read(ref reader);
        reader.End("Insert");
        return oid;
    }

    /// <summary>Relation id; the rows go into <paramref name="before"/> (empty if not sent) and <paramref name="after"/>.</summary>
    public static uint ReadUpdate(ReadOnlySpan<byte> message, Tuple before, Tuple after, out OldTuple old)
    {
        WireReader reader = Open(message, Update);
        uint oid = reader.UInt32("relation id");
        byte kind = reader.Byte("tuple kind");
        old = Old(kind);
        before.Clear();
        if (old != OldTuple.None)
        {
            before.Read(ref reader);
            kind = reader.Byte("tuple kind");
        }
        if (kind != (byte)'N') throw new PgOutputException($"Update has tuple kind 0x{kind:x2}", reader.Offset - 1);
        after.Read(ref reader);
        reader.End("Update");
        return oid;
    }

    /// <summary>Relation id; the row goes into <paramref name="before"/>.</summary>
    public static uint ReadDelete(ReadOnlySpan<byte> message, Tuple before, out OldTuple old)
    {
        WireReader reader = Open(message, Delete);
        uint oid = reader.UInt32("relation id");
        byte kind = reader.Byte("tuple kind");
        old = Old(kind);
        if (old == OldTuple.None) throw new PgOutputException($"Delete has tuple kind 0x{kind:x2}", reader.Offset - 1);
        before.Read(ref reader);
        reader.End("Delete");
        return oid;
    }

    /// <summary>Relation ids in the order of the message.</summary>
    public static void ReadTruncate(ReadOnlySpan<byte> message, List<uint> oids)
    {
        WireReader reader = Open(message, Truncate);
        int count = reader.Int32("relation count");
        byte options = reader.Byte("options");
        if ((options & ~0x03) != 0) throw new PgOutputException($"truncate options 0x{options:x2}", 5);
        if (count is < 0 or > TruncatedMax) throw new PgOutputException($"truncation of {count} relations", 1);
        oids.Clear();
        for (int i = 0; i < count; i++) oids.Add(reader.UInt32("relation id"));
        reader.End("Truncate");
    }

    public static EmittedMessage ReadMessage(ReadOnlySpan<byte> message)
    {
        WireReader reader = Open(message, Message);
        byte flags = reader.Byte("flags");
        if (flags > 1) throw new PgOutputException($"message flags 0x{flags:x2}", 1);
        reader.UInt64("position");
        ReadOnlySpan<byte> prefix = reader.ZeroEnded("prefix");
        ReadOnlySpan<byte> content = reader.Take(reader.Int32("content length"), "content");
        reader.End("Message");
        return new EmittedMessage(flags == 1, prefix, content);
    }

    /// <summary>Whether the beginning of a Message (at least kind, flags, position) shows a prefix that cannot be ours,
    /// so that the rest need not be read.</summary>
    public static bool IsForeignMessage(ReadOnlySpan<byte> beginning, ReadOnlySpan<byte> prefix)
    {
        const int PrefixAt = 10;
        return beginning.Length >= PrefixAt + prefix.Length && beginning[0] == Message && !beginning[PrefixAt..].StartsWith(prefix);
    }

    private static RelationColumn ReadColumn(ref WireReader reader)
    {
        byte flags = reader.Byte("column flags");
        if (flags > 1) throw new PgOutputException($"column flags 0x{flags:x2}", reader.Offset - 1);
        string name = reader.Text("column name");
        uint type = reader.UInt32("column type");
        reader.Int32("type modifier");
        return new RelationColumn(name, type, flags == 1);
    }

    private static WireReader Open(ReadOnlySpan<byte> message, byte kind)
    {
        WireReader reader = new(message);
        Expect(ref reader, kind, "message");
        return reader;
    }

    private static void Expect(ref WireReader reader, byte kind, string what)
    {
        byte found = reader.Byte("kind");
        if (found != kind) throw new PgOutputException($"{what} of kind 0x{found:x2} where 0x{kind:x2} was expected", reader.Offset - 1);
    }

    private static MicroTime ReadTime(ref WireReader reader)
    {
        long micros = reader.Int64("time");
        if (micros > long.MaxValue - EpochMicros) throw new PgOutputException("a time beyond all calendars", reader.Offset - 8);
        return new MicroTime(micros + EpochMicros);
    }

    private static OldTuple Old(byte kind) => kind switch
    {
        (byte)'K' => OldTuple.Key,
        (byte)'O' => OldTuple.Full,
        _ => OldTuple.None,
    };
}
