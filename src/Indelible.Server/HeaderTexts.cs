using System.Text;
using Indelible.Format.Entries;

namespace Indelible.Server;

/// <summary>Keeps texts that come from outside within a header's limits: a long application name must not stop sealing.</summary>
internal static class HeaderTexts
{
    private const int IdMax = 2_048;
    private const int OperatorTextMax = 512;
    private const int FactMax = 2_048;
    private const int FactNameMax = 128;
    private const int FactsMax = 12_288;
    private const string Ellipsis = "…";

    /// <summary>The operator, with overlong texts cut and marked by an ellipsis.</summary>
    public static Operator Clip(Operator who)
    {
        if (!IsLong(who.Id) && !IsLong(who.SessionUser) && !IsLong(who.Role) && !IsLong(who.Application) && !IsLong(who.Address)
            && !IsLong(who.LoginRole) && !IsLong(who.ReplicationOrigin)) return who;
        return who with
        {
            Id = Clip(who.Id, IdMax),
            SessionUser = Clip(who.SessionUser, OperatorTextMax),
            Role = Clip(who.Role, OperatorTextMax),
            Application = Clip(who.Application, OperatorTextMax),
            Address = Clip(who.Address, OperatorTextMax),
            LoginRole = Clip(who.LoginRole, OperatorTextMax),
            ReplicationOrigin = Clip(who.ReplicationOrigin, OperatorTextMax),
        };
    }

    /// <summary>The facts in order, overlong ones cut; those that do not fit at all are counted in <c>facts-left-out</c>.</summary>
    public static IReadOnlyDictionary<string, string> Facts(IReadOnlyDictionary<string, string> facts)
    {
        SortedDictionary<string, string> kept = new(StringComparer.Ordinal);
        int length = 0, leftOut = 0;
        foreach ((string name, string value) in facts.OrderBy(fact => fact.Key, StringComparer.Ordinal))
        {
            string clippedName = Clip(name, FactNameMax)!, clipped = Clip(value, FactMax)!;
            int added = Encoding.UTF8.GetByteCount(clippedName) + Encoding.UTF8.GetByteCount(clipped) + 6;
            if (length + added > FactsMax || kept.Count >= EntryLimits.FactsMax - 1 || !kept.TryAdd(clippedName, clipped)) leftOut++;
            else length += added;
        }
        if (leftOut > 0) kept["facts-left-out"] = leftOut.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return kept;
    }

    /// <summary>Cuts to at most <paramref name="lengthMax"/> bytes of UTF-8, the ellipsis included; never inside a character.</summary>
    public static string? Clip(string? text, int lengthMax)
    {
        if (text is null || text.Length <= lengthMax / 3 || Encoding.UTF8.GetByteCount(text) <= lengthMax) return text;
        int length = 0, taken = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (length + rune.Utf8SequenceLength > lengthMax - Encoding.UTF8.GetByteCount(Ellipsis)) break;
            length += rune.Utf8SequenceLength;
            taken += rune.Utf16SequenceLength;
        }
        return string.Concat(text.AsSpan(0, taken), Ellipsis);
    }

    private static bool IsLong(string? text) => text is { Length: > OperatorTextMax / 3 };
}
