using Indelible.Format;
using Indelible.Ledger;
using Indelible.Ledger.Stores;

namespace Indelible.Server.Replication;

/// <summary>The bucket that the ledger lives in. docs/bucket.md.</summary>
/// <remarks>Members have setters because the file is bound to them.</remarks>
public sealed class StoreConfig
{
    /// <summary>What the store is called where copies have names; none of them may be called so.</summary>
    internal const string Name = "store";

    /// <summary>Address of the storage, https, or http on this machine; null: as the environment says (AWS_ENDPOINT_URL_S3),
    /// or Amazon's.</summary>
    public string? Endpoint { get; set; }
    /// <summary>Region that requests are signed for.</summary>
    public string? Region { get; set; }
    /// <summary>The bucket, made with versioning and Object Lock.</summary>
    public string Bucket { get; set; } = "";
    /// <summary>What keys begin with; null: nothing.</summary>
    public string? Prefix { get; set; }
    /// <summary>Access key; null: as the storage's SDK finds credentials.</summary>
    public string? AccessKey { get; set; }
    /// <summary>File whose first line is the access key's secret.</summary>
    public string? SecretFile { get; set; }
    /// <summary>Environment variable that holds it.</summary>
    public string? SecretEnvironment { get; set; }
    /// <summary>How long objects are locked in compliance mode, from the last time they were looked after, in days;
    /// 0 (not locked) to 36,500. Must be given.</summary>
    public int? RetentionDays { get; set; }
    /// <summary>Least time between two published heads, in seconds; 0 (every head that is staged) to 3,600.</summary>
    public int EverySeconds { get; set; } = 10;
    /// <summary>Entries that may wait here for the store, in MiB, before capture waits for it; 1 to 1,048,576.</summary>
    public int SpoolMiB { get; set; } = 4096;
    /// <summary>Newest entries that are kept here too, so that they are read without a request; 0 to 1,000,000,000.</summary>
    public int LocalEntries { get; set; } = 1_000_000;

    /// <summary>Where it is, and how it is reached.</summary>
    public StorePlace Place() =>
        new(TargetStores.PlaceOf(AsTarget()), () => TargetStores.OptionsOf(Name, AsTarget()) with { IsPrimary = true });

    /// <summary>Another ledger's bucket or prefix, reached in the same way and kept in the same way.</summary>
    /// <param name="place">As it is typed; null: the same.</param>
    /// <param name="secretFile">File with the secret.</param>
    internal StoreConfig At(string? place, string? secretFile)
    {
        BucketOptions? other = place is null ? null : BucketOptions.At(place);
        return new StoreConfig
        {
            Endpoint = Endpoint, Region = Region, Bucket = other?.Bucket ?? Bucket,
            Prefix = other is null ? Prefix : other.Prefix.TrimEnd('/') is { Length: > 0 } prefix ? prefix : null,
            AccessKey = AccessKey, SecretFile = secretFile, SecretEnvironment = SecretEnvironment,
            RetentionDays = RetentionDays, EverySeconds = EverySeconds, SpoolMiB = SpoolMiB, LocalEntries = LocalEntries,
        };
    }

    internal TargetConfig AsTarget() => new()
    {
        Kind = TargetKind.S3, Endpoint = Endpoint ?? EnvironmentEndpoint(), Region = Region, Bucket = Bucket, Prefix = Prefix,
        AccessKey = AccessKey, SecretFile = SecretFile, SecretEnvironment = SecretEnvironment,
        RetentionDays = RetentionDays, EverySeconds = EverySeconds,
    };

    /// <summary>Throws a usage error at the first value that cannot be.</summary>
    internal void Check(string path, IndelibleConfig config)
    {
        TargetsCheck.CheckBucket($"{path}: store", AsTarget());
        ConfigFile.Range(path, "store.everySeconds", EverySeconds, 0, 3_600);
        ConfigFile.Range(path, "store.spoolMiB", SpoolMiB, 1, 1 << 20);
        ConfigFile.Range(path, "store.localEntries", LocalEntries, 0, 1_000_000_000);
        if (config.Targets.ContainsKey(Name))
        {
            throw new IndelibleException(
                ExitCode.Usage, $"{path}: targets.{Name}: expected another name for a copy: the ledger's own bucket is called so");
        }
    }

    private static string? EnvironmentEndpoint() =>
        Environment.GetEnvironmentVariable("AWS_ENDPOINT_URL_S3") is { Length: > 0 } endpoint ? endpoint : null;
}
