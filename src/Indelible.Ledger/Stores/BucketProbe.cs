using System.Security.Cryptography;
using Indelible.Format;

namespace Indelible.Ledger.Stores;

/// <summary>Finds out, with an object of its own, what a storage that says it locks really enforces.</summary>
internal sealed class BucketProbe(Bucket bucket, TimeProvider time)
{
    private const string Directory = "probe/";
    /// <summary>Longer than clocks may differ, or requests would not be accepted.</summary>
    private static readonly TimeSpan LockLength = TimeSpan.FromHours(1);
    private static readonly TimeSpan Rounding = TimeSpan.FromSeconds(2);

    /// <summary>True if the storage refuses to store an object that is there already (<c>If-None-Match: *</c>).
    /// Nothing depends on it.</summary>
    /// <exception cref="IndelibleException">It does not keep versions or locks, or says that it does and lies.</exception>
    public async Task<bool> RunAsync(CancellationToken cancellationToken)
    {
        if (!await bucket.IsVersionedAsync(cancellationToken)) throw Refused("it does not keep versions (versioning is not enabled)");
        if (!await bucket.HasObjectLockAsync(cancellationToken))
            throw Refused("it has no Object Lock, which can only be had when the bucket is made");
        await RemoveOldAsync(cancellationToken);
        return await TryAsync(Directory + RandomNumberGenerator.GetHexString(16, lowercase: true), cancellationToken);
    }

    /// <summary>Makes sure that versions of one name are kept, in the order they were stored:
    /// of two writers, that says which one loses.</summary>
    /// <exception cref="IndelibleException">They are not.</exception>
    public async Task RequireOrderAsync(bool isVersioned, CancellationToken cancellationToken)
    {
        if (!isVersioned)
            throw Refused("it does not keep versions (versioning is not enabled), which tell two writers of one ledger apart");
        string path = Directory + RandomNumberGenerator.GetHexString(16, lowercase: true);
        List<string?> stored = [];
        for (byte i = 0; i < 3; i++) stored.Add(await bucket.PutAsync(path, new byte[] { i }, null, onlyNew: false, cancellationToken));
        List<string?> found = [];
        await foreach (ObjectVersion version in bucket.VersionsAsync(path, null, deep: true, cancellationToken))
            found.Insert(0, version.Id);
        foreach (string? version in stored) await bucket.TryDeleteAsync(path, version, cancellationToken);
        if (!stored.SequenceEqual(found))
        {
            throw Refused(
                "expected three versions of one object listed in the order they were stored in, found otherwise: "
                    + "two writers of one ledger could not be told apart");
        }
    }

    private async Task<bool> TryAsync(string path, CancellationToken cancellationToken)
    {
        byte[] first = "locked"u8.ToArray(), second = "written over it"u8.ToArray();
        DateTimeOffset until = time.GetUtcNow() + LockLength;
        string version = await bucket.PutAsync(path, first, until, onlyNew: false, cancellationToken)
            ?? throw Refused("it does not store what is new");
        await RequireLockedAsync(path, version, until, "as asked", cancellationToken);

        await bucket.TryLockAsync(path, version, until - (LockLength / 2), cancellationToken);
        await RequireLockedAsync(path, version, until, "after a shorter lock was asked for", cancellationToken);

        await bucket.TryDeleteAsync(path, version, cancellationToken);
        await RequireKeptAsync(path, version, first, "after its version was removed", cancellationToken);
        await bucket.TryDeleteAsync(path, version, cancellationToken, bypass: true);
        await RequireKeptAsync(
            path, version, first, "after its version was removed with the bypass that is meant for another mode", cancellationToken);

        bool honoursOnlyNew = await bucket.PutAsync(path, second, null, onlyNew: true, cancellationToken) is null;
        if (honoursOnlyNew) await bucket.PutAsync(path, second, null, onlyNew: false, cancellationToken);
        await RequireKeptAsync(path, version, first, "after it was written over", cancellationToken);
        await bucket.TryDeleteAsync(path, null, cancellationToken);
        await RequireKeptAsync(path, version, first, "after it was removed", cancellationToken);
        await RequireLockedAsync(path, version, until, "after all that", cancellationToken);
        await RemoveOldAsync(cancellationToken);
        return honoursOnlyNew;
    }

    private async Task RequireLockedAsync(
        string path, string version, DateTimeOffset until, string when, CancellationToken cancellationToken)
    {
        DateTimeOffset? found = await bucket.LockedUntilAsync(path, version, cancellationToken);
        if (found is null || found < until - Rounding)
        {
            string lockFound = found is { } sooner ? $"until {sooner:u}" : "no such lock";
            throw Refused($"expected an object locked in compliance mode until {until:u}, {when}, found {lockFound}");
        }
    }

    private async Task RequireKeptAsync(string path, string version, byte[] content, string when, CancellationToken cancellationToken)
    {
        byte[]? found = await bucket.ReadAsync(path, version, content.Length, cancellationToken);
        if (!content.AsSpan().SequenceEqual(found))
            throw Refused($"expected a locked object to stay as it was, {when}, found {(found is null ? "none" : "other bytes")}");
    }

    /// <summary>Everything that is not locked any more.</summary>
    private async Task RemoveOldAsync(CancellationToken cancellationToken)
    {
        List<ObjectVersion> old = [];
        await foreach (ObjectVersion version in bucket.VersionsAsync(Directory, null, deep: true, cancellationToken)) old.Add(version);
        foreach (ObjectVersion version in old) await bucket.TryDeleteAsync(version.Path, version.Id, cancellationToken);
    }

    private IndelibleException Refused(string why)
    {
        (string role, string unlocked) = bucket.Options.IsPrimary
            ? ("the ledger's store", "one that keeps versions, with retentionDays 0, for a ledger")
            : ("a locked copy", "set retentionDays to 0 for a copy");
        return new IndelibleException(ExitCode.Usage,
            $"{bucket.Options.Place}: refused as {role}: {why}. Use a bucket made with Object Lock, on storage that enforces it; "
                + $"or {unlocked} that whoever may write there can remove");
    }
}
