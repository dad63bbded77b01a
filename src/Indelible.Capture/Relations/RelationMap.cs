using Indelible.Capture.PgOutput;
using Indelible.Format.Entries;

namespace Indelible.Capture.Relations;

/// <summary>Tells which column of the stream is which column of the catalog. The stream carries names only, and names move.</summary>
/// <remarks>
/// Known shapes come from the catalog at the start and from in-stream DDL, which is exactly positioned.
/// A Relation message that does not match what is known, in names, types and order, is compared with the catalog as it is now;
/// failing that, every column of the relation counts as protected until it matches again. Owned by the capture loop.
/// </remarks>
internal sealed class RelationMap
{
    /// <summary>Relations that a stream may describe, and columns of those that remain unclear: about 100 and 250 MiB. A stream that tells
    /// of more, over months perhaps, is ended, and the next one begins with none.</summary>
    private const int RelationsMax = 1 << 20, UnclearColumnsMax = 1 << 20;

    private readonly Dictionary<uint, ProtectedTable> _tables;
    private readonly Dictionary<uint, RelationShape> _shapes;
    private readonly Dictionary<uint, short[]> _keys;
    private readonly Dictionary<uint, short> _subjects;
    private readonly Dictionary<uint, RowPlan?> _plans = [];
    private readonly FingerprintKeys _fingerprintKeys;
    private int _unclearColumns;

    public RelationMap(Protection protection, Catalog catalog, FingerprintKeys fingerprintKeys)
    {
        _fingerprintKeys = fingerprintKeys;
        Types = new ColumnTypes(protection);
        _tables = protection.Tables.ToDictionary(table => table.Oid);
        _shapes = new Dictionary<uint, RelationShape>(catalog.Shapes);
        _keys = protection.Tables.ToDictionary(table => table.Oid, table => KeyNumbers(table, catalog));
        _subjects = protection.Tables.ToDictionary(table => table.Oid, table => NumberOf(table.Subject, table.Oid, catalog));
    }

    /// <summary>The types of the protected columns, as the stream has told of them.</summary>
    public ColumnTypes Types { get; }

    /// <summary>The plan for a relation; null if it is none of ours. False if the stream has not described it.</summary>
    public bool TryGetPlan(uint oid, out RowPlan? plan) => _plans.TryGetValue(oid, out plan);

    /// <summary>Maps a relation from what is known. False: ask the catalog, then call <see cref="MapWith"/>.</summary>
    public bool TryMap(RelationMessage relation)
    {
        if (!_shapes.TryGetValue(relation.Oid, out RelationShape? shape) || !Matches(shape, relation)) return false;
        Accept(shape, relation);
        return true;
    }

    /// <summary>Maps a relation with the catalog as it is now. Returns false if it is still unclear and all columns
    /// count as protected.</summary>
    /// <param name="isOthers">True if the relation is published for somebody else's sake.</param>
    public bool MapWith(RelationMessage relation, Catalog catalog, bool isOthers)
    {
        if (_plans.Count >= RelationsMax) throw new PgOutputException($"more than {RelationsMax} relations", 0);
        if (catalog.Shapes.TryGetValue(relation.Oid, out RelationShape? shape) && Matches(shape, relation))
        {
            Accept(shape, relation);
            return true;
        }
        if ((shape is null && isOthers) || RootOf(relation, shape ?? _shapes.GetValueOrDefault(relation.Oid)) is not { } root)
        {
            _plans[relation.Oid] = null;
            return true;
        }
        _unclearColumns += relation.Columns.Count;
        if (_unclearColumns > UnclearColumnsMax)
            throw new PgOutputException($"more than {UnclearColumnsMax} columns of relations that are not in the catalog", 0);
        _plans[relation.Oid] = Unclear(relation, root);
        return false;
    }

