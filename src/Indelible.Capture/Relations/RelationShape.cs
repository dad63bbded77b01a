namespace Indelible.Capture.Relations;

/// <summary>Columns of a relation in the order of their numbers, as the catalog or in-stream DDL tells them.</summary>
/// <param name="Oid">pg_class.oid.</param>
/// <param name="Root">pg_class.oid of the protected table it belongs to; the same unless a partition.</param>
/// <param name="HoldsNoRows">True for a partitioned table itself.</param>
/// <param name="Columns">Every column that is not dropped.</param>
internal sealed record RelationShape(uint Oid, uint Root, bool HoldsNoRows, IReadOnlyList<ShapeColumn> Columns);

/// <summary>One column.</summary>
/// <param name="Name">Name.</param>
/// <param name="Type">Type oid; 0 if not known.</param>
/// <param name="RootNumber">pg_attribute.attnum of the root's column; 0 if the root has none.</param>
/// <param name="MaybeAbsent">True if the stream may leave it out (generated columns).</param>
internal readonly record struct ShapeColumn(string Name, uint Type, short RootNumber, bool MaybeAbsent);
