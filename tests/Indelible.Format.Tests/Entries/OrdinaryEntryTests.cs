using Indelible.Format.Cbor;
using Indelible.Format.Entries;

namespace Indelible.Format.Tests.Entries;

public sealed class OrdinaryEntryTests
{
    private static readonly int[] Flips = [1, 2, 3, 4, 7, 8, 16, 24, 31, 32, 64, 96, 128, 192, 255];

    [Theory]
    [InlineData(Operation.Insert)]
    [InlineData(Operation.Update)]
    [InlineData(Operation.Delete)]
    public void A_change_is_ordinary_once_its_like_was_decoded(Operation operation)
    {
        byte[] bytes = Some.Change(operation);
        var known = new KnownItems("clinic.example/audit");
        Assert.False(OrdinaryEntry.Read(bytes, known).IsOrdinary);
        known.Learn(bytes);
        OrdinaryEntry entry = OrdinaryEntry.Read(bytes, known);
        Assert.True(entry.IsOrdinary);
        EntryHeader header = Some.Decode(bytes).Header;
        Assert.Equal((header.Kind, header.Position), (entry.Kind, entry.Position));
        Assert.Equal([0x63, .. "crm"u8], bytes[entry.SourceStart..entry.SourceEnd]);
        Assert.False(OrdinaryEntry.Read(bytes, Learned("another/ledger")).IsOrdinary);
    }

    [Fact]
    public void A_baseline_is_ordinary_and_so_is_a_change_without_values_of_a_person()
    {
        KnownItems known = Learned("clinic.example/audit");
        Assert.Equal(4, Some.Entries().Count(bytes => OrdinaryEntry.Read(bytes, known).IsOrdinary));
    }

    [Fact]
    public void What_is_taken_for_ordinary_is_accepted_by_the_decoder_whatever_byte_was_changed()
    {
        int ordinary = 0;
        foreach (byte[] bytes in Some.Entries())
        {
            for (int i = 0; i < bytes.Length; i++)
            {
                foreach (int flip in Flips)
                {
                    byte[] changed = [.. bytes];
                    changed[i] ^= (byte)flip;
                    ordinary += Compare(changed);
                }
            }
        }
        Assert.True(ordinary > 10_000, $"{ordinary} taken for ordinary");
    }

    [Fact]
    public void No_item_in_a_form_that_is_not_the_one_and_no_shorter_or_longer_entry_is_ordinary()
    {
        KnownItems known = Learned("clinic.example/audit");
        foreach (byte[] bytes in Some.Entries())
        {
            foreach (NonCanonical.Form form in NonCanonical.Of(bytes))
                Assert.False(OrdinaryEntry.Read(form.Entry, known).IsOrdinary, form.Name);
            for (int length = 0; length < bytes.Length; length++)
                Assert.False(OrdinaryEntry.Read(bytes.AsSpan(0, length), known).IsOrdinary);
            Assert.False(OrdinaryEntry.Read([.. bytes, 0], known).IsOrdinary);
        }
    }

    /// <summary>Members, values and kinds put together in every way: the rules about which go together are the decoder's.</summary>
    [Fact]
    public void What_is_taken_for_ordinary_is_accepted_by_the_decoder_whatever_goes_with_what()
    {
        int ordinary = 0;
        FieldValue[] values =
        [
            FieldValue.Missing(MissingReason.NoRow), FieldValue.Missing(MissingReason.NotApplicable), FieldValue.PlainNull(),
            FieldValue.Plain(new byte[3]),
            FieldValue.Sealed(new byte[48]), FieldValue.Sealed(new byte[50]), FieldValue.Digest(new byte[32]),
            FieldValue.Blob(new byte[32], 20_496),
        ];
        foreach (EntryHeader header in Headers().Where(header => EntryRules.CheckMembers(header).Length == 0))
            foreach (FieldScope scope in Enum.GetValues<FieldScope>())
                foreach (FieldValue before in values)
                    foreach (FieldValue after in values)
                        foreach (int commitment in (int[])[0, 32])
                            foreach (string second in (string[])["", "name", "other"])
                            {
                                var field = new Field { Scope = scope, Name = "name", Before = before, After = after,
                                    Commitment = new byte[commitment] };
                                Field[] fields = second.Length == 0
                                    ? [field]
                                    : [field, field with { Name = second, Scope = FieldScope.Column }];
                                ordinary += Compare(Unchecked(header, fields));
                            }
        Assert.True(ordinary > 300, $"{ordinary} taken for ordinary");
    }

