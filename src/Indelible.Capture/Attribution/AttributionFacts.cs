using System.Globalization;
using System.Text;
using Indelible.Format;

namespace Indelible.Capture.Attribution;

/// <summary>What a genuine attribution message states. docs/format.md#attribution.</summary>
/// <param name="At">End of the log when it was made: later messages of a transaction state later positions; none in a DDL message.</param>
/// <param name="TransactionId">The transaction it was made in.</param>
/// <param name="User">session_user.</param>
/// <param name="Role">Role in force; null if none was set.</param>
/// <param name="Application">application_name; null if empty.</param>
/// <param name="Address">Client address; null for a Unix socket.</param>
/// <param name="Pid">Process id of the session.</param>
/// <param name="OperatorId">Who the application says it is; null if it said nothing.</param>
/// <param name="Reason">Its reason; null if none.</param>
internal sealed record AttributionFacts(
    Lsn At, uint TransactionId, string User, string? Role, string? Application, string? Address, int Pid,
    string? OperatorId, string? Reason)
{
    private const int ItemCount = 7;

    /// <summary>Reads the body of a message. Null if it is not exactly of the format.</summary>
    public static AttributionFacts? Read(ReadOnlySpan<byte> body)
    {
        int facts = body.IndexOf((byte)'\'');
        if (facts < 0 || !Lsn.TryParse(Encoding.UTF8.GetString(body[..facts]), out Lsn at)) return null;
        string?[] items = new string?[ItemCount];
        return TryItems(body[facts..], items) ? Of(at, items) : null;
    }

    /// <summary>Id and reason of the operator setting; the proof after them has no reader yet and raises no grade.</summary>
    public static (string? Id, string? Reason) OperatorOf(string? text)
    {
        string[] parts = (text ?? "").Split(AttributionMessage.OperatorSeparator);
        return (OrNull(parts[0]), parts.Length > 1 ? OrNull(parts[1]) : null);
    }

    /// <summary>The role set, if any and another than the session's.</summary>
    public static string? RoleOf(string role, string user) => role == "none" || role == user ? null : role;

    /// <summary>Null for an empty text.</summary>
    public static string? OrNull(string? text) => string.IsNullOrEmpty(text) ? null : text;

    private static AttributionFacts? Of(Lsn at, string?[] items)
    {
        if (items is not [{ } transaction, { } user, { } role, var application, var address, { } process, var claim]) return null;
        if (!ulong.TryParse(transaction, NumberStyles.None, CultureInfo.InvariantCulture, out ulong fullId)) return null;
        if (!int.TryParse(process, NumberStyles.None, CultureInfo.InvariantCulture, out int pid)) return null;
        (string? id, string? reason) = OperatorOf(claim);
        return new AttributionFacts(
            at, (uint)(fullId & uint.MaxValue), user, RoleOf(role, user), OrNull(application), OrNull(address), pid, id, reason);
    }

    /// <summary>Exactly so many literals, separated by commas, and nothing after them.</summary>
    private static bool TryItems(ReadOnlySpan<byte> rest, Span<string?> items)
    {
        for (int i = 0; i < items.Length; i++)
        {
            if (i > 0)
            {
                if (!rest.StartsWith(","u8)) return false;
                rest = rest[1..];
            }
            if (!TryLiteral(ref rest, out items[i])) return false;
        }
        return rest.IsEmpty;
    }

    /// <summary>A literal of SQL as PostgreSQL's <c>format('%L')</c> writes it: <c>NULL</c>, or a text in quotes, its quotes doubled;
    /// if it has backslashes they are doubled too and an <c>E</c> stands before it.</summary>
    private static bool TryLiteral(ref ReadOnlySpan<byte> rest, out string? text)
    {
        text = null;
        if (rest.StartsWith("NULL"u8))
        {
            rest = rest[4..];
            return true;
        }
        bool backslashes = rest.StartsWith("E"u8);
        if (backslashes) rest = rest[1..];
        if (!rest.StartsWith("'"u8)) return false;
        rest = rest[1..];
        int end = 0;
        while (true)
        {
            int quote = rest[end..].IndexOf((byte)'\'');
            if (quote < 0) return false;
            end += quote;
            if (!rest[(end + 1)..].StartsWith("'"u8)) break;
            end += 2;
        }
        text = Encoding.UTF8.GetString(rest[..end]).Replace("''", "'", StringComparison.Ordinal);
        if (backslashes) text = text.Replace(@"\\", @"\", StringComparison.Ordinal);
        rest = rest[(end + 1)..];
        return true;
    }
}
