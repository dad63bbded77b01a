using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Indelible.Capture;

namespace Indelible.Server;

/// <summary>What coverage entries say was protected: SHA-256 of the protected columns. docs/format.md#protection.</summary>
public static class ProtectionDigest
{
    private const byte Unsigned = 0, Negative = 1, Text = 3, Array = 4;

    /// <summary>32 bytes: SHA-256 of deterministic CBOR <c>[* [relation id, schema, name, [* [column number, column name,
    /// policy]]]]</c>.</summary>
    public static byte[] Of(Protection protection)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Head(hash, Array, (uint)protection.Tables.Count);
        foreach (ProtectedTable table in protection.Tables.OrderBy(table => table.Id)) Add(hash, table);
        return hash.GetHashAndReset();
    }

    private static void Add(IncrementalHash hash, ProtectedTable table)
    {
        Head(hash, Array, 4);
        Head(hash, Unsigned, table.Id);
        Add(hash, table.Schema);
        Add(hash, table.Name);
        Head(hash, Array, (uint)table.Columns.Count);
        foreach (ProtectedColumn column in table.Columns.OrderBy(column => column.Number))
        {
            Head(hash, Array, 3);
            Head(hash, column.Number < 0 ? Negative : Unsigned, (uint)(column.Number < 0 ? -1 - column.Number : column.Number));
            Add(hash, column.Name);
            Head(hash, Unsigned, (uint)column.Policy);
        }
    }

    private static void Add(IncrementalHash hash, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        Head(hash, Text, (uint)bytes.Length);
        hash.AppendData(bytes);
    }

    /// <summary>Major type and argument in the shortest form. RFC 8949 §4.2.1.</summary>
    private static void Head(IncrementalHash hash, byte major, uint argument)
    {
        Span<byte> head = stackalloc byte[1 + sizeof(uint)];
        int length = argument switch { < 24 => 0, <= byte.MaxValue => 1, <= ushort.MaxValue => 2, _ => 4 };
        int info = length switch { 0 => (int)argument, 1 => 24, 2 => 25, _ => 26 };
        head[0] = (byte)((major << 5) | info);
        BinaryPrimitives.WriteUInt32BigEndian(head[1..], length == 0 ? 0 : argument << (8 * (4 - length)));
        hash.AppendData(head[..(1 + length)]);
    }
}
