using Indelible.Capture;
using Indelible.Capture.Relations;
using Indelible.Format.Entries;

namespace Indelible.Simulation.Tests;

/// <summary>A table of the simulated database, and the rows in it.</summary>
/// <param name="Id">Its number in the protection; 0 for one that is published for others.</param>
/// <param name="Oid">pg_class.oid; of a partitioned table the root's.</param>
/// <param name="Leaves">Oids of its partitions; empty if it has none.</param>
/// <param name="Columns">Name, and policy if it is protected.</param>
/// <param name="Key">Places of the primary key's columns.</param>
/// <param name="IsFull">REPLICA IDENTITY FULL; else DEFAULT.</param>
/// <param name="Subject">Place of the column that names the person; -1 if none does.</param>
internal sealed record SimTable(uint Id, uint Oid, string Name, uint[] Leaves, IReadOnlyList<(string Name, ColumnPolicy? Policy)> Columns,
    int[] Key, bool IsFull, int Subject)
{
    /// <summary>text, for every column: the type takes no part in anything simulated.</summary>
    public const uint TypeOid = 25;

    /// <summary>Rows now, in the order they came.</summary>
    public List<SimRow> Rows { get; } = [];

    public bool IsToken => Key.Any(place => Columns[place].Policy is not null);

    /// <summary>One of each kind: plain names and digests, a key of two columns without old values, a protected key and a subject,
    /// partitions, and a stranger.</summary>
    public static SimTable[] All() =>
    [
        new(1, 16401, "patients", [],
            [("id", null), ("name", ColumnPolicy.Sealed), ("note", ColumnPolicy.Sealed), ("ward", ColumnPolicy.Plain), ("seen", null)], [0],
            true, -1),
        new(2, 16402, "people", [],
            [("region", null), ("no", null), ("ssn", ColumnPolicy.Sealed), ("email", ColumnPolicy.Digest), ("hits", null)], [0, 1], false,
            -1),
        new(3, 16403, "accounts", [], [("iban", ColumnPolicy.Sealed), ("owner", null), ("balance", ColumnPolicy.Sealed)], [0], true, 1),
        new(4, 16410, "visits", [16411, 16412], [("id", null), ("what", ColumnPolicy.Sealed)], [0], true, -1),
        new(0, 16999, "others", [], [("id", null), ("what", null)], [0], true, -1),
    ];

    /// <summary>What is protected in these tables.</summary>
    public static Protection Protect(IEnumerable<SimTable> tables, string source, ulong systemId) => new()
    {
        Source = source,
        SystemId = systemId,
        Slot = "indelible_" + source,
        Publication = "indelible_" + source,
        Tables = [.. tables.Where(table => table.Id != 0).Select(table => table.Protected())],
    };

    /// <summary>What the catalog says of those that are protected.</summary>
    public static Catalog CatalogOf(IEnumerable<SimTable> tables)
    {
        Dictionary<uint, RelationShape> shapes = [];
        foreach (SimTable table in tables.Where(table => table.Id != 0))
        {
            ShapeColumn[] columns =
                [.. table.Columns.Select((column, place) => new ShapeColumn(column.Name, TypeOid, (short)(place + 1), false))];
            shapes[table.Oid] = new RelationShape(table.Oid, table.Oid, table.Leaves.Length > 0, columns);
            foreach (uint leaf in table.Leaves) shapes[leaf] = new RelationShape(leaf, table.Oid, false, columns);
        }
        return new Catalog(shapes, new Dictionary<uint, IReadOnlyList<short>>());
    }

    public string NameOf(uint oid) => oid == Oid ? Name : $"{Name}_{oid}";

    /// <summary>How entries name a partition.</summary>
    public string? LeafName(uint oid) => oid == Oid ? null : $"\"public\".\"{NameOf(oid)}\"";

    private ProtectedTable Protected() => new()
    {
        Id = Id,
        Oid = Oid,
        Schema = "public",
        Name = Name,
        Key = [.. Key.Select(place => Columns[place].Name)],
        Subject = Subject < 0 ? null : Columns[Subject].Name,
        Columns = [.. Columns.Index().Where(column => column.Item.Policy is not null).Select(column => new ProtectedColumn
        {
            Number = (short)(column.Index + 1), Name = column.Item.Name, Type = "text", Policy = column.Item.Policy!.Value,
        })],
        Partitioned = Leaves.Length > 0,
        DefaultIdentity = !IsFull,
    };
}

/// <summary>A row.</summary>
/// <param name="Oid">The table or partition it is in.</param>
/// <param name="Values">Its values; null for NULL.</param>
internal sealed record SimRow(uint Oid, string?[] Values);
