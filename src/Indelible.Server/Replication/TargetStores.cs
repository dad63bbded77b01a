using Indelible.Format;
using Indelible.Ledger;
using Indelible.Ledger.Stores;

namespace Indelible.Server.Replication;

/// <summary>The places that the configuration names.</summary>
public static class TargetStores
{
    /// <summary>Where a copy is, for people.</summary>
    public static string PlaceOf(TargetConfig config) => config.Kind == TargetKind.S3
        ? $"{BucketOptions.Scheme}{config.Bucket}/{BucketOptions.PrefixOf(config.Prefix).TrimEnd('/')}"
        : config.Path!;

    /// <summary>How a place <c>s3://bucket/prefix</c> is reached: as the configuration says of a copy there,
    /// else as the environment says.</summary>
    public static BucketOptions BucketAt(string place, IndelibleConfig config)
    {
        bool IsThere(string other) => other.TrimEnd('/') == place.TrimEnd('/');
        IEnumerable<StorePlace> stores = config.Predecessors.Select(predecessor => predecessor.Store).Prepend(config.Store)
            .OfType<StoreConfig>().Select(store => store.Place());
        if (stores.FirstOrDefault(own => IsThere(own.Name)) is { } known) return known.Options();
        (string? name, TargetConfig? target) =
            config.Targets.FirstOrDefault(target => target.Value.Kind == TargetKind.S3 && IsThere(PlaceOf(target.Value)));
        return target is null ? BucketOptions.At(place) : OptionsOf(name!, target);
    }

    internal static ILedgerStore Of(StorePlace place, TimeProvider time) => new BucketStore(place.Options(), time);

    internal static ILedgerStore Of(string name, TargetConfig config, TimeProvider time) =>
        config.Kind == TargetKind.S3 ? new BucketStore(OptionsOf(name, config), time) : new DirectoryStore(config.Path!);

    internal static BucketOptions OptionsOf(string name, TargetConfig config) => new()
    {
        Bucket = config.Bucket!,
        Prefix = BucketOptions.PrefixOf(config.Prefix),
        Endpoint = config.Endpoint is { } endpoint ? BucketOptions.EndpointOf(endpoint) : null,
        Region = config.Region,
        Credentials = config.AccessKey is { } id ? (id, Secret(name, config)) : null,
        Retention = config.RetentionDays is > 0 and { } days ? TimeSpan.FromDays(days) : null,
    };

    private static string Secret(string name, TargetConfig config)
    {
        if (config.SecretFile is { } file) return SourceConnections.ReadPassword(file);
        return Environment.GetEnvironmentVariable(config.SecretEnvironment!) is { Length: > 0 } secret ? secret
            : throw new IndelibleException(ExitCode.Usage,
                $"{(name == StoreConfig.Name ? name : $"targets.{name}")}: expected a secret in the environment variable "
                    + $"{config.SecretEnvironment}, found none");
    }
}
