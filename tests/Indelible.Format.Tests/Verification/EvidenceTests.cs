using System.Text;
using CsCheck;
using Indelible.Format.Entries;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;
using Indelible.Format.Sealing;
using Indelible.Format.Tests.Entries;
using Indelible.Format.Verification;
using Hash = Indelible.Format.Merkle.Hash;

namespace Indelible.Format.Tests.Verification;

public sealed class EvidenceTests
{
    private static readonly Policy Key = Policy.ForKey(TestLedger.Signer.VerifierKey);

    [Fact]
    public void Evidence_of_every_entry_verifies_and_is_written_as_it_is_read()
    {
        TestLedger ledger = TestLedger.Of(300);
        for (int index = 0; index < 300; index += 7)
        {
            byte[] bytes = ledger.Prove(index).ToBytes();
            VerificationReport report = EvidenceVerifier.Verify(bytes, Key);
            Assert.Empty(report.Findings);
            Assert.Equal((Verdict.Verified, (long?)index), (report.Verdict, report.EntryIndex));
            Assert.Equal(TextFault.None, Evidence.Parse(bytes, out Evidence? evidence));
            Assert.Equal(bytes, evidence!.ToBytes());
        }
    }

    [Fact]
    public void A_file_that_is_no_evidence_is_told_by_its_first_line()
    {
        foreach (string text in (string[])["", "{}\n", "example.org/crm+d7c630d7+AWpJ\n\n"])
        {
            Finding finding = Assert.Single(EvidenceVerifier.Verify(Encoding.UTF8.GetBytes(text), Key).Findings);
            Assert.Contains("expected 'c2sp.org/tlog-proof@v1'", finding.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Evidence_with_any_bit_flipped_proves_nothing()
    {
        byte[] bytes = TestLedger.Of(20).Prove(13).ToBytes();
        for (int i = 0; i < bytes.Length; i++)
        {
            for (int bit = 0; bit < 8; bit++)
            {
                byte[] flipped = [.. bytes];
                flipped[i] ^= (byte)(1 << bit);
                Assert.True(EvidenceVerifier.Verify(flipped, Key).Verdict == Verdict.Failed, $"byte {i} bit {bit}");
            }
        }
    }

    [Fact]
    public void Evidence_cut_anywhere_or_extended_proves_nothing()
    {
        byte[] bytes = TestLedger.Of(20).Prove(13).ToBytes();
        for (int length = 0; length < bytes.Length; length++)
            Assert.Equal(Verdict.Failed, EvidenceVerifier.Verify(bytes.AsSpan(0, length), Key).Verdict);
        Assert.Equal(Verdict.Failed, EvidenceVerifier.Verify([.. bytes, (byte)'x'], Key).Verdict);
        Assert.Equal(Verdict.Failed, EvidenceVerifier.Verify([.. bytes, (byte)'\n'], Key).Verdict);
    }

    [Fact]
    public void Evidence_without_the_entry_or_with_another_one_proves_nothing()
    {
        TestLedger ledger = TestLedger.Of(20);
        Evidence evidence = ledger.Prove(13);
        Assert.Equal(Verdict.Failed, EvidenceVerifier.Verify((evidence with { Extra = default }).ToBytes(), Key).Verdict);
        Assert.Equal(Verdict.Failed,
            EvidenceVerifier.Verify(
                (evidence with { Extra = new EvidenceExtra { Entry = ledger.Entries[12] }.ToBytes() }).ToBytes(), Key).Verdict);
        Assert.Equal(Verdict.Failed, EvidenceVerifier.Verify((evidence with { Index = 12 }).ToBytes(), Key).Verdict);
        Assert.Equal(Verdict.Failed, EvidenceVerifier.Verify((evidence with { Index = 20 }).ToBytes(), Key).Verdict);
    }

    [Fact]
    public void Without_a_key_evidence_is_self_consistent_only() =>
        Assert.Equal(Verdict.SelfConsistent, EvidenceVerifier.Verify(TestLedger.Of(20).Prove(13).ToBytes(), null).Verdict);

    [Fact]
    public void A_disclosed_side_is_opened_and_nothing_else()
    {
        (TestLedger ledger, Entry entry) = WithSealedEntry();
        Field name = entry.Fields.First(field => field.Name == "name");
        DisclosedSide after = SealedValue.Disclose(entry, name, Side.After, Some.SubjectKey)!;
        var extra = new EvidenceExtra { Entry = ledger.Entries[1], Disclosed = [after] };
        VerificationReport report = EvidenceVerifier.Verify(ledger.Prove(1, extra).ToBytes(), Key);
        Assert.Empty(report.Findings);
        DisclosedValue value = Assert.Single(report.Disclosed);
        Assert.Equal(("name", Side.After, "Anna Meier"), (value.Name, value.Side, Encoding.UTF8.GetString(value.Text.Span)));
        Assert.Contains("'Anna Meier'", ReportText.ToText(report), StringComparison.Ordinal);
        Assert.DoesNotContain("Anna Muster", ReportText.ToText(report), StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_for_another_side_or_a_changed_one_opens_nothing()
    {
        (TestLedger ledger, Entry entry) = WithSealedEntry();
        Field name = entry.Fields.First(field => field.Name == "name");
        DisclosedSide after = SealedValue.Disclose(entry, name, Side.After, Some.SubjectKey)!;
        byte[] changed = [.. after.Key.Span];
        changed[0] ^= 1;
        foreach (DisclosedSide wrong in (DisclosedSide[])[after with { Side = Side.Before }, after with { Key = changed },
            after with { OtherHash = changed }, after with { Name = "nome" }])
        {
            var extra = new EvidenceExtra { Entry = ledger.Entries[1], Disclosed = [after, wrong] };
            VerificationReport report = EvidenceVerifier.Verify(ledger.Prove(1, extra).ToBytes(), Key);
            Assert.Equal(Rules.Disclosure, Assert.Single(report.Findings).Rule);
            Assert.Empty(report.Disclosed);
        }
    }

    [Fact]
    public void The_extra_line_has_one_encoding()
    {
        (TestLedger ledger, Entry entry) = WithSealedEntry();
        DisclosedSide side = SealedValue.Disclose(entry, entry.Fields[0], Side.After, Some.SubjectKey)!;
        byte[] bytes = new EvidenceExtra { Entry = ledger.Entries[1], Disclosed = [side, side] }.ToBytes();
        Assert.Equal(EntryFault.None, EvidenceExtra.Parse(bytes, out EvidenceExtra? extra));
        Assert.Equal(bytes, extra!.ToBytes());
        for (int length = 0; length < bytes.Length; length++)
            Assert.NotEqual(EntryFault.None, EvidenceExtra.Parse(bytes.AsSpan(0, length), out _));
        Assert.NotEqual(EntryFault.None, EvidenceExtra.Parse([.. bytes, 0], out _));
        Gen.Select(Gen.Int[0, bytes.Length - 1], Gen.Byte).Sample((at, value) =>
        {
            byte[] changed = [.. bytes];
            changed[at] = value;
            if (EvidenceExtra.Parse(changed, out EvidenceExtra? other) == EntryFault.None) Assert.Equal(changed, other!.ToBytes());
        }, iter: 2000);
    }

    [Theory]
    [InlineData("c2sp.org/tlog-proof@v2", 1)]
    [InlineData("c2sp.org/tlog-proof@v1\nextra\nindex 0", 2)]
    [InlineData("c2sp.org/tlog-proof@v1\nextra !\nindex 0", 2)]
    [InlineData("c2sp.org/tlog-proof@v1\nindex 00", 2)]
    [InlineData("c2sp.org/tlog-proof@v1\nindex -1", 2)]
    [InlineData("c2sp.org/tlog-proof@v1\nindex 4611686018427387904", 2)]
    [InlineData("c2sp.org/tlog-proof@v1\nindex 0\nextra AAAA", 3)]
    [InlineData("c2sp.org/tlog-proof@v1\nindex 0\nAAAA", 3)]
    [InlineData("c2sp.org/tlog-proof@v1", 2)]
    public void What_is_not_evidence_is_refused_with_its_line(string head, int line)
    {
        byte[] bytes = [.. Encoding.UTF8.GetBytes(head + "\n\n"), .. TestLedger.Of(3).Files["checkpoint"]];
        Assert.Equal(line, Evidence.Parse(bytes, out _).Line);
    }

    [Fact]
    public void A_path_longer_than_any_tree_has_is_refused_before_it_is_read()
    {
        Evidence evidence = TestLedger.Of(3).Prove(0) with { Path = new Hash[Proof.LengthMax + 1] };
        Assert.Contains("at most", Evidence.Parse(evidence.ToBytes(), out _).Rule, StringComparison.Ordinal);
    }

    [Fact]
    public void Blobs_are_read_and_compared()
    {
        (TestLedger ledger, string path) = WithBlob();
        Assert.Equal((Verdict.Verified, 1L), (ledger.Verify().Verdict, ledger.Verify().Blobs));
        byte[] whole = ledger.Files[path];
        foreach (byte[]? changed in (byte[]?[])[null, whole[..^1], [.. whole, 0], [.. whole.Select((b, i) => (byte)(i == 9 ? b ^ 1 : b))]])
        {
            if (changed is null) ledger.Files.Remove(path);
            else ledger.Files[path] = changed;
            Assert.Equal(Rules.Blob, Assert.Single(ledger.Verify().Findings).Rule);
        }
        VerificationReport without = ledger.Verify(skipBlobs: true);
        Assert.Equal(Verdict.Verified, without.Verdict);
        Assert.Contains(without.NotChecked, what => what.StartsWith("blobs", StringComparison.Ordinal));
    }

    private static (TestLedger Ledger, Entry Entry) WithSealedEntry()
    {
        byte[] bytes = Some.Seal(Some.ChangeHeader() with { Origin = TestLedger.Origin },
            w => Some.Add(w, "name", Some.Text("Anna Muster"), Some.Text("Anna Meier")));
        TestLedger ledger = new TestLedger().Add(SomeEntry.Change(0, source: "erp")).Add(bytes).Add(SomeEntry.Change(2, source: "erp"))
            .Publish();
        return (ledger, Some.Decode(bytes));
    }

    private static (TestLedger Ledger, string Path) WithBlob()
    {
        var ledger = new TestLedger();
        byte[] large = new byte[EntryLimits.ValueLengthMax + 1];
        byte[] bytes = Some.Seal(Some.ChangeHeader() with { Origin = TestLedger.Origin }, writer =>
        {
            Some.Add(writer, "name", ClearValue.Null, ClearValue.Of(large));
            ledger.Blobs.AddRange(writer.Blobs.Select(blob => blob.Ciphertext.ToArray()));
        });
        ledger.Add(bytes).Publish();
        return (ledger, ledger.Files.Keys.Single(path => path.StartsWith("blobs/", StringComparison.Ordinal)));
    }
}
