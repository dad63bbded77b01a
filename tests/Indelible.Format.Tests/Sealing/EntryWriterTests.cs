using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Format.Tests.Entries;

namespace Indelible.Format.Tests.Sealing;

public sealed class EntryWriterTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(23)]
    [InlineData(24)]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(700)]
    public void Any_number_of_fields_encodes_as_the_codec_does(int count)
    {
        var writer = new EntryWriter();
        writer.Begin(Some.ChangeHeader());
        for (int i = 0; i < count; i++) Some.Add(writer, $"c{i}", ClearValue.Null, Some.Text("x"), ColumnPolicy.Plain);
        int length = writer.Length;
        byte[] bytes = writer.End().ToArray();
        Assert.Equal(length, bytes.Length);
        Entry entry = Some.Decode(bytes);
        Assert.Equal(count, entry.Fields.Count);
        Assert.Equal(bytes, Some.Encode(entry));
    }

    [Fact]
    public void A_writer_used_again_gives_the_same_bytes_as_a_new_one()
    {
        var writer = new EntryWriter();
        writer.Begin(Some.ChangeHeader() with { Nonce = Enumerable.Repeat((byte)9, 16).ToArray() });
        Some.Add(writer, "a much longer column", Some.Text(new string('x', 9_000)), Some.Text("y"));
        writer.End();
        writer.Begin(Some.ChangeHeader());
        Some.Add(writer, "name", Some.Text("Anna"), Some.Text("Berta"));
        byte[] fresh = Some.Seal(Some.ChangeHeader(), w => Some.Add(w, "name", Some.Text("Anna"), Some.Text("Berta")));
        Assert.Equal(fresh, writer.End().ToArray());
    }

    [Fact]
    public void A_field_never_takes_more_than_foretold()
    {
        ClearValue[] values = [ClearValue.Null, ClearValue.Missing(MissingReason.Unchanged), Some.Text(""), Some.Text(new string('x', 300)),
            Some.Text(new string('x', 16_384)), Some.Text(new string('x', 20_000))];
        foreach (ColumnPolicy policy in Enum.GetValues<ColumnPolicy>())
        {
            foreach (ClearValue value in values)
            {
                var writer = new EntryWriter();
                writer.Begin(Some.ChangeHeader());
                int start = writer.Length;
                Some.Add(writer, "straße", value, value, policy);
                Assert.InRange(writer.Length - start, 1, EntryWriter.FieldLengthMax("straße", policy, value, value));
            }
        }
    }

    [Fact]
    public void An_entry_that_grows_too_long_is_refused_and_the_writer_can_begin_again()
    {
        var writer = new EntryWriter();
        writer.Begin(Some.ChangeHeader());
        Assert.Throws<ArgumentException>(() =>
        {
            for (int i = 0; i < 10; i++) Some.Add(writer, $"c{i}", Some.Text(new string('x', 16_000)), ClearValue.Null);
        });
        Assert.Throws<InvalidOperationException>(() => writer.End());
        writer.Begin(Some.ChangeHeader());
        Assert.NotEmpty(writer.End().ToArray());
    }

    [Fact]
    public void What_breaks_a_rule_of_the_kind_is_refused_when_written()
    {
        EntryHeader header = Some.ChangeHeader();
        var writer = new EntryWriter();
        Assert.Throws<ArgumentException>(() => writer.Begin(header with { Operator = null }));
        Assert.Throws<ArgumentException>(() => writer.Begin(header with { Nonce = new byte[16] }));
        Assert.Throws<ArgumentException>(() => writer.Begin(header with { Nonce = new byte[15] }));
        Assert.Throws<ArgumentException>(() => writer.Begin(header with { Operation = Operation.Insert }));
        Assert.Throws<ArgumentException>(() => writer.Begin(header with { Kind = EntryKind.State }));
        Assert.Throws<ArgumentException>(() => writer.Begin(header with { Origin = "" }));
        Assert.ThrowsAny<ArgumentException>(() => writer.Begin(header with { Source = "\ud800" }));
        Assert.Throws<ArgumentException>(() => writer.Begin(header with { Key = new RowKey() }));
        writer.Begin(header with { SubjectAfter = null });
        Assert.Throws<ArgumentException>(() => Some.Add(writer, "name", ClearValue.Null, ClearValue.Null));
        writer.Begin(header);
        Some.Add(writer, "name", ClearValue.Null, ClearValue.Null);
        Assert.Throws<ArgumentException>(() => Some.Add(writer, "name", ClearValue.Null, ClearValue.Null));
    }

    [Fact]
    public void Sealing_allocates_nothing()
    {
        EntryHeader header = Some.ChangeHeader();
        ClearValue before = Some.Text("Anna Muster");
        ClearValue after = Some.Text("Anna Meier");
        var writer = new EntryWriter();
        long Round(int count)
        {
            long start = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < count; i++)
            {
                writer.Begin(header);
                Some.Add(writer, "name", before, after);
                Some.Add(writer, "town", before, after);
                writer.End();
            }
            return GC.GetAllocatedBytesForCurrentThread() - start;
        }
        Round(100);
        Assert.Equal(0, Round(1_000));
    }
}
