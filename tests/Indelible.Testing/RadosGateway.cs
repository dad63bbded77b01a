using System.Diagnostics;
using System.Globalization;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Indelible.Ledger.Stores;
using Indelible.Server.Demo;

namespace Indelible.Testing;

/// <summary>A real object store: Ceph's RADOS gateway with one node in memory, on loopback.
/// One a process, started when first asked for, gone with the process.</summary>
public sealed class RadosGateway
{
    private static readonly Lazy<Task<RadosGateway>> One = new(StartAsync);
    private static int _buckets;
    private readonly string _home;

    private RadosGateway(string home, int port) => (_home, Port) = (home, port);

    /// <summary>Where it listens.</summary>
    public int Port { get; }

    /// <summary>The same, as an address.</summary>
    public Uri Endpoint => new($"http://127.0.0.1:{Port}/");

    /// <summary>Credentials of the owner of every bucket, and of somebody else.</summary>
    public static (string Id, string Secret) Owner => ("OWNERACCESSKEY000001", "owner-secret-key-0000000000000000000001");

    /// <inheritdoc cref="Owner"/>
    public static (string Id, string Secret) Other => ("OTHERACCESSKEY000001", "other-secret-key-0000000000000000000001");

    /// <summary>The gateway of this process.</summary>
    public static Task<RadosGateway> GetAsync() => One.Value;

    /// <summary>The storage's own SDK, with the owner's credentials.</summary>
    public AmazonS3Client Client() => new(new BasicAWSCredentials(Owner.Id, Owner.Secret), new AmazonS3Config
    {
        ServiceURL = Endpoint.AbsoluteUri, ForcePathStyle = true, AuthenticationRegion = "us-east-1",
        RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
        ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
    });

    /// <summary>Makes a bucket and says how to reach it: with Object Lock, or with versions only, or with neither.</summary>
    public async Task<BucketOptions> MakeBucketAsync(TimeSpan? retention, bool hasLock = true, bool hasVersions = true)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"bucket{Interlocked.Increment(ref _buckets)}");
        using AmazonS3Client client = Client();
        await client.PutBucketAsync(new PutBucketRequest { BucketName = name, ObjectLockEnabledForBucket = hasLock });
        if (hasVersions && !hasLock)
        {
            await client.PutBucketVersioningAsync(
                new PutBucketVersioningRequest { BucketName = name,
                    VersioningConfig = new S3BucketVersioningConfig { Status = VersionStatus.Enabled } });
        }
        return new BucketOptions { Bucket = name, Prefix = "crm/", Endpoint = Endpoint, Credentials = Owner, Retention = retention };
    }

    /// <summary>What the storage's own administrator can do: runs <c>radosgw-admin</c>.</summary>
    public async Task AdministerAsync(params string[] arguments)
    {
        ProcessStartInfo start = new("radosgw-admin",
            ["-c", Path.Combine(_home, "ceph.conf"), "-n", "client.rgw.a", .. arguments]) { RedirectStandardOutput = true,
            RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"radosgw-admin {string.Join(' ', arguments)}: {await error}{await output}");
    }

    private static async Task<RadosGateway> StartAsync()
    {
        string home = Directory.CreateTempSubdirectory("indelible-ceph-").FullName;
        int port = FreePort.Choose(3), monitor = port + 1;     // the monitor takes two
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            using Process down = Process.Start("bash", [Script, "down", home]);
            down.WaitForExit();
            Directory.Delete(home, recursive: true);
        };
        ProcessStartInfo start = new("bash",
            [Script, "up", home, port.ToString(CultureInfo.InvariantCulture),
                monitor.ToString(CultureInfo.InvariantCulture)]) { RedirectStandardError = true, RedirectStandardOutput = true };
        using Process up = Process.Start(start)!;
        // Daemons keep these open: read until the script ends, not until they do.
        List<string> said = [];
        up.ErrorDataReceived += (_, line) => { lock (said) said.Add(line.Data ?? ""); };
        up.BeginErrorReadLine();
        up.BeginOutputReadLine();
        while (!up.HasExited) await Task.Delay(50);
        if (up.ExitCode == 0) return new RadosGateway(home, port);
        lock (said) throw new InvalidOperationException($"the object store for tests did not start:\n{string.Join('\n', said)}");
    }

    private static string Script => Path.Combine(AppContext.BaseDirectory, "gateway.sh");
}
