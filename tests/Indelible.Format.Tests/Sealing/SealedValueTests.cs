using System.Text;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Format.Tests.Entries;

namespace Indelible.Format.Tests.Sealing;

public sealed class SealedValueTests
{
    [Fact]
    public void Both_sides_of_a_sealed_field_open_with_the_subjects_key()
    {
        Entry entry = Some.Decode(Some.Change(Operation.Update));
        Assert.Equal("Anna Muster", Opened(entry, "name", Side.Before));
        Assert.Equal("Anna Meier", Opened(entry, "name", Side.After));
        Assert.Equal("married", Opened(entry, "reason", Side.After));
    }

    [Fact]
    public void NULL_and_the_empty_text_look_alike_sealed_and_differ_opened()
    {
        Entry entry = Some.Decode(Some.Seal(Some.ChangeHeader(), w => Some.Add(w, "name", ClearValue.Null, Some.Text(""))));
        Field field = entry.Fields[0];
        Assert.Equal(48, field.Before.Bytes.Length);
        Assert.Equal(48, field.After.Bytes.Length);
        OpenedValue before = SealedValue.Open(entry, field, Side.Before, Some.SubjectKey);
        OpenedValue after = SealedValue.Open(entry, field, Side.After, Some.SubjectKey);
        Assert.Equal((OpenFault.None, true, true), (before.Fault, before.Value.IsNull, before.CommitmentChecked));
        Assert.Equal((OpenFault.None, false, 0), (after.Fault, after.Value.IsNull, after.Value.Bytes.Length));
        Assert.False(after.Value.IsMissing);
    }

    [Fact]
    public void A_missing_a_plain_and_a_digested_value_are_not_sealed()
    {
        Entry inserted = Some.Decode(Some.Change(Operation.Insert));
        Assert.Equal(OpenFault.NotSealed, SealedValue.Open(inserted, inserted.Fields[0], Side.Before, Some.SubjectKey).Fault);
        Assert.Equal(OpenFault.NotSealed, SealedValue.Open(inserted, inserted.Fields[1], Side.After, Some.SubjectKey).Fault);
        Assert.Equal(OpenFault.NotSealed, SealedValue.Open(inserted, inserted.Fields[2], Side.Before, Some.SubjectKey).Fault);
        Assert.Equal("B2"u8, inserted.Fields[2].Before.Bytes.Span);
        Assert.True(inserted.Fields[2].After.IsNull);
    }

