using System.Text;

namespace Indelible.Format.Entries;

/// <summary>Orders texts as deterministic CBOR orders them as map keys: by length in UTF-8, then bytewise. RFC 8949 §4.2.1.</summary>
internal sealed class Utf8Order : IComparer<string>
{
    public static readonly Utf8Order Instance = new();

    public int Compare(string? x, string? y)
    {
        byte[] left = Encoding.UTF8.GetBytes(x ?? "");
        byte[] right = Encoding.UTF8.GetBytes(y ?? "");
        return left.Length == right.Length ? left.AsSpan().SequenceCompareTo(right) : left.Length.CompareTo(right.Length);
    }
}
