namespace Indelible.Ledger;

/// <summary>Whom a value is about, as the source knows it. Never stored: the keyring keeps only a keyed hash of it.</summary>
public readonly record struct SubjectName
{
    private SubjectName(SubjectScope scope, string source, uint relation, string? value, IReadOnlyList<string>? key)
    {
        Scope = scope;
        Source = source;
        Relation = relation;
        Value = value;
        Key = key;
    }

    internal SubjectScope Scope { get; }
    internal string Source { get; }
    internal uint Relation { get; }
    internal string? Value { get; }
    internal IReadOnlyList<string>? Key { get; }

    /// <summary>The row itself: relation number and the text of its primary-key values in key order.</summary>
    public static SubjectName OfRow(string source, uint relation, IReadOnlyList<string> key) =>
        new(SubjectScope.Row, source, relation, null, key);

    /// <summary>The person named by the value of a table's subject column.</summary>
    public static SubjectName OfPerson(string source, uint relation, string value) =>
        new(SubjectScope.Person, source, relation, value, null);

    /// <summary>The source as a whole: for texts that are about no row, such as a statement.</summary>
    public static SubjectName OfSource(string source) => new(SubjectScope.Source, source, 0, null, null);

    /// <summary>Scope, source, relation, number of parts, parts: different names give different bytes.</summary>
    internal void WriteTo(ref HashInput input)
    {
        input.Byte((byte)Scope);
        input.Text(Source);
        input.UInt32(Relation);
        if (Value is not null) input.Text(Value);
        if (Key is null) return;
        input.UInt32((uint)Key.Count);
        for (int i = 0; i < Key.Count; i++) input.Text(Key[i]);
    }
}

/// <summary>What a subject's name names; part of what is hashed, so the three never meet.</summary>
internal enum SubjectScope : byte
{
    Row = 1,
    Person = 2,
    Source = 3,
}
