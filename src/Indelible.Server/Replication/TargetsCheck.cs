using Indelible.Format;
using Indelible.Ledger.Stores;

namespace Indelible.Server.Replication;

/// <summary>Checks the part of the configuration that copies are kept by.</summary>
internal static class TargetsCheck
{
    private const int NameLengthMax = 32;

    /// <summary>Throws a usage error at the first value that cannot be.</summary>
    public static void Check(string path, IndelibleConfig config)
    {
        config.Store?.Check(path, config);
        foreach ((string name, TargetConfig target) in config.Targets) Check($"{path}: targets.{name}", name, target);
        ConfigFile.Range(path, "confirmAfter", config.ConfirmAfter, 0, config.Targets.Count);
    }

    private static void Check(string where, string name, TargetConfig target)
    {
        Expect(name.Length is > 0 and <= NameLengthMax && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_'),
            $"{where}: expected a name of 1 to {NameLengthMax} of a-z, 0-9 and _, found '{name}'");
        ConfigFile.Range(where, "everySeconds", target.EverySeconds, 0, 3_600);
        if (target.Kind == TargetKind.S3) CheckBucket(where, target);
        else
        {
            Expect(target.Path is { Length: > 0 }, $"{where}: expected path for kind directory, found none");
            string? ofBucket = target.Endpoint ?? target.Bucket ?? target.Prefix ?? target.AccessKey ?? target.SecretFile
                ?? target.SecretEnvironment ?? target.Region;
            Expect(ofBucket is null && target.RetentionDays is null,
                $"{where}: expected path and everySeconds only for kind directory, found keys of kind s3");
        }
    }

    internal static void CheckBucket(string where, TargetConfig target)
    {
        Expect(target.Path is null, $"{where}: expected path for kind directory only, found it for s3");
        Expect(target.Bucket is { Length: > 0 }, $"{where}: expected bucket for kind s3, found none");
        Expect(target.RetentionDays is not null,
            $"{where}: expected retentionDays: how long nobody at all can remove what is stored; 0 for one that is not locked");
        ConfigFile.Range(where, "retentionDays", target.RetentionDays!.Value, 0, 36_500);
        Expect(target.AccessKey is not null == (target.SecretFile ?? target.SecretEnvironment) is not null,
            $"{where}: expected accessKey together with secretFile or secretEnvironment, found one without the other");
        Expect(target.SecretFile is null || target.SecretEnvironment is null,
            $"{where}: expected secretFile or secretEnvironment, found both");
        if (target.Endpoint is { } endpoint) BucketOptions.EndpointOf(endpoint);
    }

    private static void Expect(bool holds, string message)
    {
        if (!holds) throw new IndelibleException(ExitCode.Usage, message);
    }
}
