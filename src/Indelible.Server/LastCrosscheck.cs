using Indelible.Format.Entries;

namespace Indelible.Server;

/// <summary>The newest crosscheck of a source that left nothing out, as sealed.</summary>
public static class LastCrosscheck
{
    /// <summary>Guard entries looked at: status is quick.</summary>
    private const int GuardsSeen = 1000;

    /// <summary>Null if there is none among the newest guard entries.</summary>
    public static EntryHeader? Of(LedgerView view, string source) => view.NewestFirst(source, EntryKind.Guard).Take(GuardsSeen)
        .FirstOrDefault(header => header.Code == GuardCode.Crosscheck && header.Facts?.GetValueOrDefault("scope") == CrosscheckScope.All);

    /// <summary>In words.</summary>
    public static string Words(EntryHeader result) => result.Facts?.GetValueOrDefault("not-covered") is { } open
        ? $"{result.SealedAt}: {Fact(result, "rows")} rows, {Fact(result, "differences")} differences; not covered: {open}"
        : $"{result.SealedAt}: {Fact(result, "rows")} rows, {Fact(result, "differences")} differences";

    private static string Fact(EntryHeader result, string name) => result.Facts?.GetValueOrDefault(name) ?? "?";
}
