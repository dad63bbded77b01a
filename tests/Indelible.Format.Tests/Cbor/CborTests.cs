using CsCheck;
using Indelible.Format.Cbor;

namespace Indelible.Format.Tests.Cbor;

public sealed class CborTests
{
    [Fact]
    public void Every_integer_reads_back_in_its_shortest_form() => Gen.Long.Sample(value =>
    {
        byte[] bytes = Written((ref CborWriter w) => w.Integer(value));
        var reader = new CborReader(bytes);
        return reader.TryReadInteger(out long back) && back == value && reader.AtEnd;
    });

    [Fact]
    public void Every_text_and_byte_string_reads_back() =>
        Gen.Select(Gen.String[Gen.Char.AlphaNumeric, 0, 300], Gen.Byte.Array[0, 300]).Sample((text, blob) =>
    {
        byte[] bytes = Written((ref CborWriter w) =>
        {
            w.Text(text);
            w.Bytes(blob);
        });
        var reader = new CborReader(bytes);
        return reader.TryReadText(out ReadOnlySpan<byte> utf8) && System.Text.Encoding.UTF8.GetString(utf8) == text
            && reader.TryReadBytes(out ReadOnlySpan<byte> back) && back.SequenceEqual(blob) && reader.AtEnd;
    });

    [Theory]
    [InlineData("00")]
    [InlineData("1bffffffffffffffff")]
    [InlineData("3b7fffffffffffffff")]
    [InlineData("40")]
    [InlineData("6161")]
    [InlineData("f4")]
    [InlineData("f5")]
    [InlineData("f6")]
    [InlineData("8301820203820405")]
    [InlineData("a2016102026103")]
    [InlineData("a3616101616202626161f6")]
    [InlineData("80")]
    [InlineData("a0")]
    [InlineData("6100")]
    public void Deterministic_items_are_read(string hex)
    {
        var reader = new CborReader(Convert.FromHexString(hex));
        Assert.True(reader.TrySkip(), reader.Rule);
        Assert.True(reader.AtEnd);
    }

    [Theory]
    [InlineData("", "the end")]
    [InlineData("1817", "shortest")]
    [InlineData("190018", "shortest")]
    [InlineData("1a0000ffff", "shortest")]
    [InlineData("1b00000000ffffffff", "shortest")]
    [InlineData("5801ff", "shortest")]
    [InlineData("9801f6", "shortest")]
    [InlineData("18", "whole head")]
    [InlineData("1900", "whole head")]
    [InlineData("1c", "definite")]
    [InlineData("5fff", "definite")]
    [InlineData("9fff", "definite")]
    [InlineData("bfff", "definite")]
    [InlineData("ff", "definite")]
    [InlineData("41", "bytes")]
    [InlineData("5bffffffffffffffff", "bytes")]
    [InlineData("61ff", "UTF-8")]
    [InlineData("63eda080", "UTF-8")]
    [InlineData("62c080", "UTF-8")]
    [InlineData("81", "too few")]
    [InlineData("9b7fffffffffffffff", "too few")]
    [InlineData("a101", "too few")]
    [InlineData("a202000100", "order")]
    [InlineData("a201000100", "order")]
    [InlineData("a26262620061610000", "order")]
    [InlineData("c000", "tags")]
    [InlineData("f7", "simple")]
    [InlineData("f0", "simple")]
    [InlineData("f818", "simple")]
    [InlineData("f93c00", "simple")]
    [InlineData("fb3ff0000000000000", "simple")]
    [InlineData("8181818181818181818181818181818181f6", "levels")]
    public void Everything_else_is_refused_with_the_rule_and_the_reader_has_not_moved(string hex, string rule)
    {
        var reader = new CborReader(Convert.FromHexString(hex));
        Assert.False(reader.TrySkip());
        Assert.Contains(rule, reader.Rule, StringComparison.Ordinal);
        Assert.Equal(0, reader.Position);
    }

    [Fact]
    public void A_failed_read_of_any_type_leaves_the_reader_where_it_was()
    {
        foreach (string hex in (string[])["", "18", "20", "41", "61ff", "81", "a1", "c0", "f7", "3bffffffffffffffff"])
        {
            var reader = new CborReader(Convert.FromHexString(hex));
            Assert.False(reader.TryReadUnsigned(out _));
            if (hex != "20") Assert.False(reader.TryReadInteger(out _));
            else continue;
            Assert.False(reader.TryReadBytes(out _));
            Assert.False(reader.TryReadText(out _));
            Assert.False(reader.TryReadArray(out _));
            Assert.False(reader.TryReadMap(out _));
            Assert.False(reader.TryReadNull());
            Assert.False(reader.TryReadBoolean(out _));
            Assert.Equal(0, reader.Position);
        }
    }

    [Fact]
    public void Random_bytes_never_throw_and_what_is_read_is_inside_them() => Gen.Byte.Array[0, 60].Sample(bytes =>
    {
        var reader = new CborReader(bytes);
        bool isRead = reader.TrySkip();
        return isRead ? reader.Position > 0 && reader.Position <= bytes.Length : reader.Position == 0;
    });

    private delegate void Write(ref CborWriter writer);

    private static byte[] Written(Write write)
    {
        var writer = new CborWriter(new byte[1_000]);
        write(ref writer);
        return writer.Written.ToArray();
    }
}
