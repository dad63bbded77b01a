using Indelible.Format.Entries;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;
using Indelible.Format.Verification;

namespace Indelible.Format.Tests.Verification;

public sealed class LedgerVerifierTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(257)]
    [InlineData(700)]
    public void A_whole_ledger_verifies(int size)
    {
        VerificationReport report = TestLedger.Of(size).Verify();
        Assert.Empty(report.Findings);
        Assert.Equal(Verdict.Verified, report.Verdict);
        Assert.Equal(size, report.Entries);
        Assert.Equal([TestLedger.Signer.VerifierKey.ToString()], report.SignedBy);
        Assert.Equal(size, report.Kinds.Values.Sum());
    }

    [Fact]
    public void A_ledger_of_more_than_two_levels_of_tiles_verifies()
    {
        VerificationReport report = TestLedger.Of(66_000).Verify();
        Assert.Empty(report.Findings);
        Assert.Equal(258 + 2 + 1, report.Tiles);
    }

    [Fact]
    public void Without_a_key_the_verdict_is_self_consistent_only_and_says_so()
    {
        VerificationReport report = TestLedger.Of(5).Verify(isAnonymous: true);
        Assert.Equal(Verdict.SelfConsistent, report.Verdict);
        Assert.Empty(report.SignedBy);
        Assert.Contains(report.NotChecked, what => what.Contains("no verifier key was given", StringComparison.Ordinal));
        Assert.StartsWith("SELF-CONSISTENT ONLY", ReportText.Summary(report), StringComparison.Ordinal);
    }

    /// <summary>Nor what its neighbours lack because of it: it may have been of any source.</summary>
    [Fact]
    public void An_entry_of_a_newer_version_is_no_finding_and_no_verified_ledger_either()
    {
        byte[] newer = [0x82, 0xa2, 0x00, 0x02, 0x18, 0x63, 0x00, 0x80];   // [{0: 2, 99: 0}, []]
        TestLedger ledger = TestLedger.Of(300);
        ledger.Entries[109] = newer;    // instead of coverage
        VerificationReport report = ledger.Publish().Verify();
        Assert.Empty(report.Findings);
        Assert.Equal((Verdict.NotRead, ExitCode.Environment, false), (report.Verdict, report.ExitCode, report.IsSound));
        Finding unread = Assert.Single(report.Unread);
        Assert.Equal((Rules.Version, 109L), (unread.Rule, unread.EntryIndex));
        Assert.StartsWith("NOT READ: 1 entry", ReportText.Summary(report), StringComparison.Ordinal);

        Predecessor link = new("example.org/before", "", 1, report.Root!.Value);
        report = new ChainVerifier(_ => throw new InvalidOperationException()).Follow(report with { Predecessor = link }, default);
        Assert.Equal(Verdict.NotRead, report.Verdict);
        Assert.Contains(report.NotChecked, what => what.Contains("is joined to other ledgers", StringComparison.Ordinal));

        ledger.Entries.RemoveAt(209);   // damage elsewhere is damage
        report = ledger.Publish().Verify();
        Assert.Equal((Verdict.Failed, ExitCode.Finding), (report.Verdict, report.ExitCode));
        Assert.Single(report.Unread);
        byte[] bundle = ledger.Files["tile/entries/000"];
        int place = bundle.AsSpan().IndexOf(newer);
        bundle[place + 4] ^= 1;         // and so is a version that was not sealed
        Assert.Contains(ledger.Verify().Findings, finding => finding.Rule == Rules.EntryHash && finding.EntryIndex == 109);
    }

    [Fact]
    public void Any_byte_changed_in_any_file_is_found()
    {
        TestLedger ledger = TestLedger.Of(300);
        foreach (string path in ledger.Files.Keys.ToArray())
        {
            byte[] whole = ledger.Files[path];
            for (int i = 0; i < whole.Length; i += whole.Length > 2000 ? 97 : 1)
            {
                ledger.Files[path] = [.. whole];
                ledger.Files[path][i] ^= 0x20;
                VerificationReport report = ledger.Verify();
                Assert.True(report.Verdict == Verdict.Failed && report.Findings.Count > 0, $"{path} byte {i}");
            }
            ledger.Files[path] = whole;
        }
        Assert.Equal(Verdict.Verified, ledger.Verify().Verdict);
    }

    [Fact]
    public void Any_file_missing_truncated_or_extended_is_found_and_named()
    {
        TestLedger ledger = TestLedger.Of(600);
        foreach (string path in ledger.Files.Keys.ToArray())
        {
            byte[] whole = ledger.Files[path];
            foreach (byte[]? changed in (byte[]?[])[null, [], whole[..^1], whole[1..], [.. whole, 0], [.. whole, .. whole]])
            {
                if (changed is null) ledger.Files.Remove(path);
                else ledger.Files[path] = changed;
                VerificationReport report = ledger.Verify();
                Assert.Equal(Verdict.Failed, report.Verdict);
                Assert.Contains(report.Findings, finding => finding.File == path);
            }
            ledger.Files[path] = whole;
        }
    }

    [Fact]
    public void A_changed_entry_is_named_by_its_index_and_told_from_a_changed_tile()
    {
        TestLedger ledger = TestLedger.Of(300);
        string path = "tile/entries/000";
        byte[] needle = "after 42"u8.ToArray();
        int at = ledger.Files[path].AsSpan().IndexOf(needle);
        ledger.Files[path][at] ^= 1;
        VerificationReport report = ledger.Verify();
        Assert.Equal([42], report.Findings.Where(finding => finding.Rule == Rules.EntryHash).Select(finding => finding.EntryIndex));
        Assert.Contains(report.Findings,
            finding => finding.Rule == Rules.Root
                && finding.Message.Contains("entries named above were changed", StringComparison.Ordinal));

        ledger = TestLedger.Of(300);
        ledger.Files["tile/0/000"][(42 * Hash.Size) + 5] ^= 1;
        report = ledger.Verify();
        Assert.Equal([42], report.Findings.Where(finding => finding.Rule == Rules.EntryHash).Select(finding => finding.EntryIndex));
        Assert.Contains(
            report.Findings, finding => finding.Message.Contains("the tiles were changed, not the entries", StringComparison.Ordinal));
    }

    [Fact]
    public void A_changed_upper_tile_names_the_entries_below_it()
    {
        TestLedger ledger = TestLedger.Of(600);
        ledger.Files["tile/1/000.p/2"][Hash.Size] ^= 1;
        Finding finding = Assert.Single(ledger.Verify().Findings);
        Assert.Equal(Rules.TileHash, finding.Rule);
        Assert.Contains("entries 256 to 511", finding.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_ledger_rewritten_and_signed_again_by_another_key_is_refused()
    {
        TestLedger ledger = TestLedger.Of(20);
        using NoteSigner other = NoteSigner.FromSeed(TestLedger.Origin, new byte[32]);
        ledger.Files["checkpoint"] = ledger.Head.Sign(other).ToBytes();
        Assert.Equal([Rules.Signature], ledger.Verify().Findings.Select(finding => finding.Rule));
        Assert.Equal(Verdict.SelfConsistent, ledger.Verify(isAnonymous: true).Verdict);
    }

    [Fact]
    public void A_history_rewritten_with_the_right_key_is_found_by_an_older_checkpoint()
    {
        byte[] older = TestLedger.Of(15).Files["checkpoint"];
        VerificationReport goneOn = TestLedger.Of(20).Verify(older: older);
        Assert.Equal((Verdict.Verified, 15L), (goneOn.Verdict, goneOn.OlderSize));
        Assert.Contains(
            "older    the first 15 entries are those of the checkpoint given\n", ReportText.ToText(goneOn), StringComparison.Ordinal);
        Assert.Equal(Verdict.Verified, TestLedger.Of(600).Verify(older: TestLedger.Of(300).Files["checkpoint"]).Verdict);
        Assert.Equal(Verdict.Verified, TestLedger.Of(15).Verify(older: older).Verdict);

        TestLedger rewritten = TestLedger.Of(20);
        rewritten.Entries.RemoveAt(3);
        rewritten.Publish();
        Assert.Equal(Verdict.Verified, rewritten.Verify().Verdict);
        VerificationReport report = rewritten.Verify(older: older);
        Assert.Equal([Rules.Consistency], report.Findings.Select(finding => finding.Rule));
        Assert.DoesNotContain("older    ", ReportText.ToText(report), StringComparison.Ordinal);
        Assert.EndsWith("FAILED: 1 finding\n", ReportText.ToText(report), StringComparison.Ordinal);
    }

    [Fact]
    public void A_ledger_smaller_than_the_older_checkpoint_was_rolled_back()
    {
        Finding finding = Assert.Single(TestLedger.Of(14).Verify(older: TestLedger.Of(15).Files["checkpoint"]).Findings);
        Assert.Contains("rolled back", finding.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_older_checkpoint_of_another_ledger_or_by_another_key_is_refused()
    {
        TestLedger ledger = TestLedger.Of(20);
        using NoteSigner other = NoteSigner.FromSeed("other.example", new byte[32]);
        byte[] foreign = (ledger.HeadAt(5) with { Origin = "other.example" }).Sign(other).ToBytes();
        Assert.Equal(Rules.Consistency, Assert.Single(ledger.Verify(older: foreign).Findings).Rule);
        Assert.Equal(Rules.Consistency, Assert.Single(ledger.Verify(older: "nonsense\n"u8.ToArray()).Findings).Rule);
    }

    [Fact]
    public void A_quorum_is_met_by_the_cosigned_checkpoint_that_trails()
    {
        TestLedger ledger = TestLedger.Of(600);
        string text = $"log {TestLedger.Signer.VerifierKey}\nwitness w {TestLedger.Witness.VerifierKey}\nquorum w\n";
        Assert.Equal(TextFault.None, Policy.Parse(System.Text.Encoding.UTF8.GetBytes(text), out Policy? policy));
        Assert.Equal([Rules.Signature], ledger.Verify(policy).Findings.Select(finding => finding.Rule));

        SignedNote note = ledger.HeadAt(512).Sign(TestLedger.Signer);
        ledger.Files["checkpoint.cosigned"] =
            new SignedNote(note.Text, [.. note.Signatures, TestLedger.Witness.Cosign(note.Text, 1_700_000_000)]).ToBytes();
        VerificationReport report = ledger.Verify(policy);
        Assert.Empty(report.Findings);
        Assert.Equal(512, report.TreeSize);
        Assert.Equal(2, report.SignedBy.Count);
    }

    [Fact]
    public void A_cosigned_checkpoint_of_another_history_is_found()
    {
        TestLedger ledger = TestLedger.Of(20);
        Checkpoint forked = ledger.HeadAt(10) with { Root = Tree.Leaf("fork"u8) };
        ledger.Files["checkpoint.cosigned"] = forked.Sign(TestLedger.Signer).ToBytes();
        Finding finding = Assert.Single(ledger.Verify().Findings);
        Assert.Equal((Rules.Consistency, "checkpoint.cosigned"), (finding.Rule, finding.File));
    }

    [Fact]
    public void A_partial_file_may_have_become_full_meanwhile()
    {
        TestLedger later = TestLedger.Of(512), ledger = TestLedger.Of(300);
        later.Files["checkpoint"] = ledger.Files["checkpoint"];
        Assert.Equal(["tile/1/000.p/1"], later.Verify().Findings.Select(finding => finding.File));
        later.Files["tile/1/000.p/1"] = ledger.Files["tile/1/000.p/1"];
        VerificationReport report = later.Verify();
        Assert.Equal(Verdict.Verified, report.Verdict);
        Assert.Equal(300, report.Entries);
    }

    [Fact]
    public void An_entry_in_another_than_its_canonical_form_is_refused_even_when_it_is_hashed_and_signed()
    {
        TestLedger ledger = TestLedger.Of(5);
        byte[] entry = ledger.Entries[2];
        ledger.Entries[2] = [.. entry, 0];
        Finding finding = Assert.Single(ledger.Publish().Verify().Findings);
        Assert.Equal((Rules.Canonical, 2L, "tile/entries/000.p/5"), (finding.Rule, finding.EntryIndex, finding.File));
        ledger.Entries[2] = [];
        Assert.Equal(Rules.Canonical, Assert.Single(ledger.Publish().Verify().Findings).Rule);
    }

    [Fact]
    public void An_entry_of_another_ledger_is_refused()
    {
        Finding finding = Assert.Single(
            new TestLedger().Add(SomeEntry.Change(0)).Add(SomeEntry.Change(1, origin: "other.example")).Publish().Verify().Findings);
        Assert.Equal((Rules.Origin, 1L), (finding.Rule, finding.EntryIndex));
    }

    [Fact]
    public void A_change_sealed_twice_is_named()
    {
        Finding finding = Assert.Single(new TestLedger().Add(SomeEntry.Change(0)).Add(SomeEntry.Change(1)).Add(SomeEntry.Change(1))
            .Add(SomeEntry.Change(2)).Publish().Verify().Findings);
        Assert.Equal((Rules.Duplicate, 2L), (finding.Rule, finding.EntryIndex));
        Assert.Contains("source crm", finding.Message, StringComparison.Ordinal);
        Assert.Contains("0/20", finding.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Changes_out_of_order_are_named_but_sources_do_not_mix()
    {
        Finding finding = Assert.Single(
            new TestLedger().Add(SomeEntry.Change(1)).Add(SomeEntry.Change(0)).Add(SomeEntry.Change(2)).Publish().Verify().Findings);
        Assert.Equal((Rules.Order, 1L), (finding.Rule, finding.EntryIndex));
        Assert.Empty(new TestLedger().Add(SomeEntry.Change(1)).Add(SomeEntry.Change(0, source: "erp")).Add(SomeEntry.Change(2)).Publish()
            .Verify().Findings);
    }

    [Fact]
    public void Rows_of_one_commit_are_ordered_by_their_ordinal()
    {
        Position At(uint ordinal) => new(new Lsn(100), ordinal);
        Assert.Empty(new TestLedger().Add(SomeEntry.Change(0, At(0))).Add(SomeEntry.Change(1, At(1))).Add(SomeEntry.Change(2, At(5)))
            .Publish().Verify().Findings);
        Assert.Equal(Rules.Duplicate,
            Assert.Single(
                new TestLedger().Add(SomeEntry.Change(0, At(3))).Add(SomeEntry.Change(1, At(3))).Publish().Verify().Findings).Rule);
    }

    [Fact]
    public void A_missing_part_of_a_split_change_is_named()
    {
        Position Part(uint part, uint count, uint ordinal = 0) => new(new Lsn(100), ordinal, part, count);
        VerificationReport Check(params Position[] positions)
        {
            var ledger = new TestLedger();
            for (int i = 0; i < positions.Length; i++) ledger.Add(SomeEntry.Change(i, positions[i]));
            return ledger.Publish().Verify();
        }
        Assert.Empty(Check(Part(0, 3), Part(1, 3), Part(2, 3), Part(0, 1, ordinal: 1)).Findings);
        Assert.Equal(Rules.Parts, Assert.Single(Check(Part(0, 3), Part(2, 3)).Findings).Rule);
        Assert.Equal(Rules.Parts, Assert.Single(Check(Part(0, 3), Part(1, 3), Part(0, 1, ordinal: 1)).Findings).Rule);
        Assert.Equal(Rules.Parts, Assert.Single(Check(Part(1, 2)).Findings).Rule);
        Assert.Equal(Rules.Parts, Assert.Single(Check(Part(0, 1), Part(1, 2, ordinal: 1)).Findings).Rule);
        Assert.Equal(Rules.Parts, Assert.Single(Check(Part(0, 2)).Findings).Rule);
    }

    [Fact]
    public void A_break_in_coverage_is_a_finding_unless_a_gap_was_announced()
    {
        TestLedger broken = new TestLedger().Add(SomeEntry.Coverage(0, 0, 100)).Add(SomeEntry.Coverage(1, 100, 200))
            .Add(SomeEntry.Coverage(2, 300, 400)).Publish();
        Finding finding = Assert.Single(broken.Verify().Findings);
        Assert.Equal((Rules.Coverage, 2L), (finding.Rule, finding.EntryIndex));
        Assert.Contains("0/C8", finding.Message, StringComparison.Ordinal);

        TestLedger announced = new TestLedger().Add(SomeEntry.Coverage(0, 0, 100)).Add(SomeEntry.Gap(1))
            .Add(SomeEntry.Coverage(2, 300, 400)).Publish();
        VerificationReport report = announced.Verify();
        Assert.Empty(report.Findings);
        Assert.Equal(Rules.Gap, Assert.Single(report.Notices).Rule);
        Assert.Contains("cause=slot recreated", report.Notices[0].Message, StringComparison.Ordinal);
        Assert.Equal(1, Assert.Single(report.Sources).Gaps);

        TestLedger elsewhere = new TestLedger().Add(SomeEntry.Coverage(0, 0, 100)).Add(SomeEntry.Gap(1, source: "erp"))
            .Add(SomeEntry.Coverage(2, 300, 400)).Publish();
        Assert.Equal(Rules.Coverage, Assert.Single(elsewhere.Verify().Findings).Rule);
        TestLedger overlapping = new TestLedger().Add(SomeEntry.Coverage(0, 0, 100)).Add(SomeEntry.Coverage(1, 50, 200)).Publish();
        Assert.Equal(Rules.Coverage, Assert.Single(overlapping.Verify().Findings).Rule);
    }

    [Fact]
    public void Coverage_of_another_log_is_a_finding_unless_a_gap_was_announced()
    {
        Coverage first = SomeEntry.Coverage(0, 0, 100).Header.Coverage!, goesOn = first with { From = first.To, To = new Lsn(200) };
        foreach (Coverage other in (Coverage[])[goesOn with { SystemId = 2 }, goesOn with { Timeline = 2 },
            goesOn with { Slot = "another" }])
        {
            Entry second = SomeEntry.Coverage(2, 0, 0);
            second = second with { Header = second.Header with { Coverage = other } };
            TestLedger silent = new TestLedger().Add(SomeEntry.Coverage(0, 0, 100)).Add(second).Publish();
            Assert.Equal(Rules.Coverage, Assert.Single(silent.Verify().Findings).Rule);
            Assert.Empty(new TestLedger().Add(SomeEntry.Coverage(0, 0, 100)).Add(SomeEntry.Gap(1)).Add(second).Publish().Verify().Findings);
        }
    }

    [Fact]
    public void A_change_from_a_stretch_that_was_declared_covered_before_it_is_a_finding_unless_a_gap_was_announced()
    {
        TestLedger late = new TestLedger().Add(SomeEntry.Coverage(0, 0, 100)).Add(SomeEntry.Change(1, new Position(new Lsn(99), 0)))
            .Publish();
        Finding finding = Assert.Single(late.Verify().Findings);
        Assert.Equal((Rules.Coverage, 1L), (finding.Rule, finding.EntryIndex));
        Assert.Empty(new TestLedger().Add(SomeEntry.Coverage(0, 0, 100)).Add(SomeEntry.Change(1, new Position(new Lsn(100), 0))).Publish()
            .Verify().Findings);
        Assert.Empty(new TestLedger().Add(SomeEntry.Coverage(0, 0, 100)).Add(SomeEntry.Gap(1))
            .Add(SomeEntry.Change(2, new Position(new Lsn(99), 0))).Publish().Verify().Findings);
    }

    [Fact]
    public void A_cosigned_checkpoint_that_the_ledgers_key_did_not_sign_is_a_finding()
    {
        TestLedger ledger = TestLedger.Of(20);
        byte[] signed = ledger.HeadAt(10).Sign(TestLedger.Signer).ToBytes();
        ledger.Files["checkpoint.cosigned"] = signed;
        Assert.Equal(Verdict.Verified, ledger.Verify().Verdict);
        for (int i = 0; i < signed.Length; i++)
        {
            ledger.Files["checkpoint.cosigned"] = [.. signed];
            ledger.Files["checkpoint.cosigned"][i] ^= 1;
            Assert.True(ledger.Verify().Verdict == Verdict.Failed, $"byte {i}");
        }
    }

    [Fact]
    public void A_gap_of_one_table_excuses_neither_a_break_in_coverage_nor_a_change_that_comes_late()
    {
        Entry ofTable = SomeEntry.Gap(1, relation: new Relation(1, "public", "people", null));
        TestLedger NewLedger() => new TestLedger().Add(SomeEntry.Coverage(0, 0, 100)).Add(ofTable);
        Assert.Empty(NewLedger().Add(SomeEntry.Coverage(2, 100, 200)).Publish().Verify().Findings);
        Assert.Equal(Rules.Coverage, Assert.Single(NewLedger().Add(SomeEntry.Coverage(2, 120, 200)).Publish().Verify().Findings).Rule);
        Assert.Equal(Rules.Coverage,
            Assert.Single(NewLedger().Add(SomeEntry.Change(2, new Position(new Lsn(99), 0))).Publish().Verify().Findings).Rule);
        Assert.Equal(1, Assert.Single(NewLedger().Publish().Verify().Sources).Gaps);
    }

    [Fact]
    public void A_log_may_count_from_below_only_after_an_announced_gap()
    {
        Assert.Empty(new TestLedger().Add(SomeEntry.Change(5)).Add(SomeEntry.Gap(6)).Add(SomeEntry.Change(0)).Add(SomeEntry.Change(1))
            .Publish().Verify().Findings);
        Assert.Equal(Rules.Order,
            Assert.Single(
                new TestLedger().Add(SomeEntry.Gap(6)).Add(SomeEntry.Change(5)).Add(SomeEntry.Change(0)).Publish().Verify().Findings).Rule);
    }

    [Fact]
    public void A_checkpoint_that_claims_an_absurd_size_does_not_keep_the_verifier_busy()
    {
        TestLedger ledger = TestLedger.Of(10);
        ledger.Files["checkpoint"] = (ledger.Head with { Size = Tree.SizeMax }).Sign(TestLedger.Signer).ToBytes();
        VerificationReport report = ledger.Verify();
        Assert.Equal(Verdict.Failed, report.Verdict);
        Assert.Contains(report.NotChecked, what => what.Contains("could not be read", StringComparison.Ordinal));
    }

    [Fact]
    public void A_report_is_written_for_people_and_for_machines()
    {
        TestLedger ledger = TestLedger.Of(30);
        string text = ReportText.ToText(ledger.Verify());
        Assert.EndsWith("VERIFIED\n", text, StringComparison.Ordinal);
        Assert.Contains("source   crm: 27 changes, covered 0/0 to 0/1E0, 0 gaps announced", text, StringComparison.Ordinal);
        ledger.Files.Remove("tile/0/000.p/30");
        using var json = System.Text.Json.JsonDocument.Parse(ReportText.ToJson(ledger.Verify()));
        Assert.Equal("failed", json.RootElement.GetProperty("verdict").GetString());
        Assert.Equal("tile/0/000.p/30", json.RootElement.GetProperty("findings")[0].GetProperty("file").GetString());
    }
}
