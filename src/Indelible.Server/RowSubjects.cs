using Indelible.Capture;
using Indelible.Format.Entries;
using Indelible.Ledger;

namespace Indelible.Server;

/// <summary>Whose key each side of a change is sealed under: the row's, or that of the person its subject column names.</summary>
/// <remarks>A row begins with its insert, keeps its key when its primary key changes, and is another row when
/// the same key is inserted again.
/// A person keeps the key whatever happens to rows. Where the subject column is NULL or unknown, the row is the subject.</remarks>
internal sealed class RowSubjects(Keyring keyring, string source)
{
    /// <summary>The key of the before-values.</summary>
    public SubjectKey Before(CapturedChange.Row row)
    {
        if (row.Table.Subject is not null && row.SubjectBefore is { } person) return Person(row.Table, person);
        return keyring.GetOrCreateSubject(RowName(row.Table, row.PreviousKey ?? row.Key));
    }

    /// <summary>The key of the after-values and of texts. Call after <see cref="Before"/>.</summary>
    public SubjectKey After(CapturedChange.Row row)
    {
        string? person = row.Operation == Operation.Delete ? row.SubjectBefore : row.SubjectAfter;
        if (row.Table.Subject is not null && person is not null) return Person(row.Table, person);
        if (row.Operation == Operation.Insert) return keyring.CreateSubject(RowName(row.Table, row.Key));
        return row.PreviousKey is null
            ? keyring.GetOrCreateSubject(RowName(row.Table, row.Key))
            : keyring.MoveSubject(RowName(row.Table, row.PreviousKey), RowName(row.Table, row.Key));
    }

    /// <summary>The key in use now of a row read from its table.</summary>
    public SubjectKey Current(ProtectedTable table, IReadOnlyList<string> key, string? person) =>
        table.Subject is not null && person is not null ? Person(table, person) : keyring.GetOrCreateSubject(RowName(table, key));

    private SubjectKey Person(ProtectedTable table, string person) =>
        keyring.GetOrCreateSubject(SubjectName.OfPerson(source, table.Id, person));

    private SubjectName RowName(ProtectedTable table, IReadOnlyList<string> key) => SubjectName.OfRow(source, table.Id, key);
}
