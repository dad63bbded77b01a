using System.Text;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Testing;
using Npgsql;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>Log that is gone for good: the gap is sealed, what it hid is found, and the record goes on by itself.</summary>
public sealed class GapTests
{
    [Fact]
    public async Task A_slot_that_was_dropped_is_made_again_and_doctor_and_status_say_what_became_of_it()
    {
        await using PeopleLedger people = await PeopleLedger.StartAsync();
        await people.RunningAsync(async host =>
        {
            await people.ExecuteAsync("UPDATE people SET ssn = 'before' WHERE id = 1");
            await people.CaughtUpAsync(host);
        });
        await people.ExecuteAsync(
            "UPDATE people SET ssn = 'unseen' WHERE id = 2", "DELETE FROM people WHERE id = 3",
            "SELECT pg_drop_replication_slot('indelible_crm')");
        SourceConnection connection = SourceConnections.Of(people.Config.Sources["crm"]);
        IReadOnlyList<SourceCheck> ill =
            await SourceDoctor.CheckAsync(connection, people.Config.Sources["crm"].Protection, TimeProvider.System, CancellationToken.None);
        Assert.Contains(ill,
            check => check.Status == CheckStatus.Fail && check.Name.StartsWith("slot", StringComparison.Ordinal)
                && check.Fix!.StartsWith("indelible run", StringComparison.Ordinal));

        await people.RunningAsync(host => GoesOnAsync(people, host));
        Entry gap = Assert.Single(people.Entries(), entry => entry.Header.Code == GuardCode.Gap);
        Assert.Equal("slot-missing", gap.Header.Facts!["reason"]);
        Assert.True(Lsn.Parse(gap.Header.Facts["to"]) > Lsn.Parse(gap.Header.Facts["from"]));
        Assert.Equal(["2", "3"], Found(people));
        await using (LedgerHost host = await people.OpenAsync())
        {
            Assert.StartsWith($"slot-missing {gap.Header.Facts["from"]} – {gap.Header.Facts["to"]}, sealed ",
                Assert.Single(LedgerStatus.Of(host).Sources).LastGap, StringComparison.Ordinal);
        }
        await people.RunningAsync(people.CaughtUpAsync);
        Assert.Single(people.Entries(), entry => entry.Header.Code == GuardCode.Gap);
    }

    [Fact]
    public async Task A_standby_that_took_over_without_all_that_was_sealed_is_a_gap_and_the_record_goes_on_from_what_it_holds()
    {
        await using PeopleLedger people = await PeopleLedger.StartAsync();
        people.Config.CoverageIntervalSeconds = 3600;
        await people.RunningAsync(async host =>
        {
            await people.ExecuteAsync("UPDATE people SET ssn = 'on both' WHERE id = 5");
            await people.CaughtUpAsync(host);
        });
        Standby standby = new(people.Server.Private);
        await standby.CopyAsync();
        await people.RunningAsync(async host =>
        {
            await people.ExecuteAsync("UPDATE people SET ssn = 'lost with the primary' WHERE id = 1",
                "INSERT INTO people VALUES (21, 'lost too')", "SELECT pg_switch_wal()");
            await people.CaughtUpAsync(host);
            await standby.TakeOverAsync();
            Assert.Equal("2", await people.AskAsync("SELECT timeline_id FROM pg_control_checkpoint()"));
            await PeopleLedger.UntilAsync(() => people.Entries().Exists(entry => entry.Header.Code == GuardCode.Gap));
            await GoesOnAsync(people, host);
        });
        Assert.Equal(["timeline-changed", "slot-missing"],
            people.Entries().Where(entry => entry.Header.Code == GuardCode.Gap).Select(entry => entry.Header.Facts!["reason"]));
        List<Entry> entries = people.Entries();
        int gap = entries.FindIndex(entry => entry.Header.Code == GuardCode.Gap);
        Assert.Equal(entries[gap].Header.Facts!["from"],
            entries.Take(gap).Last(entry => entry.Header.Kind == EntryKind.Coverage).Header.Coverage!.To.ToString());
        Assert.Contains("is not in this server", entries[gap].Header.Facts!["message"], StringComparison.Ordinal);
        Assert.Equal(["1", "21"], Found(people));
        Assert.Equal([1u, 2u],
            people.Entries().Where(entry => entry.Header.Kind == EntryKind.Coverage).Select(entry => entry.Header.Coverage!.Timeline)
                .Distinct());
        Position[] positions = [.. people.Entries()
            .Where(entry => entry.Header.Kind == EntryKind.Change && entry.Header.Position is not null)
            .Select(entry => entry.Header.Position!.Value)];
        Assert.Equal(positions.Order(), positions);
    }

