using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Ledger;
using Indelible.Server.Alerts;
using Indelible.Server.Anchoring;
using Indelible.Server.Mirroring;
using Indelible.Server.Replication;
using Indelible.Server.Succeeding;
using Indelible.Server.Witnessing;

namespace Indelible.Server;

/// <summary>Reads, checks and writes <c>indelible.json</c>, and finds the four directories.</summary>
public static class ConfigFile
{
    /// <summary>Name looked for in the working directory unless told otherwise.</summary>
    public const string DefaultName = "indelible.json";

    /// <summary>Bytes of the file: a protected table of one column takes some 460.</summary>
    private const int LengthMax = 64 << 20;

    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
    };

    /// <summary>Reads and checks the file; password files are then given by absolute paths.
    /// A missing file is the default configuration unless <paramref name="required"/>.</summary>
    /// <exception cref="IndelibleException">Not readable, not JSON, an unknown key, or a value out of range.</exception>
    public static IndelibleConfig Load(string path, bool required)
    {
        byte[]? bytes = DurableFile.TryReadAll(path, LengthMax);
        if (bytes is null && required)
        {
            throw new IndelibleException(ExitCode.Usage, $"expected a configuration file, found none: {path}\n"
                + "  write one with `indelible init --origin NAME`, or name another with --config FILE");
        }
        IndelibleConfig config = bytes is null ? new IndelibleConfig() : Parse(path, bytes);
        Check(path, config);
        string home = Path.GetDirectoryName(Path.GetFullPath(path))!;
        foreach (SourceConfig source in config.Sources.Values)
        {
            if (source.PasswordFile is { } file) source.PasswordFile = Path.GetFullPath(file, home);
        }
        foreach (AlertTargetConfig target in config.Alerts is { } alerts ? alerts.Targets.Values : Enumerable.Empty<AlertTargetConfig>())
        {
            if (target.SecretFile is { } file) target.SecretFile = Path.GetFullPath(file, home);
        }
        if (config.Mirror is { } mirror) MirrorCheck.Resolve(mirror, home);
        foreach (TimeStampAuthorityConfig authority in config.Timestamps is { } timestamps
            ? timestamps.Authorities.Values
            : Enumerable.Empty<TimeStampAuthorityConfig>())
            authority.Certificates = Path.GetFullPath(authority.Certificates, home);
        foreach (TargetConfig target in config.Targets.Values)
        {
            if (target.Path is { } directory) target.Path = Path.GetFullPath(directory, home);
            if (target.SecretFile is { } file) target.SecretFile = Path.GetFullPath(file, home);
        }
        foreach (PredecessorConfig predecessor in config.Predecessors)
        {
            predecessor.Ledger = Path.GetFullPath(predecessor.Ledger, home);
            if (predecessor.Index is { } index) predecessor.Index = Path.GetFullPath(index, home);
            if (predecessor.Store is { SecretFile: { } file } bucket) bucket.SecretFile = Path.GetFullPath(file, home);
            foreach (TargetConfig target in predecessor.Targets is { } targets ? targets.Values : Enumerable.Empty<TargetConfig>())
            {
                if (target.SecretFile is { } secretFile) target.SecretFile = Path.GetFullPath(secretFile, home);
            }
        }
        if (config.Store is { SecretFile: { } secret } store) store.SecretFile = Path.GetFullPath(secret, home);
        WitnessCheck.Resolve(config, home);
        return config;
    }

    /// <summary>Replaces the file; durable when it returns.</summary>
    /// <exception cref="IndelibleException">Usage: what <see cref="Load"/> would refuse. The file is as before.</exception>
    public static void Save(string path, IndelibleConfig config)
    {
        Check(path, config);
        byte[] bytes = [.. JsonSerializer.SerializeToUtf8Bytes(config, Options), (byte)'\n'];
        if (bytes.Length > LengthMax)
        {
            throw new IndelibleException(ExitCode.Usage,
                $"{path}: expected at most {LengthMax} bytes, found {bytes.Length}: "
                    + "protect fewer tables in one ledger, or open another one for the rest");
        }
        DurableFile.Replace(path, bytes);
    }

    /// <summary>The four directories: <paramref name="ledger"/> if given, else the configured ones,
    /// else siblings of <c>./ledger</c>.</summary>
    public static LedgerPaths Paths(string configPath, IndelibleConfig config, string? ledger)
    {
        string home = Path.GetDirectoryName(Path.GetFullPath(configPath))!;
        LedgerPaths paths = LedgerPaths.For(Path.GetFullPath(config.Ledger ?? "ledger", home));
        LedgerPaths? other = ledger is null ? null : LedgerPaths.For(Path.GetFullPath(ledger));
        if (other is not null && other.Ledger != paths.Ledger) return other;      // the configuration is another ledger's
        paths = paths with { Store = config.Store?.Place() };
        if (other is not null) return paths;
        return paths with
        {
            Journal = config.Journal is { } journal ? Path.GetFullPath(journal, home) : paths.Journal,
            Index = config.Index is { } index ? Path.GetFullPath(index, home) : paths.Index,
            Keyring = config.Keyring is { } keyring ? Path.GetFullPath(keyring, home) : paths.Keyring,
        };
    }

    /// <summary>The address to listen at; loopback only, because nothing served there asks who is calling.</summary>
    public static IPEndPoint ListenAddress(IndelibleConfig config) =>
        IPEndPoint.TryParse(config.Listen, out IPEndPoint? address) && IPAddress.IsLoopback(address.Address)
            ? address
            : throw new IndelibleException(
                ExitCode.Usage, $"listen: expected a loopback address and port such as {IndelibleConfig.ListenDefault}, "
                + $"found '{config.Listen}'; to publish the ledger, let a web server serve its directory or forward to this address");

    private static IndelibleConfig Parse(string path, byte[] bytes)
    {
        try
        {
            return JsonSerializer.Deserialize<IndelibleConfig>(bytes, Options)
                ?? throw new IndelibleException(ExitCode.Usage, $"{path}: expected a JSON object, found null");
        }
        catch (JsonException e)
        {
            // The message names members and types, never a value.
            string where = e.LineNumber is { } line ? $" (line {line + 1})" : "";
            throw new IndelibleException(ExitCode.Usage, $"{path}{where}: {Explain(e)}");
        }
    }

    private static string Explain(JsonException e)
    {
        const string unmapped = "could not be mapped";
        if (!e.Message.Contains(unmapped, StringComparison.Ordinal))
        {
            return e.Path is { Length: > 1 } at ? $"{at[2..]}: value of the wrong type" : "not valid JSON";
        }
        string[] quoted = e.Message.Split('\'');
        return $"unknown key '{(quoted.Length > 1 ? quoted[1] : e.Path)}'; see docs/configuration.md for the known ones";
    }

    /// <summary>Throws a usage error at the first value that cannot be.</summary>
    public static void Check(string path, IndelibleConfig config)
    {
        Range(path, "publishIntervalMs", config.PublishIntervalMs, 10, 60_000);
        Range(path, "coverageIntervalSeconds", config.CoverageIntervalSeconds, 1, 86_400);
        Range(path, "verificationPercent", config.VerificationPercent, 0, 100);
        Range(path, "crosscheckIntervalHours", config.CrosscheckIntervalHours, 0, 8_760);
        ListenAddress(config);
        if (config.Alerts is { } alerts) AlertsCheck.Check(path, alerts);
        if (config.Mirror is { } mirror) MirrorCheck.Check(path, mirror);
        TargetsCheck.Check(path, config);
        if (config.Timestamps is { } timestamps) TimeStampCheck.Check(path, timestamps);
        WitnessCheck.Check(path, config);
        foreach (PredecessorConfig predecessor in config.Predecessors)
        {
            if (!Checkpoint.IsOrigin(predecessor.Origin))
            {
                throw new IndelibleException(
                    ExitCode.Usage, $"{path}: predecessors: expected the origin of a closed ledger, found '{predecessor.Origin}'");
            }
            if (predecessor.Ledger.Length == 0)
            {
                throw new IndelibleException(ExitCode.Usage,
                    $"{path}: predecessors: expected a ledger directory of {predecessor.Origin}, found nothing; "
                        + "if it is not at hand, name where it was");
            }
            foreach ((string name, TargetConfig target) in predecessor.Targets ?? [])
                TargetsCheck.CheckBucket($"{path}: predecessors: targets.{name} of {predecessor.Origin}", target);
            if (predecessor.Store is { } store)
                TargetsCheck.CheckBucket($"{path}: predecessors: store of {predecessor.Origin}", store.AsTarget());
        }
        foreach ((string name, SourceConfig source) in config.Sources)
        {
            SourceName.Check(name);
            if (source.Connection.Length == 0)
            {
                throw new IndelibleException(
                    ExitCode.Usage, $"{path}: sources.{name}.connection: expected a connection string, found nothing");
            }
            if (source.PasswordFile is not null && source.PasswordEnvironment is not null)
            {
                throw new IndelibleException(
                    ExitCode.Usage, $"{path}: sources.{name}: expected passwordFile or passwordEnvironment, found both");
            }
        }
    }

    internal static void Range(string path, string key, int value, int min, int max)
    {
        if (value >= min && value <= max) return;
        throw new IndelibleException(ExitCode.Usage, $"{path}: {key}: expected {min} to {max}, found {value}");
    }
}
