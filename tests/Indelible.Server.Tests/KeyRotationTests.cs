using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Notes;
using Indelible.Format.Verification;
using Indelible.Ledger;
using Indelible.Ledger.Following;
using Indelible.Server.Replication;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>The signing key is handed over: verifiers with either key, mirrors over HTTP and copies follow;
/// a crash in between goes on.</summary>
public sealed class KeyRotationTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("indelible-keys-").FullName;

    private LedgerPaths Paths => LedgerPaths.For(Path.Combine(_root, "ledger"));
    private string Mirror => Path.Combine(_root, "mirror");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task Mirrors_over_http_copies_and_verifiers_with_either_key_follow_a_handover()
    {
        VerifierKey first = await NewAsync();
        string vault = Directory.CreateDirectory(Path.Combine(_root, "vault")).FullName;
        IndelibleConfig config =
            new() { Listen = "127.0.0.1:0", Targets = { ["vault"] = new TargetConfig { Path = vault, EverySeconds = 0 } } };
        await using LedgerHost host =
            await LedgerHost.OpenAsync(Paths, config, TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);
        using CancellationTokenSource stop = new();
        Task running = host.RunAsync(control: null, stop.Token);
        string address = await host.Listening;
        await SealAsync(host);
        await FollowAsync(address, first);
        byte[] older = await File.ReadAllBytesAsync(Path.Combine(Paths.Ledger, "checkpoint"));
        List<VerifierKey> keys = [first];
        for (int i = 0; i < 2; i++)
        {
            Handover handover = await KeyRotation.RunAsync(host, "a test", "it was time", CancellationToken.None);
            Assert.Equal((keys[^1], host.Keyring.LedgerKeys.Signer.VerifierKey), (handover.From, handover.To));
            keys.Add(handover.To);
            await SealAsync(host);
        }
        await FollowAsync(address, first);                                                  // the mirror knows nothing but the first key
        await PeopleLedger.UntilAsync(() => host.Copies.Single() is { Problem: null } copy && copy.Size == host.Writer.PublishedSize);
        await stop.CancelAsync();
        await running;
        using (LedgerCopy copy = LedgerCopy.Open(Mirror, first))
            Assert.Equal((keys[^1], host.Writer.PublishedSize), (copy.Keys.Newest, copy.Stored!.Size));
        foreach (string ledger in (string[])[Paths.Ledger, LedgerCopy.LedgerBelow(Mirror), vault])
        {
            foreach (VerifierKey key in keys) Assert.Equal((Verdict.Verified, ledger), (Verify(ledger, key, older).Verdict, ledger));
        }
        Entry told = host.View.Entry(host.View.Index.Find(new Index.Query { Kind = EntryKind.Admin, Limit = 1 }).Entries[0]);
        Assert.Equal(("key-rotated", keys[2].ToString()), (told.Header.Code, told.Header.Facts!["verifier-key"]));

        using NoteSigner stranger = NoteSigner.FromSeed("example.org/t", new byte[NoteSigner.SeedSize]);
        Assert.Equal(Verdict.Failed, Verify(Paths.Ledger, stranger.VerifierKey, []).Verdict);
        string handovers = Path.Combine(Paths.Ledger, "handover");
        File.Delete(Directory.EnumerateFiles(handovers)
            .MinBy(path => long.Parse(Path.GetFileName(path), System.Globalization.CultureInfo.InvariantCulture))!);
        Assert.Equal(Verdict.Failed, Verify(Paths.Ledger, first, []).Verdict);                // nothing links it with the newest any more
        Assert.Equal(Verdict.Verified, Verify(Paths.Ledger, keys[2], []).Verdict);
    }

    [Fact]
    public async Task An_old_key_signs_nothing_beyond_its_handover_and_no_key_takes_over_by_itself()
    {
        VerifierKey first = await NewAsync();
        await using (LedgerHost host = await OpenAsync())
        {
            await SealAsync(host);
            await KeyRotation.RunAsync(host, "a test", null, CancellationToken.None);
        }
        KeyHistory keys = new LedgerReader(Paths.Ledger).ReadKeys(first);
        long at = keys.Handovers.Single().Checkpoint.Size;
        Assert.Equal([first], keys.At(at - 1));
        Assert.Equal([first, keys.Newest], keys.At(at));
        Assert.Equal([keys.Newest], keys.At(at + 1));
        using NoteSigner thief = NoteSigner.FromSeed("example.org/t", new byte[NoteSigner.SeedSize]);
        using NoteSigner other = NoteSigner.FromSeed("example.org/t", [.. Enumerable.Repeat((byte)7, NoteSigner.SeedSize)]);
        byte[] forged = Handover.Sign(keys.Handovers[0].Checkpoint, other, thief).Note.ToBytes();
        Assert.Empty(KeyHistory.Of(first, [forged]).Handovers);
        byte[] unsigned = new SignedNote(keys.Handovers[0].Note.Text, [keys.Handovers[0].Note.Signatures[0]]).ToBytes();
        Assert.False(Handover.Parse(unsigned, out _).IsNone);
        Assert.False(Handover.Parse(await File.ReadAllBytesAsync(Path.Combine(Paths.Ledger, "checkpoint")), out _).IsNone);
    }

    [Fact]
    public async Task A_fork_across_a_handover_is_proved_by_either_key_alone_and_by_no_other()
    {
        VerifierKey first = await NewAsync();
        string fork = Path.Combine(_root, "fork");
        await using (LedgerHost host = await OpenAsync()) await SealAsync(host);
        Directory.CreateDirectory(fork);
        foreach (string name in (string[])["ledger", "journal", "index", "keyring"])
            await Testing.Copying.AsIsAsync(Path.Combine(_root, name), Path.Combine(fork, name));
        await using (LedgerHost host = await OpenAsync()) await SealAsync(host);
        using LedgerCopy copy = LedgerCopy.Open(Mirror, first);
        using (LedgerFetch source = LedgerFetch.FromDirectory(Paths.Ledger))
        {
            Assert.IsType<FollowOutcome.Stored>(
                await new LedgerFollower(copy, source, "it", null, TimeProvider.System).RoundAsync(CancellationToken.None));
        }
        LedgerPaths other = LedgerPaths.For(Path.Combine(fork, "ledger"));
        VerifierKey second;
        await using (LedgerHost host = await LedgerHost.OpenAsync(
            other, new IndelibleConfig(), TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None))
        {
            await SealAsync(host);
            await SealAsync(host);
            second = (await KeyRotation.RunAsync(host, "a test", null, CancellationToken.None)).To;
            await SealAsync(host);
        }
        using LedgerFetch forked = LedgerFetch.FromDirectory(other.Ledger);
        var found = Assert.IsType<FollowOutcome.Misbehaved>(
            await new LedgerFollower(copy, forked, "it", null, TimeProvider.System).RoundAsync(CancellationToken.None));
        byte[] evidence = await File.ReadAllBytesAsync(found.Evidence);
        foreach (VerifierKey key in (VerifierKey[])[first, second])
        {
            VerificationReport report = EvidenceVerifier.Verify(evidence, Policy.ForKey(key));
            Assert.Equal((Verdict.Verified, 600), (report.Verdict, report.Misbehaviour!.Size));
            Assert.Equal([first.ToString(), second.ToString()], report.SignedBy);
        }
        using NoteSigner stranger = NoteSigner.FromSeed("example.org/t", new byte[NoteSigner.SeedSize]);
        Assert.Equal(Verdict.Failed, EvidenceVerifier.Verify(evidence, Policy.ForKey(stranger.VerifierKey)).Verdict);
        Assert.True(Misbehaviour.Parse(evidence, out Misbehaviour? read).IsNone);
        Assert.Equal(evidence, read!.ToBytes());
        // nothing links the keys
        Assert.Equal(Verdict.Failed, EvidenceVerifier.Verify((read with { Handovers = [] }).ToBytes(), Policy.ForKey(first)).Verdict);
    }

    [Theory]
    [InlineData("made")]
    [InlineData("told")]
    [InlineData("handed over")]
    [InlineData("taken")]
    public async Task Stopped_in_the_middle_it_is_as_before_or_goes_on(string after)
    {
        VerifierKey first = await NewAsync();
        string[] files = [Path.Combine(Paths.Keyring, "keyring.json"), Path.Combine(Paths.Ledger, "checkpoint"),
            Path.Combine(Paths.Ledger, "ledger.json")];
        await using (LedgerHost host = await OpenAsync())
        {
            await SealAsync(host);
            VerifierKey next = host.Keyring.MakeNextKey();
            if (after != "made")
            {
                EntryBatch told = new();
                host.NewMaker("").AddAdmin(told, KeyRotation.Code, new Dictionary<string, string> { ["verifier-key"] = next.ToString() });
                await host.SealAsync(told, CancellationToken.None);
            }
            await host.PublishAsync(CancellationToken.None);
            if (after is "handed over" or "taken")
            {
                foreach (string file in files) File.Copy(file, file + ".before");
                await host.Writer.HandOverAsync(host.Keyring, CancellationToken.None);
            }
        }
        // The handover is durable first, then the keyring, then what is shown.
        if (after is "handed over" or "taken") foreach (string file in files.Skip(after == "taken" ? 1 : 0))
            File.Move(file + ".before", file, overwrite: true);
        VerifierKey newest;
        await using (LedgerHost host = await OpenAsync())
        {
            bool isDone = after is "handed over" or "taken";
            Assert.Equal(isDone, !host.Keyring.LedgerKeys.Signer.VerifierKey.Equals(first));
            await SealAsync(host);
            if (!isDone) await KeyRotation.RunAsync(host, "a test", null, CancellationToken.None);
            newest = host.Keyring.LedgerKeys.Signer.VerifierKey;
            Assert.Null(host.Keyring.NextKey);
            await SealAsync(host);
        }
        Assert.Equal(
            (Verdict.Verified, Verdict.Verified), (Verify(Paths.Ledger, first, []).Verdict, Verify(Paths.Ledger, newest, []).Verdict));
        Assert.Single(new LedgerReader(Paths.Ledger).ReadKeys(first).Handovers);
        using LedgerView view = await LedgerView.OpenAsync(Paths, NullLogger.Instance, CancellationToken.None);
        Assert.Single(Enumerable.Range(0, (int)view.Reader.ReadCheckpoint().Size).Select(index => view.Entry(index).Header),
            header => header.Code == KeyRotation.Code);
    }

    private async Task<VerifierKey> NewAsync()
    {
        NewLedger made = await NewLedger.CreateAsync(Paths, "example.org/t", CancellationToken.None);
        Assert.True(VerifierKey.Parse(made.VerifierKey, out VerifierKey? key).IsNone);
        return key!;
    }

    private Task<LedgerHost> OpenAsync() =>
        LedgerHost.OpenAsync(Paths, new IndelibleConfig(), TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);

    private static async Task SealAsync(LedgerHost host)
    {
        EntryBatch entries = new();
        for (int i = 0; i < 300; i++) host.NewMaker("").AddGuard(entries, GuardCode.Rights);
        await host.SealAsync(entries, CancellationToken.None);
        await host.PublishAsync(CancellationToken.None);
    }

    private async Task FollowAsync(string address, VerifierKey key)
    {
        using LedgerCopy copy = LedgerCopy.Open(Mirror, key);
        using LedgerFetch source = LedgerFetch.FromUrl(new Uri(address), CancellationToken.None);
        Assert.IsType<FollowOutcome.Stored>(
            await new LedgerFollower(copy, source, address, null, TimeProvider.System).RoundAsync(CancellationToken.None));
    }

    private static VerificationReport Verify(string ledger, VerifierKey key, byte[] older)
    {
        using LedgerFetch files = LedgerFetch.FromDirectory(ledger);
        return new LedgerVerifier(files.Fetch, files.OpenFile) { Policy = Policy.ForKey(key), OlderCheckpoint = older }.Verify(
            CancellationToken.None);
    }
}