    /// <summary>Takes over a relation's columns as DDL in the stream left them. The next Relation message is held against them.</summary>
    /// <param name="root">The protected table.</param>
    /// <param name="oid">The relation: the table or a partition.</param>
    /// <param name="holdsNoRows">True for a partitioned table itself.</param>
    /// <param name="columns">Number in the relation, and name, in the order of the numbers.</param>
    public void Learn(uint root, uint oid, bool holdsNoRows, IReadOnlyList<(short Number, string Name)> columns)
    {
        if (!_tables.ContainsKey(root)) return;
        if (oid == root) LearnRoot(root, holdsNoRows, columns);
        else LearnPartition(root, oid, holdsNoRows, columns);
    }

    private void LearnRoot(uint root, bool holdsNoRows, IReadOnlyList<(short Number, string Name)> columns)
    {
        _shapes[root] = new RelationShape(root, root, holdsNoRows, [.. columns.Select(c => new ShapeColumn(c.Name, 0, c.Number, true))]);
        foreach (RelationShape leaf in _shapes.Values.Where(shape => shape.Root == root && shape.Oid != root).ToList())
        {
            _shapes[leaf.Oid] = leaf with { Columns = Follow(leaf.Columns, columns) };
        }
    }

    /// <summary>A partition's columns keep their order; renames and drops follow the root's numbers, additions come last.</summary>
    private static List<ShapeColumn> Follow(IReadOnlyList<ShapeColumn> leaf, IReadOnlyList<(short Number, string Name)> root)
    {
        Dictionary<short, string> names = root.ToDictionary(c => c.Number, c => c.Name);
        List<ShapeColumn> columns = [];
        foreach (ShapeColumn column in leaf)
        {
            if (names.Remove(column.RootNumber, out string? name)) columns.Add(new ShapeColumn(name, 0, column.RootNumber, true));
        }
        columns.AddRange(root.Where(c => names.ContainsKey(c.Number)).Select(c => new ShapeColumn(c.Name, 0, c.Number, true)));
        return columns;
    }

    private void LearnPartition(uint root, uint oid, bool holdsNoRows, IReadOnlyList<(short Number, string Name)> columns)
    {
        if (!_shapes.TryGetValue(root, out RelationShape? parent)) return;
        Dictionary<string, short> numbers = parent.Columns.ToDictionary(c => c.Name, c => c.RootNumber);
        _shapes[oid] = new RelationShape(oid, root, holdsNoRows,
            [.. columns.Select(c => new ShapeColumn(c.Name, 0, numbers.GetValueOrDefault(c.Name), true))]);
    }

    /// <summary>Same columns in the same order; only columns that may be absent are.</summary>
    private static bool Matches(RelationShape shape, RelationMessage relation)
    {
        int next = 0;
        foreach (ShapeColumn column in shape.Columns)
        {
            bool here = next < relation.Columns.Count
                && relation.Columns[next].Name == column.Name
                && (column.Type == 0 || relation.Columns[next].Type == column.Type);
            if (here) next++;
            else if (!column.MaybeAbsent) return false;
        }
        return next == relation.Columns.Count;
    }

    private void Accept(RelationShape shape, RelationMessage relation)
    {
        ProtectedTable table = _tables[shape.Root];
        Dictionary<string, short> numbers = shape.Columns.ToDictionary(c => c.Name, c => c.RootNumber);
        short[] found = [.. relation.Columns.Select(c => numbers[c.Name])];
        _shapes[shape.Oid] = shape with { Columns = [.. shape.Columns.Select(c => c with { Type = TypeIn(relation, c) })] };
        _plans[relation.Oid] = new RowPlan
        {
            Table = table,
            Leaf = shape.Oid == shape.Root ? null : PgIdentifier.Quote(relation.Schema, relation.Name),
            ColumnCount = found.Length,
            Columns = ProtectedIn(table, relation, found),
            Key = Places(_keys[table.Oid], found),
            Subject = Array.IndexOf(found, _subjects[table.Oid]),
            InIdentity = [.. relation.Columns.Select(c => c.InIdentity)],
            HoldsNoRows = shape.HoldsNoRows,
        };
    }

    private static uint TypeIn(RelationMessage relation, ShapeColumn column)
    {
        foreach (RelationColumn c in relation.Columns)
        {
            if (c.Name == column.Name) return c.Type;
        }
        return column.Type;
    }

