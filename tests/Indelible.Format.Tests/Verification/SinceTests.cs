using Indelible.Format.Entries;
using Indelible.Format.Merkle;
using Indelible.Format.Verification;

namespace Indelible.Format.Tests.Verification;

/// <summary>Verification that begins where an older checkpoint ends.</summary>
public sealed class SinceTests
{
    [Fact]
    public void Only_what_came_after_is_examined_and_the_report_says_so()
    {
        foreach (int size in (int[])[1, 20, 256, 300, 512, 600, 1_300])
        {
            TestLedger ledger = TestLedger.Of(size);
            foreach (int older in (int[])[0, 1, 255, 256, 257, 511, 512, 1_024, 1_299, size - 1, size])
                if (older <= size) CheckSound(ledger, older);
        }
    }

    [Fact]
    public void Trees_of_three_levels_are_gone_on_with_likewise()
    {
        TestLedger ledger = TestLedger.Of(66_100);
        foreach (int older in (int[])[65_279, 65_536, 65_800, 66_048, 66_100]) CheckSound(ledger, older);
    }

    [Fact]
    public void Damage_is_found_after_the_checkpoint_and_not_looked_for_before()
    {
        TestLedger ledger = TestLedger.Of(1_000);
        byte[] older = OlderOf(ledger, 600);
        foreach ((string bundle, bool isFound) in ((string, bool)[])[("000", false), ("001", false), ("002", true), ("003.p/232", true)])
        {
            byte[] bytes = ledger.Files["tile/entries/" + bundle];
            bytes[60] ^= 1;
            Assert.NotEmpty(ledger.Verify(older: older).Findings);
            VerificationReport since = ledger.Verify(older: older, beginsAtOlder: true);
            Assert.Equal(isFound, since.Verdict == Verdict.Failed);
            bytes[60] ^= 1;
        }
    }

    [Fact]
    public void A_tile_that_hides_a_rewritten_beginning_does_not_lead_to_the_older_checkpoint()
    {
        TestLedger ledger = TestLedger.Of(1_000), rewritten = TestLedger.Of(1_000);
        rewritten.Entries[3] = rewritten.Entries[4];
        rewritten.Publish();
        VerificationReport report = rewritten.Verify(older: OlderOf(ledger, 600), beginsAtOlder: true);
        Assert.Equal([Rules.Consistency], report.Findings.Select(finding => finding.Rule));

        string tile = "tile/1/000.p/3";
        byte[] bytes = ledger.Files[tile];
        bytes[5] ^= 1;
        report = ledger.Verify(older: OlderOf(ledger, 600), beginsAtOlder: true);
        Assert.Equal([Rules.Consistency, Rules.Root], report.Findings.Select(finding => finding.Rule));
        bytes[5] ^= 1;

        ledger.Files[tile] = bytes[..^1];
        report = ledger.Verify(older: OlderOf(ledger, 600), beginsAtOlder: true);
        Assert.Equal(1_000, report.Entries);
        Assert.Contains(report.Findings, finding => finding.Rule == Rules.Shape && finding.File == tile);
    }

    [Fact]
    public void A_checkpoint_that_does_not_fit_spares_nothing()
    {
        TestLedger ledger = TestLedger.Of(600);
        foreach (byte[] older in (byte[][])[OlderOf(TestLedger.Of(700), 700), "nonsense\n"u8.ToArray(),
            (ledger.HeadAt(512) with { Origin = "other.example" }).Sign(TestLedger.Signer).ToBytes()])
        {
            VerificationReport report = ledger.Verify(older: older, beginsAtOlder: true);
            Assert.Equal(600, report.Entries);
            Assert.Equal(Rules.Consistency, Assert.Single(report.Findings).Rule);
        }
    }

    [Fact]
    public void A_change_in_parts_may_lie_across_the_seam()
    {
        var ledger = new TestLedger();
        for (uint i = 0; i < 300; i++) ledger.Add(SomeEntry.Change((int)i, new Position(new Lsn(16), 0, i, 300)));
        ledger.Publish();
        CheckSound(ledger, 256);
        ledger.Entries.RemoveAt(280);
        ledger.Publish();
        Assert.Equal(
            [Rules.Parts], ledger.Verify(older: OlderOf(ledger, 256), beginsAtOlder: true).Findings.Select(finding => finding.Rule));
    }

    private static byte[] OlderOf(TestLedger ledger, int size) => ledger.HeadAt(size).Sign(TestLedger.Signer).ToBytes();

    private static void CheckSound(TestLedger ledger, int older)
    {
        VerificationReport report = ledger.Verify(older: OlderOf(ledger, older), beginsAtOlder: true);
        int spared = older / TileCoordinate.FullWidth * TileCoordinate.FullWidth;
        Assert.Equal((Verdict.Verified, ledger.Entries.Count - spared), (report.Verdict, report.Entries));
        Assert.Equal(spared > 0 ? [$"entries 0 to {spared - 1}"] : [],
            report.NotChecked.Where(what => what.StartsWith("entries", StringComparison.Ordinal))
                .Select(what => what[..what.IndexOf(" and", StringComparison.Ordinal)]));
    }
}
