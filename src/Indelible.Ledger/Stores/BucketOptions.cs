using Indelible.Format;

namespace Indelible.Ledger.Stores;

/// <summary>Where in which S3-compatible storage a copy is, and how it is kept there.</summary>
public sealed record BucketOptions
{
    /// <summary>The bucket; made by whoever owns the storage, with versioning and Object Lock.</summary>
    public required string Bucket { get; init; }
    /// <summary>What all keys begin with; empty, or ends in a slash.</summary>
    public string Prefix { get; init; } = "";
    /// <summary>Address of the storage: https, or http on this machine; null: Amazon's, or what AWS_ENDPOINT_URL_S3 says.</summary>
    public Uri? Endpoint { get; init; }
    /// <summary>Region requests are signed for; null: what AWS_REGION says, or <c>us-east-1</c>.</summary>
    public string? Region { get; init; }
    /// <summary>Access key and its secret; null: as the storage's own SDK finds them (environment, profile, instance role).</summary>
    public (string Id, string Secret)? Credentials { get; init; }
    /// <summary>How long each object is locked in compliance mode, from the last time it was written or looked after; null:
    /// not at all.</summary>
    public TimeSpan? Retention { get; init; }
    /// <summary>Longest lock of partial tiles and bundles, which the full ones replace.</summary>
    public TimeSpan PassingRetentionMax { get; init; } = TimeSpan.FromDays(30);

    /// <summary>True for the ledger itself, which one writer of two must lose; false for a copy of it.</summary>
    public bool IsPrimary { get; init; }

    /// <summary>What such a place begins with.</summary>
    public const string Scheme = "s3://";

    /// <summary>A place as it is typed, in storage and with credentials as the environment says:
    /// AWS_ENDPOINT_URL_S3, AWS_REGION, AWS_ACCESS_KEY_ID and so on.</summary>
    public static BucketOptions At(string place)
    {
        string[] parts = place[Scheme.Length..].Split('/', 2);
        if (!place.StartsWith(Scheme, StringComparison.Ordinal) || parts[0].Length == 0)
            throw new IndelibleException(ExitCode.Usage, $"expected s3://BUCKET/PREFIX, found '{place}'");
        string? endpoint = Environment.GetEnvironmentVariable("AWS_ENDPOINT_URL_S3")
            ?? Environment.GetEnvironmentVariable("AWS_ENDPOINT_URL");
        return new BucketOptions
        {
            Bucket = parts[0],
            Prefix = PrefixOf(parts.ElementAtOrDefault(1)),
            Endpoint = string.IsNullOrEmpty(endpoint) ? null : EndpointOf(endpoint),
        };
    }

    /// <summary>A prefix as keys need it.</summary>
    public static string PrefixOf(string? prefix) => prefix is null || prefix.Trim('/').Length == 0 ? "" : prefix.Trim('/') + "/";

    /// <summary>An address that may be used: https, or http on this machine.</summary>
    public static Uri EndpointOf(string endpoint) =>
        Uri.TryCreate(endpoint, UriKind.Absolute, out Uri? address)
            && (address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && address.IsLoopback))
            ? address : throw new IndelibleException(
                ExitCode.Usage, $"expected the address of S3-compatible storage: https, or http on this machine; found '{endpoint}'");

    /// <summary>Makes the bucket, with versions and Object Lock.</summary>
    /// <exception cref="IndelibleException">Environment: it cannot be made, or is there.</exception>
    public async Task MakeBucketAsync(CancellationToken cancellationToken)
    {
        using Bucket bucket = new(this);
        await bucket.MakeAsync(cancellationToken);
    }

    /// <summary>As it is typed: <c>s3://bucket/prefix</c>.</summary>
    public string Place => $"s3://{Bucket}/{Prefix.TrimEnd('/')}";

    /// <summary>The lock of an object.</summary>
    internal TimeSpan? RetentionOf(bool isPassing) => isPassing && Retention > PassingRetentionMax ? PassingRetentionMax : Retention;
}
