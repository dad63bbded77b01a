using Indelible.Format;
using Indelible.Format.Sealing;
using Xunit;

namespace Indelible.Index.Tests;

public sealed class RowImagesTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("indelible-rows-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Rows_are_what_the_changes_made_of_them_also_after_a_restart(int seed)
    {
        var random = new Random(seed);
        Dictionary<RowTag, RowImage> model = [];
        ulong[] tables = [RowTag.Of("crm", 1), RowTag.Of("crm", 2), RowTag.Of("billing", 1)];
        for (int session = 0; session < 4; session++)
        {
            using LedgerIndex index = LedgerIndex.Open(_directory, "example.org/t");
            AssertSame(model, tables, index.Rows);
            for (int batch = 0; batch < 10; batch++)
                index.Rows.Apply(Batch(random, model, tables, (session * 10) + batch + 1), index.Resets);
            AssertSame(model, tables, index.Rows);
            Assert.Equal((session * 10) + 10, index.Rows.AppliedTo("crm"));
        }
    }

    [Fact]
    public void Nothing_is_known_after_a_reset()
    {
        using LedgerIndex index = LedgerIndex.Open(_directory, "example.org/t");
        RowChanges changes = new("crm") { AppliedTo = 7 };
        RowTag row = new(RowTag.Of("crm", 1), 5);
        changes.Set(row, Image(1, 0));
        changes.Mark(row.Table, new TableMarks(new Lsn(9), new Lsn(8), 7));
        long resets = index.Resets;
        Assert.True(index.Rows.Apply(changes, resets));
        Assert.Equal(new TableMarks(new Lsn(9), new Lsn(8), 7), index.Rows.MarksOf(row.Table));
        index.Reset();
        Assert.False(index.Rows.Apply(changes, resets));
        Assert.Null(index.Rows.Find(row));
        Assert.Equal(default, index.Rows.MarksOf(row.Table));
        Assert.Equal(0, index.Rows.AppliedTo("crm"));
    }

    private static RowChanges Batch(Random random, Dictionary<RowTag, RowImage> model, ulong[] tables, int appliedTo)
    {
        RowChanges changes = new("crm") { AppliedTo = appliedTo };
        for (int i = 0; i < 200; i++)
        {
            RowTag row = new(tables[random.Next(tables.Length)],
                random.Next(3) == 0 ? UInt128.MaxValue - (UInt128)random.Next(3) : (UInt128)random.Next(3000));
            if (random.Next(60) == 0)
            {
                ulong leaf = random.Next(3) == 0 ? 0 : RowImage.LeafOf($"leaf{random.Next(3)}");
                changes.RemoveAll(row.Table, leaf);
                foreach (RowTag gone in model.Where(pair => pair.Key.Table == row.Table && (leaf == 0 || pair.Value.Leaf == leaf))
                    .Select(pair => pair.Key).ToList()) model.Remove(gone);
            }
            else if (random.Next(4) == 0)
            {
                changes.Remove(row);
                model.Remove(row);
            }
            else changes.Set(row, model[row] = Image(random.Next(), random.Next(3)));
        }
        return changes;
    }

    private static RowImage Image(int at, int leaf) => new()
    {
        At = new Lsn((ulong)at),
        Ordinal = (uint)leaf,
        Leaf = RowImage.LeafOf($"leaf{leaf}"),
        Columns = [new ColumnImage(2, new Fingerprint((ulong)at + 2)), new ColumnImage(-1, Fingerprint.Null),
            new ColumnImage(9, Fingerprint.Unknown)],
    };

    private static void AssertSame(Dictionary<RowTag, RowImage> model, ulong[] tables, RowImages rows)
    {
        foreach (ulong table in tables)
        {
            var found = rows.OfTable(table).ToDictionary(row => row.Row, row => row.Image);
            Assert.Equal(model.Count(pair => pair.Key.Table == table), found.Count);
            foreach ((RowTag tag, RowImage image) in model.Where(pair => pair.Key.Table == table))
            {
                AssertSame(image, found[tag.Row]);
                AssertSame(image, rows.Find(tag)!);
            }
        }
    }

    private static void AssertSame(RowImage expected, RowImage found)
    {
        Assert.Equal((expected.At, expected.Ordinal, expected.Leaf), (found.At, found.Ordinal, found.Leaf));
        Assert.Equal(expected.Columns, found.Columns);
    }
}
