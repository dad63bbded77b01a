using Indelible.Format;
using Indelible.Format.Entries;

namespace Indelible.Server.Alerts;

/// <summary>Which entries are told of, and as what. Remembers rows per operator; one caller, entries in order.</summary>
internal sealed class AlertRules
{
    private readonly AlertsConfig _config;
    private readonly MassChange? _massChange;
    private readonly WorkingHours? _hours;

    public AlertRules(AlertsConfig config)
    {
        _config = config;
        if (config.MassChange is { } mass) _massChange = new MassChange(mass.Rows, TimeSpan.FromSeconds(mass.Seconds));
        if (config.OutsideHours is { } hours) _hours = new WorkingHours(hours);
    }

    /// <summary>True if every change has to be looked at; else only guard entries and changes of grade none.</summary>
    public bool NeedsAll => _massChange is not null || _hours is not null;

    /// <summary>How far back rows count that were changed before; zero if none do.</summary>
    public TimeSpan Memory => _massChange?.Memory ?? TimeSpan.Zero;

    /// <summary>What an entry is told of as; mostly nothing.</summary>
    public IEnumerable<Told> Of(EntryHeader header)
    {
        string? table = header.Relation is { } relation ? $"{relation.Schema}.{relation.Name}" : null;
        if (header is { Kind: EntryKind.Guard, Code: { } code } && IsWanted(code, header))
        {
            yield return new Told(
                code == GuardCode.VerificationFailed ? code : "guard", table, code, DetailOf(header), GuardMeaning.Of(code).Says);
        }
        if (header.Kind == EntryKind.Change && _config.Unattributed && header.Operator?.Grade == Grade.None)
        {
            yield return header.Operation == Operation.Found
                ? new Told(
                    "found", table, null, "", "the table holds something else than the ledger says; who changed it, and when, is not known")
                : new Told("unattributed", table, null, "",
                    "changed without attribution: triggers were disabled or passed by; nobody's name is known");
        }
        if (header is not { Kind: EntryKind.Change or EntryKind.Access, Operation: not Operation.Found }) yield break;
        string who = NameOf(header.Operator);
        if (Remember(header))
        {
            yield return new Told("mass-change", null, null, who,
                $"{who} changed {_config.MassChange!.Rows} rows or more within {_config.MassChange.Seconds} seconds");
        }
        if (_hours?.IsOutside(header.CommittedAt ?? header.SealedAt) == true)
        {
            yield return new Told("outside-hours", table, null, who,
                $"{(header.Kind == EntryKind.Access ? "values read" : "changed")} outside working hours by {who}");
        }
    }

    /// <summary>Counts a change's rows; true if they make it a mass change.</summary>
    public bool Remember(EntryHeader header)
    {
        if (_massChange is null || header is not { Kind: EntryKind.Change, CommittedAt: { } at, Position.Part: 0 }) return false;
        long rows = header.Operation == Operation.Truncate ? (long)(header.RowCount ?? 1) : 1;
        return _massChange.Add($"{header.Source}\n{NameOf(header.Operator)}", at, rows);
    }

    private bool IsWanted(string code, EntryHeader header) => code == GuardCode.VerificationFailed
        ? _config.Verification
        : _config.Guards is { } codes ? codes.Contains(code) : GuardMeaning.Of(code).Holds(header);

    /// <summary>What keeps guard entries of one code apart.</summary>
    private static string DetailOf(EntryHeader header) =>
        header.Facts?.GetValueOrDefault("what") ?? header.Facts?.GetValueOrDefault("reason") ?? "";

    private static string NameOf(Operator? who) => who?.Id ?? who?.SessionUser ?? who?.ReplicationOrigin ?? "somebody unknown";
}

/// <summary>What an entry is told of as. Entries of one source for which it is the same make one alert.</summary>
/// <param name="Kind">Kind of the alert.</param>
/// <param name="Table">The table; null if none.</param>
/// <param name="Code">The guard entry's code; null if it is none.</param>
/// <param name="Detail">What else keeps them apart.</param>
/// <param name="Says">Words for it.</param>
internal readonly record struct Told(string Kind, string? Table, string? Code, string Detail, string Says);
