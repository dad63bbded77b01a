using Indelible.Format.Entries;

namespace Indelible.Capture;

/// <summary>What is protected in one source: written by <c>protect</c> into the configuration, sealed in guard entries,
/// read by <c>run</c>.</summary>
/// <remarks>Classes bound from configuration have setters (dotnet/runtime#107856).</remarks>
public sealed class Protection
{
    /// <summary>Short name of the source: lowercase letters, digits, underscores; at most 32.</summary>
    public string Source { get; set; } = "";
    /// <summary>The cluster's system identifier when protection began.</summary>
    public ulong SystemId { get; set; }
    /// <summary>Replication slot; <c>indelible_&lt;source&gt;</c>.</summary>
    public string Slot { get; set; } = "";
    /// <summary>Publication; <c>indelible_&lt;source&gt;</c>.</summary>
    public string Publication { get; set; } = "";
    /// <summary>Highest <see cref="ProtectedTable.Id"/> ever given; 0 if none.</summary>
    public uint LastTableId { get; set; }
    /// <summary>The protected tables.</summary>
    public List<ProtectedTable> Tables { get; set; } = [];
}

/// <summary>A protected table (for a partitioned one, the root).</summary>
public sealed class ProtectedTable
{
    /// <summary>Stable number inside the source, from 1, never reused.</summary>
    public uint Id { get; set; }
    /// <summary>pg_class.oid when protection began.</summary>
    public uint Oid { get; set; }
    /// <summary>Schema.</summary>
    public string Schema { get; set; } = "";
    /// <summary>Name.</summary>
    public string Name { get; set; } = "";
    /// <summary>Primary-key columns in key order, by name.</summary>
    public List<string> Key { get; set; } = [];
    /// <summary>Column that names the person a row is about; null: the row itself is the subject.</summary>
    public string? Subject { get; set; }
    /// <summary>The protected columns.</summary>
    public List<ProtectedColumn> Columns { get; set; } = [];
    /// <summary>True if rows live in partitions.</summary>
    public bool Partitioned { get; set; }
    /// <summary>True if replica identity DEFAULT was chosen: the log then does not say what a value was before.</summary>
    public bool DefaultIdentity { get; set; }
}

/// <summary>A protected column.</summary>
public sealed class ProtectedColumn
{
    /// <summary>pg_attribute.attnum of the root table: survives renames.</summary>
    public short Number { get; set; }
    /// <summary>Name now.</summary>
    public string Name { get; set; } = "";
    /// <summary>Type as format_type prints it.</summary>
    public string Type { get; set; } = "";
    /// <summary>How its values are kept.</summary>
    public ColumnPolicy Policy { get; set; }
}
