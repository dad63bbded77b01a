using Indelible.Format.Entries;

namespace Indelible.Capture;

/// <summary>Commands to copy that put protection right. They name the owner's connection;
/// a password, if one is needed, comes from PGPASSWORD or --password-file.</summary>
internal sealed class ProtectAgain(SourceConnection source, SessionFacts session, Protection protection)
{
    /// <summary>Brings what is protected to the state it should be in: what is missing is made, new names are taken over,
    /// the rest is left alone.</summary>
    public string AsOwner => $"indelible protect --source {Connection(Owner)}";

    /// <summary>The same with the rights event triggers need.</summary>
    public string AsSuperuser => $"indelible protect --source {Connection("postgres")}";

    /// <summary>Protects the same columns as another source.</summary>
    public string As(string source) => $"{AsOwner} --name {source} {string.Join(' ', protection.Tables.SelectMany(Columns))}";

    /// <summary>Protects the columns of the table that has this one's name now.</summary>
    public string Successor(ProtectedTable table) => $"{AsOwner} {string.Join(' ', Columns(table))}";

    /// <summary>Ends the protection of one table, or of one column of it.</summary>
    public string Unprotect(ProtectedTable table, string reason = "the table is gone", ProtectedColumn? column = null) =>
        $"indelible unprotect --source {Connection(Owner)} --reason '{reason}' "
            + $"{string.Join(' ', table.Columns.Where(one => column is null || one == column).Select(one => Shell(NameOf(table, one))))}";

    private string Owner => session.SchemaOwner ?? session.DatabaseOwner;

    private string Connection(string user) => Shell($"Host={source.Host};Port={source.Port};Database={source.Database};Username={user}");

    private static IEnumerable<string> Columns(ProtectedTable table) =>
        table.Columns.Select(column => Shell(NameOf(table, column) + column.Policy switch
    {
        ColumnPolicy.Digest => "=digest",
        ColumnPolicy.Plain => "=plain",
        _ => "",
    }));

    private static string NameOf(ProtectedTable table, ProtectedColumn column) =>
        $"{Part(table.Schema)}.{Part(table.Name)}.{Part(column.Name)}";

    /// <summary>As <see cref="ColumnRequest"/> reads it.</summary>
    private static string Part(string name) => name.IndexOfAny(['.', '=', '"']) >= 0 ? PgIdentifier.Quote(name) : name;

    private static string Shell(string text) => text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '=')
        ? text
        : $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
