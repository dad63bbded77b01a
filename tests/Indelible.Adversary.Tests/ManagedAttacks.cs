using Xunit;

namespace Indelible.Adversary.Tests;

/// <summary>Where the installer may make no event trigger, nothing reports DDL:
/// the comparison of the catalog alone has to notice.</summary>
[Collection(SharedServerTests.Name)]
public sealed class ManagedAttacks(SharedServer shared)
{
    [Fact]
    public async Task Publication_changed_where_nothing_reports_it()
    {
        await using Scene scene = await Scene.OpenManagedAsync(shared.Server);
        await scene.AttackAsync(SharedServer.Superuser,
            $"ALTER PUBLICATION {scene.Slot} DROP TABLE people", "UPDATE people SET ssn = 'forged' WHERE id = 7",
            $"ALTER PUBLICATION {scene.Slot} ADD TABLE people");
        Assert.Equal(["found people 7: ssn"], await scene.FoundAsync("publication-changed"));
        Assert.Equal(["found people 7: ssn"], await scene.StoryAsync());
        Assert.Empty(await scene.CrosscheckAsync());
        await scene.UntilAsync(
            () => scene.Alerts.Contains("\"reason\":\"publication-changed\"", StringComparison.Ordinal)
                && scene.Alerts.Contains("\"alert\":\"found\"", StringComparison.Ordinal), "the alerts");
        await scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Values_rewritten_by_a_change_of_type_where_nothing_reports_it()
    {
        await using Scene scene = await Scene.OpenManagedAsync(shared.Server);
        await scene.AttackAsync(
            SharedServer.Owner, "ALTER TABLE people ALTER ssn TYPE varchar(40) USING CASE id WHEN 7 THEN 'forged' ELSE ssn END");
        await scene.ToldAsync("identity-changed public.people column …");
        Assert.Equal(["found people 7: ssn"], await scene.FoundAsync("rewrite-unrecorded"));
        Assert.Empty(await scene.CrosscheckAsync());
        await scene.UntilAsync(() => scene.Alerts.Contains("\"reason\":\"rewrite-unrecorded\"", StringComparison.Ordinal), "the alert");
        await scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Identity_and_trigger_changed_where_nothing_reports_it()
    {
        await using Scene scene = await Scene.OpenManagedAsync(shared.Server);
        await scene.AttackAsync(SharedServer.Owner, "ALTER TABLE people REPLICA IDENTITY DEFAULT",
            "ALTER TABLE people DISABLE TRIGGER zz_indelible", "UPDATE people SET ssn = 'forged' WHERE id = 7");
        await scene.ToldAsync("update people 7 ssn,phone by none");
        await scene.ToldAsync("identity-changed public.people trigger: not on public.people");
        await scene.ToldAsync("gap identity-changed");
        await scene.AttackAsync(
            SharedServer.Owner, "ALTER TABLE people ENABLE ALWAYS TRIGGER zz_indelible", "ALTER TABLE people REPLICA IDENTITY FULL");
        Assert.Empty(await scene.FoundAsync("identity-changed"));
        Assert.Empty(await scene.CrosscheckAsync());
        await scene.RequireAlertsAsync();
    }
}
