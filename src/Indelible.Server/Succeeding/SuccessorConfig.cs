using System.Text;
using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Ledger;
using Indelible.Ledger.Stores;
using Indelible.Server.Alerts;
using Indelible.Server.Replication;

namespace Indelible.Server.Succeeding;

/// <summary>The configuration a successor begins with: that of the ledger before it, with places of its own.</summary>
/// <param name="config">The closed ledger's.</param>
/// <param name="paths">Where the closed ledger is.</param>
/// <param name="own">Where the successor is.</param>
/// <param name="place">The bucket that the successor lives in, as it is typed; null: it lives in its directory.</param>
/// <param name="targets">For each copy's name the directory, or the prefix in the bucket, that the successor is copied
/// to; empty: it is not.</param>
internal sealed class SuccessorConfig(
    IndelibleConfig config, LedgerPaths paths, LedgerPaths own, string? place, IReadOnlyDictionary<string, string> targets)
{
    private const int SecretLengthMax = 4096;

    private string Home => Path.GetDirectoryName(own.Ledger)!;

    /// <summary>The bucket that the successor lives in, before it has files of its own; null: it lives in its directory.</summary>
    public StoreConfig? Store => place is null ? null : config.Store?.At(place, config.Store.SecretFile);

    /// <summary>Throws unless a ledger that lives in a bucket was given another place in one, and no other ledger was.</summary>
    /// <exception cref="IndelibleException">Usage: what is missing, or in the way.</exception>
    public void RequireStore()
    {
        if (config.Store is not { } old)
        {
            if (place is not null)
            {
                throw new IndelibleException(ExitCode.Usage,
                    $"--store: expected it for a ledger that lives in a bucket, found {place} for one in a directory: "
                        + "its successor lives in a directory, too. Add `store` to the successor's configuration afterwards");
            }
            return;
        }
        if (place is null)
        {
            throw new IndelibleException(ExitCode.Usage,
                $"the ledger lives in {old.Place().Name}: expected the bucket and prefix of its successor, "
                    + $"found none: give --store s3://{old.Bucket}/PREFIX");
        }
        BucketOptions own = BucketOptions.At(place);
        string prefix = BucketOptions.PrefixOf(old.Prefix);
        if (own.Bucket == old.Bucket
            && (own.Prefix.StartsWith(prefix, StringComparison.Ordinal) || prefix.StartsWith(own.Prefix, StringComparison.Ordinal)))
        {
            throw new IndelibleException(ExitCode.Usage,
                "--store: expected a prefix that is not inside that of the closed ledger, "
                    + $"{old.Place().Name}, nor around it, found {place}");
        }
    }

    /// <summary>Throws unless every copy was given another place, and only copies were.</summary>
    /// <exception cref="IndelibleException">Usage: what is missing, unknown or the same.</exception>
    public void RequireTargets()
    {
        foreach ((string name, TargetConfig target) in config.Targets)
        {
            if (!targets.TryGetValue(name, out string? place))
            {
                string what = target.Kind == TargetKind.S3 ? "PREFIX" : "DIR";
                throw new IndelibleException(ExitCode.Usage,
                    $"targets.{name}: expected the place where the successor is copied to, found none: a copy holds one ledger\n"
                        + $"  give --target {name}={what}, or --target {name}= for no such copy of the successor");
            }
            if (place.Length > 0 && (target.Kind == TargetKind.S3 ? place == target.Prefix : Path.GetFullPath(place) == target.Path))
            {
                throw new IndelibleException(
                    ExitCode.Usage, $"--target {name}: expected another place than {place}, which holds the copy of the closed ledger");
            }
        }
        if (targets.Keys.FirstOrDefault(name => !config.Targets.ContainsKey(name)) is { } unknown)
        {
            string known = config.Targets.Count == 0 ? "there is none" : string.Join(", ", config.Targets.Keys);
            throw new IndelibleException(ExitCode.Usage, $"--target {unknown}: expected the name of a copy ({known})");
        }
    }

    /// <summary>Makes it. Files that it needs from the closed ledger's keyring directory are copied.</summary>
    /// <param name="closedKey">The closed ledger's verifier key.</param>
    /// <param name="key">The successor's.</param>
    public IndelibleConfig Make(string closedKey, VerifierKey key)
    {
        PredecessorConfig closed = new()
        {
            Origin = config.Origin ?? closedKey.Split('+')[0], Ledger = paths.Ledger, Index = paths.Index,
            Store = config.Store?.At(null, Own(config.Store.SecretFile)), Targets = Locked(),
        };
        IndelibleConfig mine = new()
        {
            Origin = key.Name, Ledger = own.Ledger, Listen = config.Listen, PublishIntervalMs = config.PublishIntervalMs,
            CoverageIntervalSeconds = config.CoverageIntervalSeconds,
            VerificationPercent = config.VerificationPercent, Alerts = config.Alerts,
            CrosscheckIntervalHours = config.CrosscheckIntervalHours, Timestamps = config.Timestamps,
            Store = Store?.At(null, Own(config.Store!.SecretFile)),
            Witnesses = config.Witnesses,
            Predecessors = [.. config.Predecessors, closed],
        };
        if (mine.Witnesses is { } witnesses) witnesses.Policy = PolicyOf(witnesses.Policy, closedKey, key.ToString());
        foreach ((string name, TargetConfig target) in config.Targets.Where(target => targets[target.Key].Length > 0))
            mine.Targets[name] = At(target, targets[name]);
        foreach (AlertTargetConfig receiver in mine.Alerts is { } alerts ? alerts.Targets.Values : Enumerable.Empty<AlertTargetConfig>())
            receiver.SecretFile = Own(receiver.SecretFile);
        mine.ConfirmAfter = Math.Min(config.ConfirmAfter, mine.Targets.Count);
        foreach ((string name, SourceConfig source) in config.Sources)
        {
            mine.Sources[name] = new SourceConfig
            {
                Connection = source.Connection,
                PasswordFile = Own(source.PasswordFile),
                PasswordEnvironment = source.PasswordEnvironment,
                Protection = source.Protection,
            };
        }
        return mine;
    }

    /// <summary>The closed ledger's copies that nobody can remove for a time; null if there are none.</summary>
    private SortedDictionary<string, TargetConfig>? Locked()
    {
        SortedDictionary<string, TargetConfig> locked = new(StringComparer.Ordinal);
        foreach ((string name, TargetConfig target) in config.Targets)
            if (target is { Kind: TargetKind.S3, RetentionDays: > 0 }) locked[name] = At(target, target.Prefix);
        return locked.Count > 0 ? locked : null;
    }

    private TargetConfig At(TargetConfig target, string? place) => new()
    {
        Kind = target.Kind,
        Path = target.Kind == TargetKind.S3 ? null : Path.GetFullPath(place!),
        Prefix = target.Kind == TargetKind.S3 ? place : null,
        Endpoint = target.Endpoint, Region = target.Region, Bucket = target.Bucket, AccessKey = target.AccessKey,
        SecretFile = Own(target.SecretFile), SecretEnvironment = target.SecretEnvironment,
        RetentionDays = target.RetentionDays, EverySeconds = target.EverySeconds,
    };

    /// <summary>A file in the closed ledger's keyring directory goes away with it.</summary>
    private string? Own(string? file)
    {
        if (file is null || Path.GetDirectoryName(file) != paths.Keyring) return file;
        string mine = Path.Combine(own.Keyring, Path.GetFileName(file));
        if (DurableFile.TryReadAll(file, SecretLengthMax) is { } secret) DurableFile.ReplaceSecret(mine, secret);
        return mine;
    }

    /// <summary>A policy of its own that names the successor in place of the closed ledger; witnesses must be told its key, too.</summary>
    private string PolicyOf(string path, string closedKey, string key)
    {
        if (DurableFile.TryReadAll(path, Policy.LengthMax) is not { } bytes) return path;
        string mine = Path.Combine(Home, Path.GetFileName(path));
        DurableFile.Replace(mine, Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(bytes).Replace(closedKey, key, StringComparison.Ordinal)));
        return mine;
    }
}
