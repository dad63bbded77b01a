using Indelible.Format.Entries;

namespace Indelible.Server;

/// <summary>What a guard code means to whoever is on duty: whether it is a finding, that is, something alerts tell of unless configured
/// otherwise. The one table of it; docs/alerts.md shows the same.</summary>
/// <param name="Code">One of <see cref="GuardCode"/>.</param>
/// <param name="When">When it is a finding, in words.</param>
/// <param name="Says">What it says, for people.</param>
/// <param name="Holds">When it is a finding, from the entry's source and facts.</param>
public sealed record GuardMeaning(string Code, string When, string Says, Func<EntryHeader, bool> Holds)
{
    private const string Always = "always", Never = "never";

    /// <summary>All codes.</summary>
    public static IReadOnlyList<GuardMeaning> All { get; } =
    [
        Finding(GuardCode.Gap, "a stretch of the source's log was not seen, or did not show all"),
        Finding(GuardCode.Continuity, "a change does not follow from what the ledger holds of its row"),
        Finding(GuardCode.ValueTooLarge, "the database could not deliver a change"),
        Finding(GuardCode.LoginMismatch, "a session acted under another name than it logged in with"),
        Finding(GuardCode.VerificationFailed, "published bytes of the ledger are not what was sealed"),
        Finding(GuardCode.ProtectionStopped, "protection ended"),
        Finding(GuardCode.HeadAccepted, "the memory of the ledger's head was lost, and somebody vouched for it"),
        new(GuardCode.IdentityChanged, "unless it is as expected again, or a table or column has another name, or a column another type",
            "the database is not as protection left it",
            header => Fact(header, "expected") != Fact(header, "found") && Fact(header, "weight") != "note"),
        new(GuardCode.Crosscheck, "unless nothing differs and everything is covered", "live database and ledger were compared",
            header => Fact(header, "differences") != "0" || Fact(header, "not-covered") is not null || Fact(header, "locked") is not null),
        new(GuardCode.Ddl, "if it drops a protected table, our trigger, or part of our publication",
            "a statement changed a protected table", IsDrop),
        Ordinary(GuardCode.ProtectionStarted, "protection began"),
        Ordinary(GuardCode.ProtectionChanged, "other columns are protected now"),
        Ordinary(GuardCode.Rights, "owners, row security and privileged roles as they stand"),
        Ordinary(GuardCode.Catalog, "which transactions wrote the catalog, to compare later looks with"),
        Ordinary(GuardCode.BaselineComplete, "the values of a table are sealed as they stand"),
    ];

    private static readonly Dictionary<string, GuardMeaning> ByCode = All.ToDictionary(meaning => meaning.Code, StringComparer.Ordinal);

    /// <summary>The meaning of a code; one that this program does not know is a finding.</summary>
    public static GuardMeaning Of(string code) => ByCode.GetValueOrDefault(code) ?? Finding(code, $"guard entry {code}");

    private static GuardMeaning Finding(string code, string says) => new(code, Always, says, static _ => true);

    private static GuardMeaning Ordinary(string code, string says) => new(code, Never, says, static _ => false);

    private static string? Fact(EntryHeader header, string name) => header.Facts?.GetValueOrDefault(name);

    private static bool IsDrop(EntryHeader header)
    {
        if (Fact(header, "event") != "sql_drop") return false;
        return Fact(header, "tag") switch
        {
            // a partition that goes is ordinary
            "DROP TABLE" when Fact(header, "root") is not "0" => Fact(header, "oid") == Fact(header, "root"),
            "DROP TRIGGER" => true,                                                                              // only ours are reported
            _ => Fact(header, "root") == "0"
                && Fact(header, "relation")?.EndsWith($"indelible_{header.Source}", StringComparison.Ordinal) == true,
        };
    }
}
