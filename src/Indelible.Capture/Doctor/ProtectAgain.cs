using Indelible.Format.Entries;

namespace Indelible.Capture;

/// <summary>Commands to copy that put protection right. They name the owner's connection; a password, if one is needed, comes from PGPASSWORD or --password-file.</summary>
internal sealed class ProtectAgain(SourceConnection source, SessionFacts session, Protection protection)
{
    /// <summary>Protects the same columns again: what is missing is made, the rest is left alone.</summary>
    public string AsOwner => $"indelible protect --source {Connection(session.DatabaseOwner)} {string.Join(' ', protection.Tables.SelectMany(Columns))}";

    /// <summary>The same with the rights event triggers need.</summary>
    public string AsSuperuser => $"indelible protect --source {Connection("postgres")} {string.Join(' ', protection.Tables.SelectMany(Columns))}";

    /// <summary>Ends the protection of one table.</summary>
    public string Unprotect(ProtectedTable table) =>
        $"indelible unprotect --source {Connection(session.DatabaseOwner)} --reason 'the table is gone' {string.Join(' ', table.Columns.Select(column => Shell(NameOf(table, column))))}";

    private string Connection(string user) => Shell($"Host={source.Host};Port={source.Port};Database={source.Database};Username={user}");

    private static IEnumerable<string> Columns(ProtectedTable table) => table.Columns.Select(column => Shell(NameOf(table, column) + column.Policy switch
    {
        ColumnPolicy.Digest => "=digest",
        ColumnPolicy.Plain => "=plain",
        _ => "",
    }));

    private static string NameOf(ProtectedTable table, ProtectedColumn column) => $"{Part(table.Schema)}.{Part(table.Name)}.{Part(column.Name)}";

    /// <summary>As <see cref="ColumnRequest"/> reads it.</summary>
    private static string Part(string name) => name.IndexOfAny(['.', '=', '"']) >= 0 ? PgIdentifier.Quote(name) : name;

    private static string Shell(string text) => text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '=') ? text : $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
