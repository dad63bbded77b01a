using Indelible.Format.Entries;

namespace Indelible.Index;

/// <summary>The terms an entry is found by.</summary>
internal static class EntryTerms
{
    /// <summary>Adds the terms of one entry; a term may be added twice.</summary>
    public static void Collect(Entry entry, IReadOnlyList<byte[]>? blindTokens, List<Term> terms)
    {
        EntryHeader header = entry.Header;
        terms.Add(Term.Kind(header.Kind));
        if (header.Source is { } source) terms.Add(Term.Source(source));
        if (header.Operation is { } operation) terms.Add(Term.Operation(operation));
        if (header.TransactionId is { } transaction) terms.Add(Term.Transaction(transaction));
        if (header.Operator is { } who) CollectOperator(who, terms);
        if (header.Relation is { } relation) CollectRelation(header, relation, terms);
        foreach (Field field in entry.Fields)
        {
            if (field.Scope == FieldScope.Column) terms.Add(Term.Column(field.Name));
        }
        foreach (byte[] token in blindTokens ?? []) terms.Add(Term.Value(token));
    }

    private static void CollectOperator(Operator who, List<Term> terms)
    {
        terms.Add(Term.Grade(who.Grade));
        if (who.Id is { } id) terms.Add(Term.Operator(id));
        if (who.SessionUser is { } user && user != who.Id) terms.Add(Term.Operator(user));
        if (who.LoginRole is { } login && login != who.SessionUser && login != who.Id) terms.Add(Term.Operator(login));
    }

    private static void CollectRelation(EntryHeader header, Relation relation, List<Term> terms)
    {
        RelationId id = new(header.Source ?? "", relation.Id);
        terms.Add(Term.Relation(id));
        terms.Add(Term.Schema(relation.Schema));
        terms.Add(Term.Table(relation.Name));
        if (header.Operation == Operation.Truncate)
        {
            terms.Add(Term.TruncationOf(id));
            terms.Add(Term.TruncationOf(id, relation.Leaf ?? ""));
        }
        if (header.Key is { } key) terms.Add(RowOf(id, key));
        if (header.PreviousKey is not { } previous) return;
        terms.Add(RowOf(id, previous));
        terms.Add(Term.KeyChange());
    }

    private static Term RowOf(RelationId relation, RowKey key) =>
        key.Token.Length > 0 ? Term.RowToken(relation, key.Token.Span) : Term.Row(relation, key.Columns.Select(column => column.Value));
}