    [Fact]
    public void What_is_taken_for_ordinary_is_accepted_by_the_decoder_whatever_member_is_left_out_or_put_in()
    {
        int ordinary = 0;
        byte[][] entries = [.. Some.Entries()];
        Dictionary<ulong, byte[]> all = [];
        foreach (byte[] bytes in entries)
            foreach ((ulong key, byte[] member) in Members(bytes, out _)) all[key] = member;
        foreach (byte[] bytes in entries)
        {
            SortedDictionary<ulong, byte[]> members = Members(bytes, out byte[] fields);
            foreach (ulong key in all.Keys)
            {
                var others = new SortedDictionary<ulong, byte[]>(members);
                if (!others.Remove(key)) others[key] = all[key];
                ordinary += Compare(
                    [0x82, (byte)(0xA0 | others.Count), .. others.SelectMany(pair => (byte[])[(byte)pair.Key, .. pair.Value]), .. fields]);
            }
        }
        Assert.True(ordinary >= 2, $"{ordinary} taken for ordinary");
    }

    /// <summary>The items of a header by their keys, and what follows it.</summary>
    private static SortedDictionary<ulong, byte[]> Members(byte[] entry, out byte[] fields)
    {
        var reader = new CborReader(entry);
        SortedDictionary<ulong, byte[]> members = [];
        Assert.True(reader.TryReadArray(out _) & reader.TryReadMap(out int count));
        for (int i = 0; i < count; i++)
        {
            Assert.True(reader.TryReadUnsigned(out ulong key));
            int start = reader.Position;
            Assert.True(reader.TrySkip());
            members[key] = entry[start..reader.Position];
        }
        fields = entry[reader.Position..];
        return members;
    }

    private static IEnumerable<EntryHeader> Headers()
    {
        foreach (byte[] bytes in Some.Entries())
        {
            EntryHeader header = Some.Decode(bytes).Header;
            if (header.Kind > EntryKind.Baseline) continue;
            foreach (Operation? operation in (Operation?[])[null, .. Enum.GetValues<Operation>()])
                foreach (KeyId? subject in (KeyId?[])[null, Some.Subject])
                    foreach (bool isOther in (bool[])[false, true])
                    {
                        yield return header with { Operation = operation, SubjectBefore = subject,
                            SubjectAfter = isOther ? Some.Subject : null, Kind = isOther ? header.Kind : EntryKind.Change };
                    }
        }
    }

    private static byte[] Unchecked(EntryHeader header, Field[] fields)
    {
        byte[] buffer = new byte[EntryLimits.EntryLengthMax];
        var writer = new CborWriter(buffer);
        writer.Array(2);
        HeaderWriter.Write(ref writer, header);
        writer.Array(fields.Length);
        foreach (Field field in fields) FieldWriter.Write(ref writer, field);
        return writer.Written.ToArray();
    }

    /// <summary>1 if it is taken for ordinary; the decoder must accept it then, and say the same.</summary>
    private static int Compare(byte[] bytes)
    {
        OrdinaryEntry ordinary = OrdinaryEntry.Read(bytes, Learned("clinic.example/audit"));
        if (!ordinary.IsOrdinary) return 0;
        EntryFault fault = EntryCodec.Decode(bytes, out Entry entry);
        Assert.True(fault == EntryFault.None, $"{fault}: {Convert.ToHexStringLower(bytes)}");
        Assert.Equal("clinic.example/audit", entry.Header.Origin);
        Assert.Equal((entry.Header.Kind, entry.Header.Position ?? default), (ordinary.Kind, ordinary.Position));
        Assert.Equal(entry.Header.Source, System.Text.Encoding.UTF8.GetString(bytes[(ordinary.SourceStart + 1)..ordinary.SourceEnd]));
        Assert.DoesNotContain(entry.Fields, field => field.Before.Kind == ValueKind.Blob || field.After.Kind == ValueKind.Blob);
        return 1;
    }

    private static KnownItems Learned(string origin)
    {
        var known = new KnownItems(origin);
        foreach (byte[] bytes in Some.Entries()) known.Learn(bytes);
        return known;
    }
}
