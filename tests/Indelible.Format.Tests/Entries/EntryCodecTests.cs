using Indelible.Format.Entries;

namespace Indelible.Format.Tests.Entries;

public sealed class EntryCodecTests
{
    private static readonly int[] Flips = [1, 2, 3, 4, 7, 8, 16, 24, 31, 32, 64, 96, 128, 192, 255];

    [Fact]
    public void An_entry_of_every_kind_decodes_and_encodes_to_the_same_bytes()
    {
        foreach (byte[] bytes in Some.Entries())
        {
            Entry entry = Some.Decode(bytes);
            Assert.Equal(bytes, Some.Encode(entry));
        }
    }

    [Fact]
    public void The_kind_can_be_read_from_an_entry_s_first_bytes_alone()
    {
        foreach (byte[] bytes in Some.Entries())
        {
            EntryKind kind = Some.Decode(bytes).Header.Kind;
            Assert.Equal(kind, EntryCodec.KindOf(bytes));
            int needed = Enumerable.Range(0, bytes.Length).First(length => EntryCodec.KindOf(bytes.AsSpan(0, length)) is not null);
            Assert.InRange(needed, 1, bytes.Length / 2);
            Assert.Equal(kind, EntryCodec.KindOf(bytes.AsSpan(0, needed)));
        }
        Assert.Null(EntryCodec.KindOf([]));
    }

    [Fact]
    public void Every_changed_byte_is_refused_or_says_something_else_with_exactly_those_bytes()
    {
        foreach (byte[] bytes in Some.Entries())
        {
            for (int i = 0; i < bytes.Length; i++)
            {
                foreach (int flip in Flips)
                {
                    byte[] changed = [.. bytes];
                    changed[i] ^= (byte)flip;
                    EntryFault fault = EntryCodec.Decode(changed, out Entry entry);
                    if (fault == EntryFault.None) Assert.Equal(changed, Some.Encode(entry));
                    else Assert.InRange(fault.Offset, 0, bytes.Length);
                }
            }
        }
    }

    [Fact]
    public void Every_item_in_every_form_that_is_not_the_one_is_refused()
    {
        int count = 0;
        foreach (byte[] bytes in Some.Entries())
        {
            foreach (NonCanonical.Form form in NonCanonical.Of(bytes))
            {
                EntryFault fault = EntryCodec.Decode(form.Entry, out Entry? entry);
                Assert.True(fault != EntryFault.None && entry is null, $"{form.Name}: {Convert.ToHexStringLower(form.Entry)}");
                count++;
            }
        }
        Assert.True(count > 10_000, $"{count} forms");
    }

    [Fact]
    public void A_time_that_is_no_date_is_refused()
    {
        byte[] bytes = Some.Change(Operation.Update);
        foreach (long micros in (long[])[MicroTime.Min.Micros, MicroTime.Max.Micros])
        {
            Entry entry = Some.Decode(bytes);
            Assert.NotEmpty(Some.Encode(entry with { Header = entry.Header with { SealedAt = new MicroTime(micros) } }));
        }
        int sealedAt = bytes.AsSpan().IndexOf((byte[])[0x04, 0x1B]) + 2;
        System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(sealedAt), MicroTime.Max.Micros + 1);
        Assert.Contains("expected a number from", EntryCodec.Decode(bytes, out _).Rule, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(
            () => Some.Seal(Some.ChangeHeader() with { CommittedAt = new MicroTime(MicroTime.Min.Micros - 1) }));
        Assert.Throws<ArgumentException>(
            () => Some.Seal(Some.ChangeHeader() with { Operator = Some.Person with { BackendStart = new MicroTime(long.MaxValue) } }));
    }

    [Fact]
    public void Every_shorter_and_every_longer_entry_is_refused()
    {
        foreach (byte[] bytes in Some.Entries())
        {
            for (int length = 0; length < bytes.Length; length++)
            {
                Assert.NotEqual(EntryFault.None, EntryCodec.Decode(bytes.AsMemory(0, length), out _));
            }
            Assert.Equal("expected the end of the entry, found more bytes", EntryCodec.Decode((byte[])[.. bytes, 0], out _).Rule);
        }
    }

    [Fact]
    public void An_entry_of_a_later_version_is_refused_with_what_to_do()
    {
        byte[] bytes = Some.Change(Operation.Update);
        Assert.Equal(0, bytes[2]);
        Assert.Equal(1, bytes[3]);
        bytes[3] = 2;
        Assert.Equal(
            new EntryFault("entry version 2: this program knows 1; upgrade", 3) { IsVersion = true }, EntryCodec.Decode(bytes, out _));
    }
}
