using System.Globalization;
using Indelible.Format;

namespace Indelible.Capture;

/// <summary>Which transactions a query could see: PostgreSQL's <c>pg_snapshot</c>, with 64-bit transaction ids. Immutable.</summary>
/// <remarks>Source: https://www.postgresql.org/docs/current/functions-info.html, table of pg_snapshot components.</remarks>
public sealed class PgSnapshot
{
    /// <summary>Bytes of log in which fewer than 2³¹ transaction ids are handed out: each leaves a record of 34 bytes or more.</summary>
    private const ulong ExactDistance = 64UL << 30;

    private readonly ulong[] _running;

    private PgSnapshot(ulong xmin, ulong xmax, ulong[] running) => (Xmin, Xmax, _running) = (xmin, xmax, running);

    /// <summary>Lowest transaction id that was still running; all below are visible or rolled back.</summary>
    public ulong Xmin { get; }
    /// <summary>One past the highest transaction id that had completed; none from here on is visible.</summary>
    public ulong Xmax { get; }

    /// <summary>Reads <c>xmin:xmax:running,running…</c>; throws <see cref="FormatException"/> on anything else.</summary>
    public static PgSnapshot Parse(string text)
    {
        string[] parts = text.Split(':');
        if (parts.Length != 3) throw new FormatException($"expected a snapshot such as 10:20:10,14, found '{text}'");
        ulong[] running = [.. parts[2].Split(',', StringSplitOptions.RemoveEmptyEntries).Select(Number)];
        return new PgSnapshot(Number(parts[0]), Number(parts[1]), running);
    }

    /// <summary>Whether a committed transaction is visible, by its full id.</summary>
    public bool Sees(ulong xid) => xid < Xmax && !_running.Contains(xid);

    /// <summary>Whether a committed transaction is visible, by the 32-bit id the stream gives.
    /// Right for ids handed out within 2³¹ transactions of the snapshot.</summary>
    public bool Sees(uint xid) => Sees(Widen(xid));

    /// <summary>Whether a committed transaction is visible, however long ago it was.</summary>
    /// <param name="xid">Its 32-bit id.</param>
    /// <param name="committedAt">Position of its commit.</param>
    /// <param name="readBefore">End of the log before the snapshot was taken (<see cref="LiveChunk.ReadBefore"/>).</param>
    /// <remarks>That its commit was logged before the snapshot does not make it visible:
    /// the server lists it as running until the commit is flushed, and does not list it at all if its id is the highest.
    /// So its full id must be known, and near the snapshot it is: see <see cref="ExactDistance"/>.
    /// Farther back, ids repeat, and only one still listed as running is unseen.</remarks>
    public bool Sees(uint xid, Lsn committedAt, Lsn readBefore) =>
        committedAt.Bytes + ExactDistance >= readBefore.Bytes
            ? Sees(xid)
            : !_running.Any(running => (uint)(running & uint.MaxValue) == xid);

    /// <summary>The full id nearest to the snapshot that ends in these 32 bits.</summary>
    public ulong Widen(uint xid)
    {
        int distance = unchecked((int)(xid - (uint)(Xmax & uint.MaxValue)));
        long full = checked((long)Xmax + distance);
        return full < 0 ? xid : (ulong)full;
    }

    private static ulong Number(string text) => ulong.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}
