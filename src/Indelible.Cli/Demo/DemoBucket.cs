using System.Diagnostics;
using System.Globalization;
using System.Text;
using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Ledger;
using Indelible.Ledger.Stores;
using Indelible.Server.Demo;
using Indelible.Server.Replication;

namespace Indelible.Cli.Demo;

/// <summary>An object store of the demo's own: Ceph's RADOS gateway on loopback, in memory, with a bucket that forbids deletion.
/// Gone when disposed.</summary>
internal sealed class DemoBucket : IAsyncDisposable
{
    /// <summary>Where the ledger is copied to.</summary>
    public const string Place = "s3://clinic/ledger";
    private const string Bucket = "clinic", Prefix = "ledger", Script = "gateway.sh", Resource = "Indelible.Cli.Demo.gateway.sh";
    private const string Owner = "OWNERACCESSKEY000001", Secret = "owner-secret-key-0000000000000000000001";
    /// <summary>What the script runs.</summary>
    private static readonly string[] Programs = ["ceph-mon", "ceph-osd", "ceph", "radosgw", "radosgw-admin", "ceph-authtool", "monmaptool"];

    private readonly string _home;

    private DemoBucket(string home, Uri endpoint) => (_home, Endpoint) = (home, endpoint);

    private Uri Endpoint { get; }

    /// <summary>The first program it needs and that is not installed; null if all are there.</summary>
    public static string? Missing()
    {
        string[] directories = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        return Programs.FirstOrDefault(program => !directories.Any(directory => Path.Exists(Path.Combine(directory, program))));
    }

    /// <summary>Starts it and makes the bucket.</summary>
    /// <exception cref="IndelibleException">Environment: it does not start.</exception>
    public static async Task<DemoBucket> StartAsync(CancellationToken cancellationToken)
    {
        string home = Directory.CreateTempSubdirectory("indelible-ceph-").FullName;    // its sockets' paths must be short
        int port = FreePort.Choose(3), monitor = port + 1;     // the monitor takes two
        DemoBucket store = new(home, new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}/")));
        try
        {
            using (Stream script = typeof(DemoBucket).Assembly.GetManifestResourceStream(Resource)!)
            using (MemoryStream bytes = new())
            {
                await script.CopyToAsync(bytes, cancellationToken);
                DurableFile.Replace(Path.Combine(home, Script), bytes.ToArray());
            }
            await store.RunAsync(
                ["up", home, port.ToString(CultureInfo.InvariantCulture), monitor.ToString(CultureInfo.InvariantCulture)],
                cancellationToken);
            BucketOptions bucket = new() { Bucket = Bucket, Endpoint = store.Endpoint, Credentials = (Owner, Secret) };
            await bucket.MakeBucketAsync(cancellationToken);
            return store;
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    /// <summary>The copy there, locked for a day.</summary>
    /// <param name="secretFile">File that the owner's secret is written to.</param>
    public TargetConfig Target(string secretFile)
    {
        DurableFile.ReplaceSecret(secretFile, Encoding.UTF8.GetBytes(Secret + "\n"));
        return new TargetConfig
        {
            Kind = TargetKind.S3, Endpoint = Endpoint.AbsoluteUri, Region = "us-east-1", Bucket = Bucket, Prefix = Prefix,
            AccessKey = Owner, SecretFile = secretFile, RetentionDays = 1, EverySeconds = 0,
        };
    }

    /// <summary>Entries that the copy there holds; -1 if there is none.</summary>
    public async Task<long> SizeAsync(CancellationToken cancellationToken)
    {
        BucketOptions options =
            new() { Bucket = Bucket, Prefix = BucketOptions.PrefixOf(Prefix), Endpoint = Endpoint, Credentials = (Owner, Secret) };
        using LedgerFetch files = LedgerFetch.FromBucket(options, null, cancellationToken);
        return await files.ReadAsync("checkpoint", cancellationToken) is { } bytes
            && Checkpoint.Parse(bytes, out _, out Checkpoint? head).IsNone ? head!.Size : -1;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Path.Exists(Path.Combine(_home, Script))) await RunAsync(["down", _home], CancellationToken.None);
        Directory.Delete(_home, recursive: true);
    }

    private async Task RunAsync(string[] arguments, CancellationToken cancellationToken)
    {
        ProcessStartInfo start =
            new("bash", [Path.Combine(_home, Script), .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        StringBuilder said = new();
        process.ErrorDataReceived += (_, line) =>
        {
            lock (said) said.AppendLine(line.Data);
        };
        process.OutputDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        // its daemons keep the pipes open: until it ends, not until they do
        while (!process.HasExited) await Task.Delay(TimeSpan.FromMilliseconds(50), cancellationToken);
        if (process.ExitCode == 0) return;
        lock (said)
        {
            throw new IndelibleException(ExitCode.Environment,
                $"the demo's object store did not start (bash {Script} {arguments[0]}, code {process.ExitCode}):\n{said}");
        }
    }
}
