namespace Indelible.Format.Entries;

/// <summary>Which row of a relation. Either the primary key in clear, or a keyed token where a key column is itself protected.</summary>
public sealed record RowKey
{
    /// <summary>Key columns in the order of the primary key, each with its value as PostgreSQL's text.
    /// Empty if <see cref="Token"/> is set.</summary>
    public IReadOnlyList<KeyColumn> Columns { get; init; } = [];

    /// <summary>32-byte HMAC of the key under a secret of the keyring; empty if the key is in clear.</summary>
    public ReadOnlyMemory<byte> Token { get; init; }
}

/// <summary>One column of a primary key.</summary>
public readonly record struct KeyColumn(string Name, string Value);