    /// <summary>Protected columns by number, under the names they are protected by, whatever they are called now.
    /// One whose number is gone is still looked for by name: rows from before a drop may be under way.</summary>
    private List<PlannedColumn> ProtectedIn(ProtectedTable table, RelationMessage relation, short[] found)
    {
        List<PlannedColumn> columns = [];
        for (int place = 0; place < table.Columns.Count; place++)
        {
            ProtectedColumn column = table.Columns[place];
            int index = Array.IndexOf(found, column.Number);
            if (index < 0) index = IndexOf(relation, column.Name);
            if (index >= 0) columns.Add(new PlannedColumn(index, column, place, _fingerprintKeys(table.Id, column.Number)));
        }
        return columns;
    }

    private RowPlan Unclear(RelationMessage relation, ProtectedTable table)
    {
        bool isRoot = relation.Oid == table.Oid;
        return new RowPlan
        {
            Table = table,
            Leaf = isRoot ? null : PgIdentifier.Quote(relation.Schema, relation.Name),
            ColumnCount = relation.Columns.Count,
            Columns = [.. relation.Columns.Select((c, i) => new PlannedColumn(i, Unknown(c), -1, []))],
            Key = PlacesByName(table.Key, relation),
            Subject = table.Subject is null ? -1 : IndexOf(relation, table.Subject),
            InIdentity = [.. relation.Columns.Select(c => c.InIdentity)],
            Unmapped = true,
            HoldsNoRows = isRoot && table.Partitioned,
        };
    }

    /// <summary>The protected table a relation belongs to, or belonged to.
    /// One the catalog no longer counts among ours can only be a partition that was dropped or detached:
    /// of the partitioned table with which it shares most names. Null if it is none of ours.</summary>
    private ProtectedTable? RootOf(RelationMessage relation, RelationShape? shape)
    {
        if (_tables.TryGetValue(shape?.Root ?? relation.Oid, out ProtectedTable? table)) return table;
        HashSet<string> names = [.. relation.Columns.Select(c => c.Name)];
        int Shared(ProtectedTable root) => root.Columns.Count(c => names.Contains(c.Name)) + root.Key.Count(names.Contains);
        return _tables.Values.Where(root => root.Partitioned && Shared(root) > 0).MaxBy(Shared);
    }

    private static ProtectedColumn Unknown(RelationColumn column) =>
        new() { Number = 0, Name = column.Name, Type = $"oid {column.Type}", Policy = ColumnPolicy.Sealed };

    private static int[] Places(short[] numbers, short[] found)
    {
        int[] places = [.. numbers.Select(number => Array.IndexOf(found, number))];
        return Array.Exists(places, place => place < 0) ? [] : places;
    }

    private static int[] PlacesByName(List<string> names, RelationMessage relation)
    {
        int[] places = [.. names.Select(name => IndexOf(relation, name))];
        return Array.Exists(places, place => place < 0) ? [] : places;
    }

    private static int IndexOf(RelationMessage relation, string name)
    {
        for (int i = 0; i < relation.Columns.Count; i++)
        {
            if (relation.Columns[i].Name == name) return i;
        }
        return -1;
    }

    /// <summary>The key fixed at protection, by number; if its columns were renamed since, the catalog's own
    /// key of the same width.</summary>
    private static short[] KeyNumbers(ProtectedTable table, Catalog catalog)
    {
        short[] byName = [.. table.Key.Select(name => NumberOf(name, table.Oid, catalog))];
        if (!byName.Contains((short)-1)) return byName;
        return catalog.Keys.TryGetValue(table.Oid, out IReadOnlyList<short>? key) && key.Count == byName.Length ? [.. key] : byName;
    }

    private static short NumberOf(string? name, uint oid, Catalog catalog)
    {
        if (name is null || !catalog.Shapes.TryGetValue(oid, out RelationShape? shape)) return -1;
        foreach (ShapeColumn column in shape.Columns)
        {
            if (column.Name == name) return column.RootNumber;
        }
        return -1;
    }
}
