using System.Globalization;

namespace Indelible.Format;

/// <summary>An instant: microseconds since 1970-01-01T00:00:00Z, leap seconds ignored. May be negative.</summary>
public readonly record struct MicroTime(long Micros) : IComparable<MicroTime>
{
    /// <summary>The first instant an entry can name: the beginning of the year 1.</summary>
    public static readonly MicroTime Min = From(DateTimeOffset.MinValue);

    /// <summary>The last instant an entry can name: the end of the year 9999.</summary>
    public static readonly MicroTime Max = From(DateTimeOffset.MaxValue);

    /// <summary>Rounds down to a whole microsecond.</summary>
    public static MicroTime From(DateTimeOffset time) => new((time.UtcTicks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond);

    /// <summary>Throws <see cref="OverflowException"/> or <see cref="ArgumentOutOfRangeException"/> outside <see cref="Min"/> to
    /// <see cref="Max"/>.</summary>
    public DateTimeOffset ToDateTimeOffset() => new(DateTime.UnixEpoch.Ticks + (Micros * TimeSpan.TicksPerMicrosecond), TimeSpan.Zero);

    /// <inheritdoc/>
    public int CompareTo(MicroTime other) => Micros.CompareTo(other.Micros);

    /// <summary>Earlier.</summary>
    public static bool operator <(MicroTime left, MicroTime right) => left.Micros < right.Micros;

    /// <summary>Later.</summary>
    public static bool operator >(MicroTime left, MicroTime right) => left.Micros > right.Micros;

    /// <summary>Earlier, or the same.</summary>
    public static bool operator <=(MicroTime left, MicroTime right) => left.Micros <= right.Micros;

    /// <summary>Later, or the same.</summary>
    public static bool operator >=(MicroTime left, MicroTime right) => left.Micros >= right.Micros;

    /// <summary>ISO 8601 in UTC with six decimals: <c>2026-11-23T19:04:47.000000Z</c>.</summary>
    public override string ToString() =>
        ToDateTimeOffset().ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
}
