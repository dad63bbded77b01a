using System.Globalization;

namespace Indelible.Format;

/// <summary>A position in PostgreSQL's write-ahead log, in bytes since the cluster was created.</summary>
/// <remarks>Zero means none. Text form is two hex words: <c>16/B374D848</c>.
/// Source: https://www.postgresql.org/docs/current/datatype-pg-lsn.html.</remarks>
public readonly record struct Lsn(ulong Bytes) : IComparable<Lsn>
{
    /// <summary>No position.</summary>
    public static readonly Lsn None = new(0);

    /// <summary>Reads the text form; throws <see cref="FormatException"/> on anything else.</summary>
    public static Lsn Parse(string text) =>
        TryParse(text, out Lsn lsn) ? lsn : throw new FormatException($"expected a log position such as 16/B374D848, found '{text}'");

    /// <summary>Reads the text form; false on anything else.</summary>
    public static bool TryParse(string text, out Lsn lsn)
    {
        lsn = None;
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        if (slash <= 0
            || !uint.TryParse(text.AsSpan(0, slash), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint high)
            || !uint.TryParse(text.AsSpan(slash + 1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint low))
                return false;
        lsn = new Lsn(((ulong)high << 32) | low);
        return true;
    }

    /// <inheritdoc/>
    public int CompareTo(Lsn other) => Bytes.CompareTo(other.Bytes);

    /// <summary>Earlier in the log.</summary>
    public static bool operator <(Lsn left, Lsn right) => left.Bytes < right.Bytes;

    /// <summary>Later in the log.</summary>
    public static bool operator >(Lsn left, Lsn right) => left.Bytes > right.Bytes;

    /// <summary>Earlier in the log, or the same.</summary>
    public static bool operator <=(Lsn left, Lsn right) => left.Bytes <= right.Bytes;

    /// <summary>Later in the log, or the same.</summary>
    public static bool operator >=(Lsn left, Lsn right) => left.Bytes >= right.Bytes;

    /// <summary>Two hex words, as PostgreSQL prints them.</summary>
    public override string ToString() => $"{Bytes >> 32:X}/{(uint)(Bytes & 0xFFFFFFFF):X}";
}
