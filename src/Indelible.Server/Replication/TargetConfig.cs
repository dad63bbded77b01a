namespace Indelible.Server.Replication;

/// <summary>One place that <c>run</c> keeps a copy of the ledger in. docs/copies.md.</summary>
/// <remarks>Members have setters because the file is bound to them.</remarks>
public sealed class TargetConfig
{
    /// <summary>What it is.</summary>
    public TargetKind Kind { get; set; }
    /// <summary>Directory: where; it must exist.</summary>
    public string? Path { get; set; }
    /// <summary>S3: address of the storage, https, or http on this machine; null: Amazon's.</summary>
    public string? Endpoint { get; set; }
    /// <summary>S3: region that requests are signed for.</summary>
    public string? Region { get; set; }
    /// <summary>S3: the bucket, made with versioning and Object Lock.</summary>
    public string? Bucket { get; set; }
    /// <summary>S3: what keys begin with; null: nothing.</summary>
    public string? Prefix { get; set; }
    /// <summary>S3: access key; null: as the storage's SDK finds credentials.</summary>
    public string? AccessKey { get; set; }
    /// <summary>S3: file whose first line is the access key's secret.</summary>
    public string? SecretFile { get; set; }
    /// <summary>S3: environment variable that holds it.</summary>
    public string? SecretEnvironment { get; set; }
    /// <summary>S3: how long objects are locked in compliance mode, from the last time they were looked after, in days;
    /// 0 (not locked) to 36,500. Must be given.</summary>
    public int? RetentionDays { get; set; }
    /// <summary>Least time between two heads of the copy, and so between two partial tails, in seconds;
    /// 0 (every published head) to 3,600.</summary>
    public int EverySeconds { get; set; } = 10;
}

/// <summary>Kinds of places.</summary>
public enum TargetKind
{
    /// <summary>A directory, on another disk or a mounted file system.</summary>
    Directory,
    /// <summary>A bucket of S3-compatible storage.</summary>
    S3,
}
