using System.Text;
using Indelible.Format.Entries;

namespace Indelible.Format.Sealing;

/// <summary>How many bytes a field takes, known before it is sealed: to split what does not fit one entry.</summary>
internal static class FieldLength
{
    private const int HashLength = 2 + Sha2.Size;       // head of a byte string, and 32 bytes
    private const int BlobLength = 2 + HashLength + 9 + 9;
    private const int CountGrowth = 2;                  // the count of fields may need more bytes

    public static int Max(string name, ColumnPolicy policy, in ClearValue before, in ClearValue after) =>
        2 + 3 + Encoding.UTF8.GetByteCount(name) + Side(policy, before) + Side(policy, after) + HashLength + CountGrowth;

    private static int Side(ColumnPolicy policy, in ClearValue value)
    {
        if (value.IsMissing) return 3;
        if (policy == ColumnPolicy.Digest) return 2 + HashLength;
        if (value.Bytes.Length > EntryLimits.ValueLengthMax) return BlobLength;
        int bytes = policy == ColumnPolicy.Plain ? value.Bytes.Length : (int)PaddedValue.Size(value) + Aead.TagLength;
        return 2 + 3 + bytes;
    }
}
