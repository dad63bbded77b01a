using Indelible.Capture;
using Indelible.Format;
using Indelible.Ledger;
using Indelible.Ledger.Stores;

namespace Indelible.Server.Replication;

/// <summary>Checks of a configured copy's place. A bucket is tried as at a start of `run`, also while it runs;
/// of a directory nothing but its being there and its room is looked at.</summary>
public static class TargetDoctor
{
    private const long FreeWarn = 5L << 30;

    /// <summary>Looks once.</summary>
    public static async Task<IReadOnlyList<SourceCheck>> CheckAsync(
        string name, TargetConfig config, TimeProvider time, CancellationToken cancellationToken)
    {
        if (config.Kind == TargetKind.S3)
        {
            string expected = config.RetentionDays > 0 ? "versions and locks kept, as tried" : "reachable";
            return [await BucketAsync(() => TargetStores.Of(name, config, time), expected, cancellationToken)];
        }
        if (!Directory.Exists(config.Path))
            return [new SourceCheck("directory", CheckStatus.Fail, "missing", config.Path!, $"mkdir -p '{config.Path}'   # or mount it")];
        long free = new DriveInfo(config.Path).AvailableFreeSpace;
        bool isEnough = free >= FreeWarn;
        return [new SourceCheck("disk of the copy", isEnough ? CheckStatus.Ok : CheckStatus.Warn, $"{free >> 20} MiB free",
            $"at least {FreeWarn >> 20} MiB free", isEnough ? null : $"df -h '{config.Path}'   # then free some space")];
    }

    /// <summary>Looks once at the bucket that a ledger lives in.</summary>
    public static async Task<IReadOnlyList<SourceCheck>> CheckAsync(
        StoreConfig config, TimeProvider time, CancellationToken cancellationToken)
    {
        string expected = config.RetentionDays > 0 ? "versions and locks kept, in order, as tried" : "versions kept, in order, as tried";
        return [await BucketAsync(() => TargetStores.Of(config.Place(), time), expected, cancellationToken)];
    }

    private static async Task<SourceCheck> BucketAsync(Func<ILedgerStore> open, string expected, CancellationToken cancellationToken)
    {
        try
        {
            await using ILedgerStore store = open();
            await store.OpenAsync(ReadOnlyMemory<byte>.Empty, cancellationToken);
            return new SourceCheck("bucket", CheckStatus.Ok, expected, expected, null);
        }
        catch (Exception e) when (e is IndelibleException or IOException)
        {
            return new SourceCheck("bucket", CheckStatus.Fail, e.Message, expected, null);
        }
    }
}
