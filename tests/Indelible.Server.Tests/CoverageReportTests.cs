using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Testing;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>Where the record is complete, and where not.</summary>
public sealed class CoverageReportTests
{
    [Fact]
    public async Task Intervals_end_where_gaps_begin_and_a_gap_is_over_when_every_table_is_stated_anew()
    {
        await using PeopleLedger people = await PeopleLedger.StartAsync();
        await people.RunningAsync(async host =>
        {
            await people.ExecuteAsync("UPDATE people SET ssn = 'before' WHERE id = 1");
            await people.CaughtUpAsync(host);
        });
        await people.ExecuteAsync("UPDATE people SET ssn = 'unseen' WHERE id = 2",
            "SELECT pg_replication_slot_advance('indelible_crm', pg_current_wal_lsn())", "UPDATE people SET ssn = 'seen' WHERE id = 3");
        await people.RunningAsync(async host =>
        {
            await people.CaughtUpAsync(host);
            await LiveLedger.WholeAsync(host);
        });
        await using LedgerHost host = await people.OpenAsync();
        await host.PublishAsync(CancellationToken.None);
        CoverageReport report = CoverageReport.Of(host.View, "crm", people.Config.Sources["crm"].Protection, CancellationToken.None);
        CoverageGap gap = Assert.Single(report.Gaps);
        Assert.Equal(2, report.Intervals.Count);
        Assert.Equal("slot-ahead", gap.Reason);
        Assert.Equal((gap.From, gap.To), (report.Intervals[0].To.ToString(), report.Intervals[1].From.ToString()));
        List<Entry> entries = people.Entries();
        int[] later = [.. Enumerable.Range(0, entries.Count)
            .Where(i => entries[i].Header.Operation == Operation.Found
                || (entries[i].Header.Operation == Operation.Update && entries[i].Header.Key!.Columns[0].Value == "3"))];
        Assert.All(later, index => Assert.True(index > gap.Entry));
        Assert.Equal("2",
            Assert.Single(entries,
                entry => entry.Header.Operation == Operation.Found
                    && entry.Header.Key!.Columns[0].Value == "2").Header.Key!.Columns[0].Value);
        Assert.Equal(GuardCode.BaselineComplete, entries[(int)gap.WholeFrom!.Value].Header.Code);
        Assert.True(gap.WholeFrom > gap.Entry);
        Assert.All(report.Intervals, interval => Assert.Equal((1u, "indelible_crm"), (interval.Timeline, interval.Slot)));
    }

    [Fact]
    public void A_gap_stays_open_until_the_last_table_and_takes_back_what_was_called_covered()
    {
        CoverageWalk walk = new([1, 2]);
        walk.Add(0, Stated(1));
        walk.Add(1, Stated(2));
        walk.Add(2, Covered(0, 100));
        walk.Add(3, Covered(100, 200));
        walk.Add(4,
            Header(EntryKind.Guard) with { Code = GuardCode.Gap,
                Facts = new Dictionary<string, string> { ["reason"] = "publication-changed", ["from"] = new Lsn(150).ToString(),
                    ["to"] = new Lsn(220).ToString(), ["message"] = "m" } });
        walk.Add(5, Stated(1));
        Assert.Null(Assert.Single(walk.Gaps).WholeFrom);
        walk.Add(6, Stated(2));
        walk.Add(7, Covered(220, 300));
        walk.Add(8, Covered(300, 400));
        Assert.Equal(6, Assert.Single(walk.Gaps).WholeFrom);
        Assert.Equal([(0ul, 150ul), (220ul, 400ul)], walk.Intervals.Select(interval => (interval.From.Bytes, interval.To.Bytes)));
    }

    private static EntryHeader Header(EntryKind kind) =>
        new() { Origin = "example.org/t", Kind = kind, Nonce = new byte[16], SealedAt = new MicroTime(1), Source = "crm" };

    private static EntryHeader Stated(uint table) =>
        Header(EntryKind.Guard) with { Code = GuardCode.BaselineComplete, Relation = new Relation(table, "public", $"t{table}", null) };

    private static EntryHeader Covered(ulong from, ulong to) =>
        Header(EntryKind.Coverage) with { Coverage = new Coverage(new Lsn(from), new Lsn(to), 7, 1, "indelible_crm", new byte[32]) };
}
