using System.Text.RegularExpressions;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Format.Tests.Vectors;

namespace Indelible.Format.Tests.Entries;

/// <summary>The example in docs/format.md#example is what the program writes.</summary>
public sealed partial class WorkedExampleTests
{
    [Fact]
    public void The_example_in_the_document_is_what_the_program_writes_and_opens()
    {
        string text = File.ReadAllText(Path.Combine(Repository.Root, "docs", "format.md"));
        string block = HexBlock().Match(text).Groups[1].Value;
        string hex = string.Concat(block.Split('\n').Select(line => line.Split(';')[0].Replace(" ", "", StringComparison.Ordinal)));
        byte[] written = Example();
        Assert.True(Convert.ToHexStringLower(written) == hex, $"expected in docs/format.md: {Convert.ToHexStringLower(written)}");
        Entry entry = Some.Decode(Convert.FromHexString(hex));
        byte[] subjectKey = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];
        Assert.Equal("Anna"u8, SealedValue.Open(entry, entry.Fields[0], Side.After, subjectKey).Value.Bytes.Span);
    }

    private static byte[] Example()
    {
        byte[] subjectKey = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];
        var header = new EntryHeader
        {
            Origin = "example.org/log",
            Kind = EntryKind.Change,
            Nonce = Enumerable.Range(1, 16).Select(i => (byte)i).ToArray(),
            SealedAt = new MicroTime(1_795_465_487_000_000),
            Source = "crm",
            Position = new Position(Lsn.Parse("0/16B3748"), 0),
            TransactionId = 741,
            CommittedAt = new MicroTime(1_795_465_486_999_000),
            Relation = new Relation(1, "public", "patient"),
            Operation = Operation.Insert,
            Key = Some.Key(("id", "17")),
            SubjectAfter = KeyId.Read(Enumerable.Repeat((byte)0xAA, 16).ToArray()),
            Operator = new Operator { Grade = Grade.Asserted, Id = "maria" },
        };
        return Some.Seal(header, w => w.AddField(
            FieldScope.Column, "name", ColumnPolicy.Sealed, ClearValue.Missing(MissingReason.NoRow), Some.Text("Anna"), default,
            subjectKey));
    }

    [GeneratedRegex("```hex\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex HexBlock();
}
