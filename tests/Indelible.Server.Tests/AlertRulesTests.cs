using System.Reflection;
using System.Runtime.CompilerServices;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Server.Alerts;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>What is told of, without a server.</summary>
public sealed class AlertRulesTests
{
    private static readonly MicroTime Noon = At("2026-11-24T12:00:00Z");    // a Tuesday

    [Theory]
    [InlineData("2026-11-24T07:30:00Z", false)]   // 08:30 in Berlin
    [InlineData("2026-11-24T06:59:59Z", true)]
    [InlineData("2026-11-24T17:00:00Z", true)]    // 18:00 is over
    [InlineData("2026-11-22T12:00:00Z", true)]    // a Sunday
    [InlineData("2026-07-01T06:30:00Z", false)]   // summer: 08:30 there
    public void Working_hours_are_those_on_the_wall(string at, bool isOutside) =>
        Assert.Equal(isOutside, new WorkingHours(new WorkingHoursConfig { TimeZone = "Europe/Berlin" }).IsOutside(At(at)));

    [Theory]
    [InlineData("2026-11-24T23:00:00Z", false)]
    [InlineData("2026-11-25T05:00:00Z", false)]   // Tuesday's night shift, on Wednesday
    [InlineData("2026-11-25T23:00:00Z", true)]
    [InlineData("2026-11-24T05:00:00Z", true)]
    public void A_night_shift_belongs_to_the_day_on_which_it_began(string at, bool isOutside) =>
        Assert.Equal(isOutside,
            new WorkingHours(new WorkingHoursConfig { Days = [DayOfWeek.Tuesday], From = "22:00", To = "06:00" }).IsOutside(At(at)));

    [Fact]
    public void A_mass_change_is_told_once_and_again_only_after_there_were_fewer()
    {
        MassChange mass = new(10, TimeSpan.FromSeconds(10));
        Assert.Equal(Enumerable.Repeat(false, 9).Append(true), Enumerable.Range(0, 10).Select(i => mass.Add("anna", Later(i), 1)));
        Assert.DoesNotContain(true, Enumerable.Range(10, 50).Select(i => mass.Add("anna", Later(i), 1)));
        Assert.False(mass.Add("boris", Later(60), 9));
        Assert.True(mass.Add("boris", Later(69), 1));
        Assert.False(mass.Add("anna", Later(100), 9));
        Assert.True(mass.Add("anna", Later(101), 1));
        Assert.True(mass.Add("truncator", Later(101), 500));
    }

    [Fact]
    public void What_was_changed_just_before_a_restart_counts()
    {
        AlertsConfig config = new() { MassChange = new MassChangeConfig { Rows = 3, Seconds = 60 } };
        AlertRules rules = new(config);
        rules.Remember(Change(Later(0)));
        rules.Remember(Change(Later(1)));
        Assert.Equal("mass-change", Assert.Single(rules.Of(Change(Later(2)))).Kind);
        Assert.Empty(new AlertRules(config).Of(Change(Later(2))));
    }

    [Fact]
    public void Only_findings_are_told_of_unless_codes_are_named()
    {
        EntryHeader mended = Guard(GuardCode.IdentityChanged, ("what", "identity"), ("expected", "f"), ("found", "f"));
        EntryHeader broken = Guard(GuardCode.IdentityChanged, ("what", "identity"), ("expected", "f"), ("found", "d"));
        Assert.Empty(new AlertRules(new AlertsConfig()).Of(mended));
        Assert.Single(new AlertRules(new AlertsConfig()).Of(broken));
        Assert.Empty(new AlertRules(new AlertsConfig { Guards = [GuardCode.Gap] }).Of(broken));
        Assert.Single(new AlertRules(new AlertsConfig()).Of(Guard("a-code-of-a-later-version")));
        Assert.Empty(new AlertRules(new AlertsConfig()).Of(Guard(GuardCode.Crosscheck, ("differences", "0"))));
        Assert.Single(new AlertRules(new AlertsConfig()).Of(Guard(GuardCode.Crosscheck, ("differences", "3"))));
        Assert.Single(new AlertRules(new AlertsConfig())
            .Of(Guard(GuardCode.Ddl, ("event", "sql_drop"), ("tag", "DROP TABLE"), ("oid", "7"), ("root", "7"))));
        Assert.Empty(new AlertRules(new AlertsConfig())
            .Of(Guard(GuardCode.Ddl, ("event", "sql_drop"), ("tag", "DROP TABLE"), ("oid", "8"), ("root", "7"))));
        Assert.Empty(new AlertRules(new AlertsConfig())
            .Of(Guard(GuardCode.Ddl, ("event", "sql_drop"), ("tag", "ALTER TABLE"), ("oid", "7"), ("root", "7"))));
        Assert.Single(new AlertRules(new AlertsConfig())
            .Of(Guard(GuardCode.Ddl, ("event", "sql_drop"), ("tag", "ALTER PUBLICATION"), ("oid", "0"), ("root", "0"),
                ("relation", "public.people in publication indelible_crm"))));
        Assert.Empty(new AlertRules(new AlertsConfig())
            .Of(Guard(GuardCode.Ddl, ("event", "sql_drop"), ("tag", "ALTER PUBLICATION"), ("oid", "0"), ("root", "0"),
                ("relation", "public.people in publication theirs"))));
    }

    [Fact]
    public void Every_guard_code_says_whether_it_is_a_finding_in_the_code_and_in_the_document()
    {
        string[] codes = [.. typeof(GuardCode).GetFields().Select(field => (string)field.GetRawConstantValue()!)];
        Assert.Equal(codes.Order(), GuardMeaning.All.Select(meaning => meaning.Code).Order());
        string document = Document();
        Assert.All(GuardMeaning.All,
            meaning => Assert.Contains($"| `{meaning.Code}` | {meaning.When} | {meaning.Says} |", document, StringComparison.Ordinal));
    }

    private static string Document([CallerFilePath] string self = "") =>
        File.ReadAllText(Path.Combine(Path.GetDirectoryName(self)!, "..", "..", "docs", "alerts.md"));

    private static MicroTime At(string time) =>
        MicroTime.From(DateTimeOffset.Parse(time, System.Globalization.CultureInfo.InvariantCulture));

    private static MicroTime Later(int seconds) => new(Noon.Micros + (seconds * 1_000_000L));

    private static EntryHeader Guard(string code, params (string Name, string Value)[] facts) => new()
    {
        Origin = "example.org/t", Kind = EntryKind.Guard, Nonce = new byte[16], SealedAt = Noon, Source = "crm", Code = code,
        Facts = facts.ToDictionary(fact => fact.Name, fact => fact.Value),
    };

    private static EntryHeader Change(MicroTime at) => new()
    {
        Origin = "example.org/t", Kind = EntryKind.Change, Nonce = new byte[16], SealedAt = at, CommittedAt = at, Source = "crm",
        Position = new Position(new Lsn(1), 0),
        Operation = Operation.Update, Operator = new Operator { Grade = Grade.Session, SessionUser = "anna" },
    };
}
