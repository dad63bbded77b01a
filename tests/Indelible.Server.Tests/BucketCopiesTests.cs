using System.Text;
using Amazon.S3;
using Amazon.S3.Model;
using Indelible.Format.Notes;
using Indelible.Format.Verification;
using Indelible.Ledger;
using Indelible.Ledger.Stores;
using Indelible.Server.Replication;
using Indelible.Testing;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>Copies that `run` keeps in a real object store.</summary>
public sealed class BucketCopiesTests
{
    [Fact(Explicit = true)]
    public async Task Credentials_revoked_in_the_middle_and_storage_that_is_full_stop_nothing()
    {
        RadosGateway gateway = await RadosGateway.GetAsync();
        await using PeopleLedger people = await PeopleLedger.StartAsync();
        BucketOptions bucket = await gateway.MakeBucketAsync(TimeSpan.FromDays(3650));
        string secret = Path.Combine(Directory.CreateTempSubdirectory("indelible-secret-").FullName, "secret");
        DurableFile.ReplaceSecret(secret, Encoding.UTF8.GetBytes(RadosGateway.Owner.Secret + "\n"));
        people.Config.Targets["vault"] = new TargetConfig
        {
            Kind = TargetKind.S3, Endpoint = bucket.Endpoint!.AbsoluteUri, Bucket = bucket.Bucket, Prefix = "crm",
            AccessKey = RadosGateway.Owner.Id, SecretFile = secret, RetentionDays = 3650, EverySeconds = 0,
        };
        string key = "";
        await people.RunningAsync(async host =>
        {
            key = host.Keyring.VerifierKey;
            await PeopleLedger.UntilAsync(() => host.Copies[0] is { Problem: null, LagEntries: 0 });
            await gateway.AdministerAsync("key", "rm", "--uid=owner", $"--access-key={RadosGateway.Owner.Id}");
            try
            {
                await people.ExecuteAsync("UPDATE people SET ssn = 'e'");
                await people.CaughtUpAsync(host);
                await PeopleLedger.UntilAsync(
                    () => host.Copies[0].Problem?.Contains("does not accept the credentials", StringComparison.Ordinal) == true);
                Assert.True(host.Copies[0].LagEntries > 0);
            }
            finally
            {
                await gateway.AdministerAsync(
                    "key", "create", "--uid=owner", $"--access-key={RadosGateway.Owner.Id}", $"--secret-key={RadosGateway.Owner.Secret}");
            }
            await PeopleLedger.UntilAsync(() => host.Copies[0] is { Problem: null, LagEntries: 0 });
            await gateway.AdministerAsync("quota", "set", "--quota-scope=bucket", "--uid=owner", "--max-objects=1");
            await gateway.AdministerAsync("quota", "enable", "--quota-scope=bucket", "--uid=owner");
            try
            {
                await people.ExecuteAsync("UPDATE people SET ssn = 'g'");
                await people.CaughtUpAsync(host);
                await PeopleLedger.UntilAsync(
                    () => host.Copies[0].Problem?.Contains("the storage is full", StringComparison.Ordinal) == true);
            }
            finally
            {
                await gateway.AdministerAsync("quota", "disable", "--quota-scope=bucket", "--uid=owner");
            }
            await PeopleLedger.UntilAsync(() => host.Copies[0] is { Problem: null, LagEntries: 0 });
            Assert.Empty(host.Copies[0].Strange);
        });
        Directory.Delete(Path.GetDirectoryName(secret)!, recursive: true);
        Assert.Equal(VerifierKey.Parse(key, out VerifierKey? verifier), Format.TextFault.None);
        using LedgerFetch files = LedgerFetch.FromBucket(bucket, verifier, CancellationToken.None);
        VerificationReport report =
            new LedgerVerifier(files.Fetch, files.OpenFile) { Policy = Policy.ForKey(verifier!) }.Verify(CancellationToken.None);
        Assert.Equal((Verdict.Verified, people.Entries().Count), (report.Verdict, (int)report.TreeSize));
    }
}
