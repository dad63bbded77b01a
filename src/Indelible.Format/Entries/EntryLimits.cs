namespace Indelible.Format.Entries;

/// <summary>The most an entry may hold. docs/format.md#limits. Lengths are in bytes, of UTF-8 where text is meant.</summary>
public static class EntryLimits
{
    /// <summary>The entry, as encoded (c2sp.org/tlog-tiles: a bundle gives each entry a 16-bit length).</summary>
    public const int EntryLengthMax = 65_535;
    /// <summary>The header, as encoded. Leaves room for any one field.</summary>
    public const int HeaderLengthMax = 24_576;
    /// <summary>Origin, names of relations and columns, the facts of an operator, names and values of facts,
    /// and any text not named below.</summary>
    public const int TextLengthMax = 4_096;
    /// <summary>A key column's value. A row whose key is longer is named by a token.</summary>
    public const int KeyValueLengthMax = 8_192;
    /// <summary>A field's name.</summary>
    public const int FieldNameLengthMax = 255;
    /// <summary>Columns of a key (PostgreSQL's INDEX_MAX_KEYS).</summary>
    public const int KeyColumnsMax = 32;
    /// <summary>Fields of an entry (PostgreSQL's 1,600 columns, and some texts).</summary>
    public const int FieldsMax = 2_000;
    /// <summary>Facts of an entry.</summary>
    public const int FactsMax = 256;
    /// <summary>A value that stays in the entry; a longer one becomes a blob.</summary>
    public const int ValueLengthMax = 16_384;
    /// <summary>A value that becomes a blob (PostgreSQL delivers at most 1 GiB).</summary>
    public const int BlobValueLengthMax = 1 << 30;
}
