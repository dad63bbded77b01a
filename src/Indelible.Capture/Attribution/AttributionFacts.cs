using System.Globalization;
using System.Text;

namespace Indelible.Capture.Attribution;

/// <summary>What a genuine attribution message states.</summary>
/// <param name="TransactionId">The transaction it was made in.</param>
/// <param name="User">session_user.</param>
/// <param name="Role">Role in force; null if none was set.</param>
/// <param name="Application">application_name; null if empty.</param>
/// <param name="Address">Client address; null for a Unix socket.</param>
/// <param name="Pid">Process id of the session.</param>
/// <param name="OperatorId">Who the application says it is; null if it said nothing.</param>
/// <param name="Reason">Its reason; null if none.</param>
internal sealed record AttributionFacts(
    uint TransactionId, string User, string? Role, string? Application, string? Address, int Pid, string? OperatorId, string? Reason)
{
    private static readonly string[] Required = ["xid", "user", "role", "app", "addr", "pid"];

    /// <summary>Reads the lines before the MAC. Null if they are not exactly those of the format.</summary>
    public static AttributionFacts? Read(ReadOnlySpan<byte> body)
    {
        string[] lines = Encoding.UTF8.GetString(body).Split('\n');
        // The body ends in LF, so the last piece is empty.
        if (lines.Length is < 7 or > 8 || lines[^1].Length != 0) return null;
        string[] values = new string[lines.Length - 1];
        for (int i = 0; i < values.Length; i++)
        {
            string name = i < Required.Length ? Required[i] : "op";
            if (!TryValue(lines[i], name, out values[i])) return null;
        }
        return Of(values);
    }

    private static AttributionFacts? Of(string[] values)
    {
        if (!uint.TryParse(values[0], NumberStyles.None, CultureInfo.InvariantCulture, out uint xid)) return null;
        if (!int.TryParse(values[5], NumberStyles.None, CultureInfo.InvariantCulture, out int pid)) return null;
        (string? id, string? reason) = values.Length == Required.Length ? (null, null) : OperatorOf(values[6]);
        return new AttributionFacts(xid, values[1], RoleOf(values[2], values[1]), OrNull(values[3]), OrNull(values[4]), pid, id, reason);
    }

    /// <summary>Id and reason of the operator setting; the proof after them has no reader yet and raises no grade.</summary>
    public static (string? Id, string? Reason) OperatorOf(string text)
    {
        string[] parts = text.Split(AttributionMessage.OperatorSeparator);
        return (OrNull(parts[0]), parts.Length > 1 ? OrNull(parts[1]) : null);
    }

    /// <summary>The role set, if any and another than the session's.</summary>
    public static string? RoleOf(string role, string user) => role == "none" || role == user ? null : role;

    /// <summary>Null for an empty text.</summary>
    public static string? OrNull(string? text) => string.IsNullOrEmpty(text) ? null : text;

    private static bool TryValue(string line, string name, out string value)
    {
        value = "";
        if (line.Length <= name.Length || line[name.Length] != '=' || !line.StartsWith(name, StringComparison.Ordinal)) return false;
        string escaped = line[(name.Length + 1)..];
        return TryUnescape(escaped, out value);
    }

    private static bool TryUnescape(string escaped, out string value)
    {
        value = escaped;
        if (!escaped.Contains('%', StringComparison.Ordinal)) return true;
        StringBuilder text = new(escaped.Length);
        for (int i = 0; i < escaped.Length; i++)
        {
            if (escaped[i] != '%')
            {
                text.Append(escaped[i]);
                continue;
            }
            if (escaped.AsSpan(i).StartsWith("%25")) text.Append('%');
            else if (escaped.AsSpan(i).StartsWith("%0A")) text.Append('\n');
            else return false;
            i += 2;
        }
        value = text.ToString();
        return true;
    }
}
