using Indelible.Format;
using Indelible.Format.Entries;

namespace Indelible.Index;

/// <summary>Collects what an entry is found by, for one entry after another. Reused; one thread.</summary>
public sealed class EntryTerms
{
    private readonly List<ulong> _terms = [];

    /// <summary>The terms of the entry at hand, as hashes; a term may be there twice. Valid until the next <see cref="Begin"/>.</summary>
    public ReadOnlySpan<ulong> Collected => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_terms);

    /// <summary>The time an entry is found by: when it was committed; when it was sealed, if it tells of no commit.</summary>
    public static MicroTime TimeOf(EntryHeader header) => header.CommittedAt ?? header.SealedAt;

    /// <summary>Begins an entry with all that its header says.</summary>
    public void Begin(EntryHeader header)
    {
        _terms.Clear();
        Add(Term.Kind(header.Kind));
        if (header.Source is { } source) Add(Term.Source(source));
        if (header.Operation is { } operation) Add(Term.Operation(operation));
        if (header.TransactionId is { } transaction) Add(Term.Transaction(transaction));
        if (header.Operator is { } who) AddOperator(who);
        if (header.Relation is { } relation) AddRelation(header, relation);
    }

    /// <summary>Adds a column whose value the entry holds.</summary>
    public void AddColumn(string name) => Add(Term.Column(name));

    /// <summary>Adds a value the entry holds, by its blind token.</summary>
    public void AddValue(ReadOnlySpan<byte> token) => Add(Term.Value(token));

    /// <summary>Collects a whole entry.</summary>
    /// <param name="entry">As decoded.</param>
    /// <param name="blindTokens">Its values' tokens; null if none.</param>
    public void Collect(Entry entry, IReadOnlyList<byte[]>? blindTokens)
    {
        Begin(entry.Header);
        foreach (Field field in entry.Fields)
        {
            if (field.Scope == FieldScope.Column) AddColumn(field.Name);
        }
        foreach (byte[] token in blindTokens ?? []) AddValue(token);
    }

    private void AddOperator(Operator who)
    {
        Add(Term.Grade(who.Grade));
        if (who.Id is { } id) Add(Term.Operator(id));
        if (who.SessionUser is { } user && user != who.Id) Add(Term.Operator(user));
        if (who.LoginRole is { } login && login != who.SessionUser && login != who.Id) Add(Term.Operator(login));
    }

    private void AddRelation(EntryHeader header, Relation relation)
    {
        RelationId id = new(header.Source ?? "", relation.Id);
        Add(Term.Relation(id));
        Add(Term.Schema(relation.Schema));
        Add(Term.Table(relation.Name));
        if (header.Operation == Operation.Truncate)
        {
            Add(Term.TruncationOf(id));
            Add(Term.TruncationOf(id, relation.Leaf ?? ""));
        }
        if (header.Key is { } key) Add(RowOf(id, key));
        if (header.PreviousKey is not { } previous) return;
        Add(RowOf(id, previous));
        Add(Term.KeyChange());
    }

    private static Term RowOf(RelationId relation, RowKey key) =>
        key.Token.Length > 0 ? Term.RowToken(relation, key.Token.Span) : Term.Row(relation, key.Columns);

    private void Add(Term term) => _terms.Add(term.Hash);
}
