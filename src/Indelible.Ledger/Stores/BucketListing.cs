namespace Indelible.Ledger.Stores;

/// <summary>What is in the directories of a bucket that were used last: a request for each thousand objects.
/// Not for concurrent use.</summary>
internal sealed class BucketListing(Bucket bucket)
{
    private const int DirectoriesMax = 64;

    private readonly Dictionary<string, Dictionary<string, List<ObjectVersion>>> _directories = new(StringComparer.Ordinal);
    private readonly Queue<string> _order = [];

    /// <summary>Versions and delete markers of an object, the oldest first; empty if there is none.</summary>
    public async Task<IReadOnlyList<ObjectVersion>> VersionsAsync(string path, CancellationToken cancellationToken)
    {
        string directory = path[..(path.LastIndexOf('/') + 1)];
        if (!_directories.TryGetValue(directory, out Dictionary<string, List<ObjectVersion>>? objects))
        {
            objects = new(StringComparer.Ordinal);
            await foreach (ObjectVersion version in bucket.VersionsAsync(directory, null, deep: false, cancellationToken))
                Add(objects, version, 0);
            if (_order.Count == DirectoriesMax) _directories.Remove(_order.Dequeue());
            _order.Enqueue(directory);
            _directories[directory] = objects;
        }
        return objects.GetValueOrDefault(path) ?? [];
    }

    /// <summary>Adds a version just stored.</summary>
    public void Add(ObjectVersion version)
    {
        if (_directories.TryGetValue(version.Path[..(version.Path.LastIndexOf('/') + 1)],
            out Dictionary<string, List<ObjectVersion>>? objects)) Add(objects, version, null);
    }

    /// <summary>True if nothing is known to be there.</summary>
    public bool IsEmptyAt(string path) =>
        !_directories.TryGetValue(path[..(path.LastIndexOf('/') + 1)], out Dictionary<string, List<ObjectVersion>>? objects)
            || !objects.ContainsKey(path);

    /// <summary>Forgets everything: others may have written.</summary>
    public void Clear()
    {
        _directories.Clear();
        _order.Clear();
    }

    private static void Add(Dictionary<string, List<ObjectVersion>> objects, ObjectVersion version, int? at)
    {
        if (!objects.TryGetValue(version.Path, out List<ObjectVersion>? versions)) objects[version.Path] = versions = [];
        versions.Insert(at ?? versions.Count, version);
    }
}
