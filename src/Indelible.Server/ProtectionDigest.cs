using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Indelible.Capture;

namespace Indelible.Server;

/// <summary>What coverage entries say was protected: SHA-256 of the protected columns. docs/format.md#protection.</summary>
public static class ProtectionDigest
{
    /// <summary>32 bytes: SHA-256 of the label, then for each table by id: id, schema, name, number of columns, and for each column by number: number, name, policy.</summary>
    /// <remarks>Numbers are 4 bytes, big-endian; texts are their length in 4 bytes, then UTF-8.</remarks>
    public static byte[] Of(Protection protection)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Text(hash, "indelible/protection/v1");
        foreach (ProtectedTable table in protection.Tables.OrderBy(table => table.Id))
        {
            Number(hash, table.Id);
            Text(hash, table.Schema);
            Text(hash, table.Name);
            Number(hash, (uint)table.Columns.Count);
            foreach (ProtectedColumn column in table.Columns.OrderBy(column => column.Number)) Column(hash, column);
        }
        return hash.GetHashAndReset();
    }

    private static void Column(IncrementalHash hash, ProtectedColumn column)
    {
        Number(hash, (uint)column.Number);
        Text(hash, column.Name);
        Number(hash, (uint)column.Policy);
    }

    private static void Number(IncrementalHash hash, uint number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, number);
        hash.AppendData(bytes);
    }

    private static void Text(IncrementalHash hash, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        Number(hash, (uint)bytes.Length);
        hash.AppendData(bytes);
    }
}
