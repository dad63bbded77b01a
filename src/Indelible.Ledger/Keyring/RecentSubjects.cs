namespace Indelible.Ledger;

/// <summary>The subjects used last, by tag: two generations, the older dropped whole when the younger is full.</summary>
/// <remarks>A subject stays for at least <see cref="GenerationMax"/> other additions after its last use. About 6 MiB when full.
/// Guarded by its keyring's lock.</remarks>
internal sealed class RecentSubjects
{
    /// <summary>Subjects in one generation.</summary>
    public const int GenerationMax = 32_768;

    private Dictionary<UInt128, SubjectKey> younger = new(GenerationMax);
    private Dictionary<UInt128, SubjectKey> older = new(GenerationMax);

    public bool TryGet(UInt128 tag, out SubjectKey key)
    {
        if (younger.TryGetValue(tag, out key)) return true;
        if (!older.TryGetValue(tag, out key)) return false;
        Set(tag, key);
        return true;
    }

    public void Set(UInt128 tag, in SubjectKey key)
    {
        if (younger.Count == GenerationMax)
        {
            (younger, older) = (older, younger);
            younger.Clear();
        }
        younger[tag] = key;
    }

    /// <summary>Forgets everything and wipes the keys from memory.</summary>
    public void Clear()
    {
        younger.Clear();
        older.Clear();
    }
}