    [Fact]
    public async Task What_people_change_while_a_gap_is_settled_is_told_once_and_what_it_hid_is_found_or_breaks_continuity()
    {
        await using PeopleLedger people = await PeopleLedger.StartAsync();
        await people.ExecuteAsync("INSERT INTO people SELECT n, 's' || n FROM generate_series(21, 3000) n");
        await people.RunningAsync(people.CaughtUpAsync);
        int value = 0;
        async Task WorkAsync(NpgsqlConnection session, Random random)
        {
            int row = random.Next(1, 3000), unique = Interlocked.Increment(ref value);
            string sql = random.Next(10) switch
            {
                0 => $"DELETE FROM people WHERE id = {row}",
                1 => $"INSERT INTO people VALUES ({row}, 'v{unique}') ON CONFLICT (id) DO UPDATE SET ssn = EXCLUDED.ssn",
                _ => $"UPDATE people SET ssn = 'v{unique}' WHERE id = {row}",
            };
            await using NpgsqlCommand command = new(sql, session);
            await command.ExecuteNonQueryAsync();
            await Task.Delay(5);
        }
        await using (BusySessions busy = new BusySessions(people.Server, people.Database, seed: 7, WorkAsync).Begin())
        {
            await PeopleLedger.UntilAsync(() => value > 100);
            await people.ExecuteAsync("SELECT pg_drop_replication_slot('indelible_crm')");
            int hidden = value;
            await PeopleLedger.UntilAsync(() => value > hidden + 100);
            await people.RunningAsync(async host =>
            {
                await PeopleLedger.UntilAsync(() => people.Entries().Exists(entry => entry.Header.Code == GuardCode.Gap));
                int begun = value;
                await PeopleLedger.UntilAsync(() => value > begun + 100);
                await LiveLedger.WholeAsync(host);
                await busy.DisposeAsync();
                await people.CaughtUpAsync(host);
                Assert.Empty(
                    (await new Crosscheck(host, "crm", people.Config.Sources["crm"], _ => { })
                        .RunAsync(CancellationToken.None)).Differences);
                await host.PublishAsync(CancellationToken.None);
                HashSet<string> changed = [.. After(people, host, entry => entry.Header.Operation is Operation.Insert or Operation.Update)];
                string[] found = [.. After(people, host, entry => entry.Header.Operation == Operation.Found)];
                Assert.NotEmpty(found);
                Assert.DoesNotContain(found, changed.Contains);
                Assert.Equal(found.Length, found.Distinct().Count());
            });
        }
    }

    /// <summary>The values that entries say rows held after them; each was written once.</summary>
    private static IEnumerable<string> After(PeopleLedger people, LedgerHost host, Func<Entry, bool> isMeant)
    {
        foreach (Entry entry in people.Entries().Where(isMeant))
        {
            OpenedValue value = host.View.Values.Open(entry, entry.Fields[0], Side.After);
            if (!value.Value.IsMissing) yield return Encoding.UTF8.GetString(value.Value.Bytes.Span);
        }
    }

    /// <summary>Changes after the gap are sealed, and nothing is left that differs.</summary>
    private static async Task GoesOnAsync(PeopleLedger people, LedgerHost host)
    {
        await PeopleLedger.UntilAsync(() => host.Sources is [{ State: "capturing" }]);
        await LiveLedger.WholeAsync(host);
        await people.ExecuteAsync("UPDATE people SET ssn = 'after' WHERE id = 4");
        await people.CaughtUpAsync(host);
        Crosscheck crosscheck = new(host, "crm", people.Config.Sources["crm"], _ => { });
        Assert.Empty((await crosscheck.RunAsync(CancellationToken.None)).Differences);
        Assert.Contains(people.Entries(), entry => entry.Header.Operation == Operation.Update && entry.Header.Key!.Columns[0].Value == "4");
        Assert.DoesNotContain(people.Entries(), entry => entry.Header.Code == GuardCode.Continuity);
    }

    private static IEnumerable<string> Found(PeopleLedger people) =>
        people.Entries().Where(entry => entry.Header.Operation == Operation.Found).Select(entry => entry.Header.Key!.Columns[0].Value);
}