    [Fact]
    public void A_digest_matches_its_value_and_no_other()
    {
        Entry entry = Some.Decode(Some.Change(Operation.Update));
        Field ssn = entry.Fields[1];
        Assert.True(SealedValue.DigestMatches(entry, ssn, Side.Before, Some.SubjectKey, ClearValue.Null));
        Assert.False(SealedValue.DigestMatches(entry, ssn, Side.Before, Some.SubjectKey, Some.Text("")));
        Assert.True(SealedValue.DigestMatches(entry, ssn, Side.After, Some.SubjectKey, Some.Text("756.1234.5678.97")));
        Assert.False(SealedValue.DigestMatches(entry, ssn, Side.After, Some.OtherSubjectKey, Some.Text("756.1234.5678.97")));
        Assert.False(SealedValue.DigestMatches(entry, ssn, Side.Before, Some.SubjectKey, Some.Text("756.1234.5678.97")));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(26)]
    [InlineData(27)]
    [InlineData(28)]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(257)]
    [InlineData(5_000)]
    [InlineData(16_384)]
    public void A_value_of_any_length_opens_and_its_digest_matches(int length)
    {
        ClearValue value = ClearValue.Of(Bytes(length));
        Entry entry = Some.Decode(Some.Seal(Some.ChangeHeader(), w =>
        {
            Some.Add(w, "sealed", ClearValue.Null, value);
            Some.Add(w, "digest", ClearValue.Null, value, ColumnPolicy.Digest);
            if (length < 10_000) Some.Add(w, "plain", ClearValue.Null, value, ColumnPolicy.Plain);
        }));
        Assert.Equal(Bytes(length), SealedValue.Open(entry, entry.Fields[0], Side.After, Some.SubjectKey).Value.Bytes.ToArray());
        Assert.True(SealedValue.DigestMatches(entry, entry.Fields[1], Side.After, Some.SubjectKey, value));
    }

    [Fact]
    public void The_wrong_key_the_other_side_another_column_and_another_entry_do_not_open()
    {
        Entry entry = Some.Decode(Some.Seal(Some.ChangeHeader(), w =>
        {
            Some.Add(w, "name", Some.Text("Anna"), Some.Text("Anna"));
            Some.Add(w, "town", Some.Text("Anna"), Some.Text("Anna"));
        }));
        (Field name, Field town) = (entry.Fields[0], entry.Fields[1]);
        Assert.NotEqual(name.Before.Bytes.ToArray(), name.After.Bytes.ToArray());
        Assert.Equal(OpenFault.WrongCommitment, Fault(entry, name, Side.After, Some.OtherSubjectKey));
        Assert.Equal(OpenFault.WrongTag, Fault(entry, name with { After = name.Before }, Side.After, Some.SubjectKey));
        Assert.Equal(OpenFault.WrongTag, Fault(entry, name with { After = town.After }, Side.After, Some.SubjectKey));
        Assert.Equal(OpenFault.WrongCommitment, Fault(entry, name with { Name = "town" }, Side.After, Some.SubjectKey));
        Assert.Equal(OpenFault.WrongCommitment, Fault(entry, name with { Scope = FieldScope.Text }, Side.After, Some.SubjectKey));
        EntryHeader later = Some.ChangeHeader() with { SealedAt = new MicroTime(Some.Time.Micros + 1) };
        Entry other = Some.Decode(Some.Seal(later, w => Some.Add(w, "name", Some.Text("Anna"), Some.Text("Anna"))));
        Assert.Equal(OpenFault.WrongCommitment, Fault(other, name, Side.After, Some.SubjectKey));
    }

    [Fact]
    public void Every_flipped_bit_of_an_entry_is_noticed_by_opening_its_values()
    {
        byte[] bytes = Some.Seal(Some.ChangeHeader(), w => Some.Add(w, "name", Some.Text("Anna"), Some.Text("Berta")));
        for (int bit = 0; bit < bytes.Length * 8; bit++)
        {
            byte[] changed = [.. bytes];
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            if (EntryCodec.Decode(changed, out Entry entry) != EntryFault.None || entry.Fields.Count == 0) continue;
            OpenFault before = Fault(entry, entry.Fields[0], Side.Before, Some.SubjectKey);
            OpenFault after = Fault(entry, entry.Fields[0], Side.After, Some.SubjectKey);
            Assert.False(before == OpenFault.None && after == OpenFault.None, $"bit {bit}");
        }
    }

    [Fact]
    public void With_two_subjects_the_commitment_needs_both_keys_and_the_value_only_its_own()
    {
        Entry entry = Some.Decode(TwoSubjects());
        OpenedValue alone = SealedValue.Open(entry, entry.Fields[0], Side.After, Some.OtherSubjectKey);
        OpenedValue both = SealedValue.Open(entry, entry.Fields[0], Side.After, Some.OtherSubjectKey, Some.SubjectKey);
        Assert.Equal((OpenFault.None, false), (alone.Fault, alone.CommitmentChecked));
        Assert.Equal((OpenFault.None, true), (both.Fault, both.CommitmentChecked));
        Assert.Equal("Berta"u8, both.Value.Bytes.Span);
        Assert.Equal(OpenFault.WrongTag, Fault(entry, entry.Fields[0], Side.After, Some.SubjectKey));
        Assert.Equal(OpenFault.WrongCommitment,
            SealedValue.Open(entry, entry.Fields[0], Side.After, Some.OtherSubjectKey, Some.OtherSubjectKey).Fault);
    }

    [Fact]
    public void A_disclosed_side_opens_itself_and_nothing_else()
    {
        Entry entry = Some.Decode(TwoSubjects());
        Field field = entry.Fields[0];
        Assert.Null(SealedValue.Disclose(entry, field, Side.After, Some.OtherSubjectKey));
        DisclosedSide disclosed = SealedValue.Disclose(entry, field, Side.After, Some.OtherSubjectKey, Some.SubjectKey)!;
        OpenedValue opened = SealedValue.OpenDisclosed(entry, disclosed);
        Assert.Equal((OpenFault.None, true), (opened.Fault, opened.CommitmentChecked));
        Assert.Equal("Berta"u8, opened.Value.Bytes.Span);
        Assert.Equal(OpenFault.WrongCommitment, SealedValue.OpenDisclosed(entry, disclosed with { Side = Side.Before }).Fault);
        Assert.Equal(OpenFault.NoSuchField, SealedValue.OpenDisclosed(entry, disclosed with { Name = "town" }).Fault);
        Assert.Equal(OpenFault.NoSuchField, SealedValue.OpenDisclosed(entry, disclosed with { Scope = FieldScope.Text }).Fault);
        Assert.Equal(OpenFault.WrongCommitment, SealedValue.OpenDisclosed(entry, disclosed with { OtherHash = new byte[32] }).Fault);
        Assert.Equal(OpenFault.WrongCommitment, SealedValue.OpenDisclosed(entry, disclosed with { Key = new byte[32] }).Fault);
        Field forged = field with { After = FieldValue.Sealed(new byte[48]) };
        Assert.Equal(
            OpenFault.WrongTag, SealedValue.OpenDisclosed(entry, forged, Side.After, disclosed.Key.Span, disclosed.OtherHash.Span).Fault);
    }

    internal static byte[] TwoSubjects()
    {
        EntryHeader header = Some.ChangeHeader() with { SubjectAfter = Some.OtherSubject };
        return Some.Seal(header, w =>
            w.AddField(FieldScope.Column, "name", ColumnPolicy.Sealed, Some.Text("Anna"), Some.Text("Berta"), Some.SubjectKey,
                Some.OtherSubjectKey));
    }

    private static byte[] Bytes(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)(i * 7 % 251))];

    private static OpenFault Fault(Entry entry, Field field, Side side, byte[] subjectKey) =>
        SealedValue.Open(entry, field, side, subjectKey).Fault;

    private static string Opened(Entry entry, string name, Side side)
    {
        OpenedValue opened = SealedValue.Open(entry, entry.Fields.Single(f => f.Name == name), side, Some.SubjectKey);
        Assert.Equal((OpenFault.None, true), (opened.Fault, opened.CommitmentChecked));
        return Encoding.UTF8.GetString(opened.Value.Bytes.Span);
    }
}
