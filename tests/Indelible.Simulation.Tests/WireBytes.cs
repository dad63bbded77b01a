using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Indelible.Format;

namespace Indelible.Simulation.Tests;

/// <summary>Writes pgoutput messages. https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html.</summary>
internal sealed class WireBytes
{
    /// <summary>Stands in a row for a TOAST value that did not change.</summary>
    public const string Unchanged = "\u0001unchanged";

    private const long EpochMicros = 946_684_800_000_000;
    private readonly ArrayBufferWriter<byte> _bytes = new();

    public static byte[] Begin(Lsn commit, MicroTime at, uint xid) =>
        new WireBytes().Byte('B').U64(commit.Bytes).U64((ulong)(at.Micros - EpochMicros)).U32(xid).ToArray();

    public static byte[] Commit(Lsn commit, Lsn end, MicroTime at) =>
        new WireBytes().Byte('C').Byte('\0').U64(commit.Bytes).U64(end.Bytes).U64((ulong)(at.Micros - EpochMicros)).ToArray();

    public static byte[] Origin(string name) => new WireBytes().Byte('O').U64(1).Zero(name).ToArray();

    public static byte[] Message(bool transactional, Lsn at, string prefix, ReadOnlySpan<byte> content) =>
        new WireBytes().Byte('M').Byte(transactional ? '\u0001' : '\0').U64(at.Bytes).Zero(prefix).U32((uint)content.Length).Raw(content)
            .ToArray();

    public static byte[] Relation(SimTable table, uint oid)
    {
        WireBytes bytes = new WireBytes().Byte('R').U32(oid).Zero("public").Zero(table.NameOf(oid)).Byte(table.IsFull ? 'f' : 'd')
            .U16(table.Columns.Count);
        for (int i = 0; i < table.Columns.Count; i++)
        {
            bytes.Byte(table.IsFull || table.Key.Contains(i) ? '\u0001' : '\0').Zero(table.Columns[i].Name).U32(SimTable.TypeOid)
                .U32(uint.MaxValue);
        }
        return bytes.ToArray();
    }

    public static byte[] Insert(uint oid, string?[] row) => new WireBytes().Byte('I').U32(oid).Byte('N').Row(row).ToArray();

    public static byte[] Update(uint oid, char oldKind, string?[]? old, string?[] row)
    {
        WireBytes bytes = new WireBytes().Byte('U').U32(oid);
        if (old is not null) bytes.Byte(oldKind).Row(old);
        return bytes.Byte('N').Row(row).ToArray();
    }

    public static byte[] Delete(uint oid, char oldKind, string?[] old) =>
        new WireBytes().Byte('D').U32(oid).Byte(oldKind).Row(old).ToArray();

    public static byte[] Truncate(params uint[] oids)
    {
        WireBytes bytes = new WireBytes().Byte('T').U32((uint)oids.Length).Byte('\0');
        foreach (uint oid in oids) bytes.U32(oid);
        return bytes.ToArray();
    }

    private byte[] ToArray() => _bytes.WrittenSpan.ToArray();

    private WireBytes Row(string?[] row)
    {
        U16(row.Length);
        foreach (string? value in row)
        {
            if (value is null) Byte('n');
            else if (value == Unchanged) Byte('u');
            else Byte('t').U32((uint)Encoding.UTF8.GetByteCount(value)).Raw(Encoding.UTF8.GetBytes(value));
        }
        return this;
    }

    private WireBytes Byte(char value) => Raw([(byte)value]);

    private WireBytes U16(int value)
    {
        Span<byte> bytes = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, checked((ushort)value));
        return Raw(bytes);
    }

    private WireBytes U32(uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return Raw(bytes);
    }

    private WireBytes U64(ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        return Raw(bytes);
    }

    private WireBytes Zero(string text) => Raw(Encoding.UTF8.GetBytes(text)).Raw([0]);

    private WireBytes Raw(ReadOnlySpan<byte> bytes)
    {
        _bytes.Write(bytes);
        return this;
    }
}
