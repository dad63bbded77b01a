using System.Security.Cryptography;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Format.Tests.Entries;

namespace Indelible.Format.Tests.Sealing;

public sealed class BlobTests
{
    [Theory]
    [InlineData(16_385)]
    [InlineData((1 << 20) - 5)]
    [InlineData((1 << 20) - 4)]
    [InlineData(3_000_000)]
    public void A_large_value_becomes_a_blob_that_opens_whole(int length)
    {
        (Entry entry, SealedBlob blob, byte[] value) = Sealed(length);
        FieldValue after = entry.Fields[0].After;
        Assert.Equal(ValueKind.Blob, after.Kind);
        Assert.Equal(SHA256.HashData(blob.Ciphertext.Span), after.Bytes.ToArray());
        Assert.Equal((ulong)blob.Ciphertext.Length, after.BlobLength);
        OpenedValue opened = SealedValue.Open(entry, entry.Fields[0], Side.After, Some.SubjectKey, blob: blob.Ciphertext);
        Assert.Equal((OpenFault.None, true), (opened.Fault, opened.CommitmentChecked));
        Assert.True(opened.Value.Bytes.Span.SequenceEqual(value));
    }

    [Fact]
    public void A_blob_not_given_shortened_or_changed_does_not_open()
    {
        (Entry entry, SealedBlob blob, _) = Sealed(2_000_000);
        byte[] changed = blob.Ciphertext.ToArray();
        changed[1_500_000] ^= 1;
        Assert.Equal(OpenFault.BlobNotGiven, Open(entry, default));
        Assert.Equal(OpenFault.WrongBlob, Open(entry, blob.Ciphertext[..^1]));
        Assert.Equal(OpenFault.WrongBlob, Open(entry, changed));
    }

    [Fact]
    public void Chunks_that_change_places_or_go_missing_do_not_open_even_under_a_fitting_hash()
    {
        (Entry entry, SealedBlob blob, _) = Sealed(4_000_000);
        const int Chunk = (1 << 20) + 16;
        ReadOnlySpan<byte> whole = blob.Ciphertext.Span;
        byte[] swapped = [.. whole[Chunk..(2 * Chunk)], .. whole[..Chunk], .. whole[(2 * Chunk)..]];
        byte[] shortened = [.. whole[..(2 * Chunk)]];
        Assert.Equal(OpenFault.WrongTag, Open(Renamed(entry, swapped), swapped));
        Assert.Equal(OpenFault.WrongTag, Open(Renamed(entry, shortened), shortened));
    }

    [Fact]
    public void A_large_plain_value_is_encrypted_all_the_same()
    {
        var writer = new EntryWriter();
        writer.Begin(Some.ChangeHeader());
        Some.Add(writer, "note", ClearValue.Null, ClearValue.Of(new byte[20_000]), ColumnPolicy.Plain);
        Entry entry = Some.Decode(writer.End().ToArray());
        Assert.Equal((ValueKind.Plain, ValueKind.Blob), (entry.Fields[0].Before.Kind, entry.Fields[0].After.Kind));
        Assert.Equal(OpenFault.None, Open(entry, writer.Blobs[0].Ciphertext));
    }

    private static (Entry, SealedBlob, byte[]) Sealed(int length)
    {
        byte[] value = [.. Enumerable.Range(0, length).Select(i => (byte)((i ^ (i >> 8)) & 0xFF))];
        var writer = new EntryWriter();
        writer.Begin(Some.ChangeHeader());
        Some.Add(writer, "note", Some.Text("short"), ClearValue.Of(value));
        Entry entry = Some.Decode(writer.End().ToArray());
        return (entry, Assert.Single(writer.Blobs), value);
    }

    private static Entry Renamed(Entry entry, byte[] blob) =>
        entry with { Fields = [entry.Fields[0] with { After = FieldValue.Blob(SHA256.HashData(blob), (ulong)blob.Length) }] };

    private static OpenFault Open(Entry entry, ReadOnlyMemory<byte> blob) =>
        SealedValue.Open(entry, entry.Fields[0], Side.After, Some.SubjectKey, blob: blob).Fault;
}
