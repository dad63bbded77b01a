using System.Text;
using Indelible.Capture;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Ledger;

namespace Indelible.Server;

/// <summary>How a row is named in an entry: its primary key in clear, or a keyed token where a key column is protected or
/// the key is very long.</summary>
internal static class RowKeys
{
    /// <summary>True if the key may not, or cannot, stand in clear.</summary>
    public static bool NeedsToken(ProtectedTable table, IReadOnlyList<string> key)
    {
        int length = 0;
        for (int i = 0; i < key.Count; i++)
        {
            length += key[i].Length <= EntryLimits.KeyValueLengthMax
                ? Encoding.UTF8.GetByteCount(key[i])
                : EntryLimits.KeyValueLengthMax + 1;
            if (length > EntryLimits.KeyValueLengthMax || IsProtected(table, table.Key[i])) return true;
        }
        return false;
    }

    /// <summary>The name of a row.</summary>
    public static RowKey Of(Keyring keyring, string source, ProtectedTable table, IReadOnlyList<string> key, bool isToken)
    {
        if (isToken)
        {
            byte[] token = new byte[Keyring.RowKeyTokenSize];
            keyring.RowKeyToken(source, table.Id, key, token);
            return new RowKey { Token = token };
        }
        KeyColumn[] columns = new KeyColumn[key.Count];
        for (int i = 0; i < columns.Length; i++) columns[i] = new KeyColumn(table.Key[i], key[i]);
        return new RowKey { Columns = columns };
    }

    /// <summary>For a row named by a token: seals the key columns that are not protected themselves, where a row begins,
    /// ends or changes its key.</summary>
    public static void AddSealedKey(List<DraftField> fields, CapturedChange.Row row)
    {
        if (row.Operation == Operation.Update && row.PreviousKey is null) return;
        for (int i = 0; i < row.Key.Count; i++)
        {
            if (Has(fields, row.Table.Key[i])) continue;
            ClearValue before = row.Operation switch
            {
                Operation.Insert => ClearValue.Missing(MissingReason.NoRow),
                Operation.Delete => Text(row.Key[i]),
                _ => Text(row.PreviousKey![i]),
            };
            ClearValue after = row.Operation == Operation.Delete ? ClearValue.Missing(MissingReason.NoRow) : Text(row.Key[i]);
            fields.Add(new DraftField(FieldScope.Column, row.Table.Key[i], PolicyOf(row.Table, row.Table.Key[i]), before, after));
        }
    }

    /// <summary>The same for a row read from its table.</summary>
    public static void AddSealedKey(List<DraftField> fields, ProtectedTable table, IReadOnlyList<string> key)
    {
        for (int i = 0; i < key.Count; i++)
        {
            if (Has(fields, table.Key[i])) continue;
            ClearValue none = ClearValue.Missing(MissingReason.NotApplicable);
            fields.Add(new DraftField(FieldScope.Column, table.Key[i], PolicyOf(table, table.Key[i]), none, Text(key[i])));
        }
    }

    private static bool IsProtected(ProtectedTable table, string column) =>
        Find(table, column) is { Policy: not ColumnPolicy.Plain };

    private static ColumnPolicy PolicyOf(ProtectedTable table, string column) => Find(table, column)?.Policy ?? ColumnPolicy.Sealed;

    private static ProtectedColumn? Find(ProtectedTable table, string column)
    {
        foreach (ProtectedColumn candidate in table.Columns)
        {
            if (candidate.Name == column) return candidate;
        }
        return null;
    }

    private static bool Has(List<DraftField> fields, string column)
    {
        foreach (DraftField field in fields)
        {
            if (field.Scope == FieldScope.Column && field.Name == column) return true;
        }
        return false;
    }

    private static ClearValue Text(string text) => ClearValue.Of(Encoding.UTF8.GetBytes(text));
}
