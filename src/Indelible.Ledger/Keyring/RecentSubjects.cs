namespace Indelible.Ledger;

/// <summary>The subjects used last, by tag: two generations, the older dropped whole when the younger is full.</summary>
/// <remarks>About 6 MiB when full. Guarded by its keyring's lock.</remarks>
internal sealed class RecentSubjects
{
    /// <summary>Subjects in one generation.</summary>
    public const int GenerationMax = 32_768;

    private Dictionary<UInt128, SubjectKey> _younger = new(GenerationMax);
    private Dictionary<UInt128, SubjectKey> _older = new(GenerationMax);

    /// <summary>True if the next addition drops the older generation: what is pending must be written first,
    /// or it could not be found.</summary>
    public bool IsFull => _younger.Count == GenerationMax;

    /// <summary>Finds a key; <paramref name="isOld"/> if it will be dropped unless it is set again.</summary>
    public bool TryGet(UInt128 tag, out SubjectKey key, out bool isOld)
    {
        isOld = false;
        if (_younger.TryGetValue(tag, out key)) return true;
        return isOld = _older.TryGetValue(tag, out key);
    }

    public void Set(UInt128 tag, in SubjectKey key)
    {
        if (IsFull)
        {
            (_younger, _older) = (_older, _younger);
            _younger.Clear();
        }
        _younger[tag] = key;
    }

    /// <summary>Forgets everything and wipes the keys from memory.</summary>
    public void Clear()
    {
        _younger.Clear();
        _older.Clear();
    }
}
