using System.Buffers.Binary;
using System.Text;
using Indelible.Format.Entries;

namespace Indelible.Index;

/// <summary>What an entry can be found by: a kind of fact and its value, as a 64-bit hash.
/// FNV-1a with a final mix; not secret, not collision-proof.</summary>
/// <remarks>Two values with one hash would show an entry too many.
/// A query result is never proof of anything; the entry itself is.</remarks>
internal readonly record struct Term(ulong Hash)
{
    private const ulong Basis = 0xcbf29ce484222325, Prime = 0x100000001b3;

    public static Term Kind(EntryKind kind) => Of('k', (byte)kind);

    public static Term Operation(Operation operation) => Of('o', (byte)operation);

    public static Term Grade(Grade grade) => Of('g', (byte)grade);

    public static Term Source(string source) => Of('s', source);

    public static Term Schema(string schema) => Of('c', schema);

    public static Term Table(string table) => Of('t', table);

    public static Term Column(string column) => Of('f', column);

    public static Term Operator(string name) => Of('u', name);

    public static Term Transaction(uint id) => new(Mix(Add(Start('x'), id)));

    public static Term Relation(RelationId relation) => new(Mix(Start('i', relation)));

    /// <summary>All truncations of a table or its partitions.</summary>
    public static Term TruncationOf(RelationId relation) => new(Mix(Start('w', relation)));

    /// <summary>Truncations of one partition of a table, or of the whole, whose leaf is empty.</summary>
    public static Term TruncationOf(RelationId relation, string leaf) => new(Mix(Add(Start('q', relation), leaf)));

    /// <summary>Changes of a row's key.</summary>
    public static Term KeyChange() => Of('m', 1);

    public static Term Value(ReadOnlySpan<byte> token) => new(Mix(Add(Start('v'), token)));

    public static Term RowToken(RelationId relation, ReadOnlySpan<byte> token) => new(Mix(Add(Start('y', relation), token)));

    /// <summary>A row, by its primary-key values in key order.</summary>
    public static Term Row(RelationId relation, IEnumerable<string> key)
    {
        ulong hash = Start('r', relation);
        foreach (string value in key) hash = Add(hash, value);
        return new Term(Mix(hash));
    }

    /// <inheritdoc cref="Row(RelationId, IEnumerable{string})"/>
    public static Term Row(RelationId relation, IReadOnlyList<KeyColumn> key)
    {
        ulong hash = Start('r', relation);
        for (int i = 0; i < key.Count; i++) hash = Add(hash, key[i].Value);
        return new Term(Mix(hash));
    }

    private static Term Of(char kind, string text) => new(Mix(Add(Start(kind), text)));

    private static Term Of(char kind, byte value) => new(Mix(Add(Start(kind), [value])));

    private static ulong Start(char kind) => unchecked((Basis ^ kind) * Prime);

    private static ulong Start(char kind, RelationId relation) => Add(Add(Start(kind), relation.Source), relation.Id);

    private static ulong Add(ulong hash, string text)
    {
        Span<byte> utf8 = stackalloc byte[256];
        if (Encoding.UTF8.TryGetBytes(text, utf8, out int written)) return Add(hash, utf8[..written]);
        return Add(hash, Encoding.UTF8.GetBytes(text));
    }

    private static ulong Add(ulong hash, uint number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, number);
        return Add(hash, bytes);
    }

    /// <summary>Adds bytes and their end, so that ("ab", "c") and ("a", "bc") differ.</summary>
    private static ulong Add(ulong hash, ReadOnlySpan<byte> bytes)
    {
        unchecked
        {
            foreach (byte b in bytes) hash = (hash ^ b) * Prime;
            return (hash ^ 0x1FF) * Prime;
        }
    }

    private static ulong Mix(ulong hash)
    {
        unchecked
        {
            hash ^= hash >> 33;
            hash *= 0xff51afd7ed558ccd;
            hash ^= hash >> 33;
            hash *= 0xc4ceb9fe1a85ec53;
            return hash ^ (hash >> 33);
        }
    }
}
