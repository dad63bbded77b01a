using System.Diagnostics;
using System.Text.Json.Nodes;
using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Ledger;
using Indelible.Ledger.Following;
using Indelible.Server;
using Indelible.Server.Demo;
using Indelible.Server.Replication;
using Indelible.Server.Witnessing;

namespace Indelible.Cli.Demo;

/// <summary>The demo of copies: two mirrors and a witness; then somebody who has the host and the key rewrites history;
/// then the host is lost, and restored.</summary>
internal sealed class CopiesStory(DemoStage stage, TimeProvider time)
{
    private const string Backup = "vault/keyring.backup", PolicyFile = "vault/clinic.policy";
    /// <summary>What lies beside the keyring and is not in its backup: the master key, and the capture role's password.</summary>
    private static readonly string[] Apart = ["master.key", $"{DemoStage.Source}.password"];
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(180);

    private readonly List<Process> _elsewhere = [];
    private readonly string _listen = $"127.0.0.1:{FreePort.Choose()}";
    private string _witness = "";
    private DemoBucket? _bucket;

    /// <summary>Tells the whole story once. Returns the summary.</summary>
    public async Task<JsonObject> TellAsync(CancellationToken cancellationToken)
    {
        try
        {
            await stage.PrepareAsync(cancellationToken);
            await PutCopiesElsewhereAsync(cancellationToken);
            await WorkAsync(cancellationToken);
            await RewriteAsync(cancellationToken);
            await DestroyAsync(cancellationToken);
            await RestoreAsync(cancellationToken);
        }
        finally
        {
            if (_bucket is not null) await _bucket.DisposeAsync();
            foreach (Process process in _elsewhere)
            {
                await DemoStage.StopAsync(process);
                process.Dispose();
            }
        }
        return Summarise();
    }

    /// <summary>A witness, two mirrors, a copy on another disk, and the keys in a vault: what the ledger's host does not control.</summary>
    private async Task PutCopiesElsewhereAsync(CancellationToken cancellationToken)
    {
        stage.Narrator.Step(
            "On other machines: a witness, and two mirrors. "
                + "In a vault: the auditor's policy, a backup of the keyring, the master key, the capture role's password");
        DurableFile.MakeSecretDirectory(Path.Combine(stage.Directory, "vault"));
        JsonNode witness = await StartElsewhereAsync(
            ["witness", "run", "--name", "notary.example/one", "--log", stage.VerifierKey, "--to", "witness",
                "--listen", "127.0.0.1:0", "--json"], cancellationToken);
        _witness = (string)witness["address"]!;
        string policy = $"log {stage.VerifierKey}\nwitness notary {witness["verifierKey"]} {_witness}\nquorum notary\n";
        DurableFile.Replace(Path.Combine(stage.Directory, PolicyFile), System.Text.Encoding.UTF8.GetBytes(policy));
        string path = Path.Combine(stage.Directory, ConfigFile.DefaultName);
        IndelibleConfig config = ConfigFile.Load(path, required: true);
        config.Witnesses = new WitnessesConfig { Policy = Path.Combine(stage.Directory, PolicyFile), IntervalSeconds = 1 };
        _bucket = await StartBucketAsync(cancellationToken);
        foreach ((string name, TargetConfig target) in Targets()) config.Targets[name] = target;
        ConfigFile.Save(path, config);
        await StartElsewhereAsync(
            ["mirror", "run", "--from", $"http://{_listen}/", "--key", stage.VerifierKey, "--to", "mirror-a",
                "--name", "mirror-a.example/one", "--listen", "127.0.0.1:0", "--json"], cancellationToken);
        await StartElsewhereAsync(
            ["mirror", "run", "--from", stage.Paths.Ledger, "--key", stage.VerifierKey, "--to", "mirror-b",
                "--name", "mirror-b.example/one", "--listen", "127.0.0.1:0", "--json"], cancellationToken);
    }

    /// <summary>An object store, where Ceph's programs are installed; else it says that there is none.</summary>
    private async Task<DemoBucket?> StartBucketAsync(CancellationToken cancellationToken)
    {
        if (DemoBucket.Missing() is { } missing)
        {
            stage.Narrator.Say(
                $"no object store: the bucket is left out of this demo, because {missing} is not installed. On Debian or Ubuntu: "
                    + "sudo apt-get install --no-install-recommends ceph-mon ceph-osd radosgw ceph-common");
            return null;
        }
        stage.Narrator.Say(
            "an object store (Ceph, in memory), and a bucket in it with Object Lock: "
                + "what is written there, nobody removes for a day, whoever has the credentials");
        DemoBucket? store = null;
        await stage.TimedAsync("objectStore", async () => store = await DemoBucket.StartAsync(cancellationToken));
        return store;
    }

    /// <summary>Copies that `run` writes by itself: a directory and, where there is an object store, a bucket with Object Lock.</summary>
    private Dictionary<string, TargetConfig> Targets()
    {
        string disk = Path.Combine(stage.Directory, "disk");
        DurableFile.MakeDirectory(disk);
        Dictionary<string, TargetConfig> targets =
            new() { ["disk"] = new TargetConfig { Kind = TargetKind.Directory, Path = disk, EverySeconds = 0 } };
        if (_bucket is not null) targets["bucket"] = _bucket.Target(Path.Combine(stage.Directory, "vault", "bucket.secret"));
        return targets;
    }

    private async Task WorkAsync(CancellationToken cancellationToken)
    {
        stage.Narrator.Step("People at work; a DBA changes a number with the attribution trigger off");
        using Process run = stage.StartRun("--listen", _listen);
        for (int round = 0; round < 2; round++) await stage.Traffic.RoundAsync(cancellationToken);
        await stage.Traffic.DbaWithoutAttributionAsync(cancellationToken);
        await stage.CaughtUpAsync(run, cancellationToken);
        await stage.ShowAsync("unattributed", ["log", "--grade", "none", "--kind", "change", "--limit", "3"], cancellationToken);
        await stage.TypeAsync("export", ["keys", "export", Backup, "--json"], cancellationToken);
        foreach (string name in Apart) Keep(Path.Combine(stage.Paths.Keyring, name), Path.Combine(stage.Directory, "vault", name));
        await UntilAsync("the mirror over HTTP holds what is published", () => SizeOf("mirror-a") >= Head().Size, cancellationToken);
        await BucketAsync(cancellationToken);
        await DemoStage.StopAsync(run);
        await stage.TimedAsync("mirrored",
            () => UntilAsync("the mirror of the directory holds everything", () => SizeOf("mirror-b") == Head().Size, cancellationToken));
        await stage.ShowAsync("verifyPolicy", ["verify", "--policy", PolicyFile], cancellationToken);
    }

    /// <summary>Whoever has the host and the key leaves out what the DBA did, and makes the ledger longer than anybody has seen.</summary>
    private async Task RewriteAsync(CancellationToken cancellationToken)
    {
        stage.Narrator.Step("Somebody with root and the key seals the whole history anew, without the DBA's change, and signs it");
        long left = await Rewriting.LeaveOutAsync(stage.Paths, time, cancellationToken);
        stage.Narrator.Say($"left out: {left} entries. One key alone cannot tell:");
        bool isSigned =
            DemoStage.Verdict(await stage.ShowAsync("verifyRewritten", ["verify", "--key", stage.VerifierKey], cancellationToken));
        stage.Summary.Results["rewrittenLedgerIsSigned"] = isSigned && left > 0;

        stage.Narrator.Step(
            "The witness is asked to go on from it, and does not; nor does the copy on another disk. `run` seals nothing more");
        WriteConfig("witnessed.json", $", \"witnesses\": {{ \"policy\": \"{PolicyFile}\" }}");
        await RefusedAsync("witnessRefused", "witness", "witnessed.json", cancellationToken);
        Only("disk.json", "disk");
        await RefusedAsync("copyRefused", "copy on another disk", "disk.json", cancellationToken);
        if (_bucket is not null)
        {
            Only("bucket.json", "bucket");
            await RefusedAsync("bucketRefused", "bucket with Object Lock", "bucket.json", cancellationToken);
            stage.Summary.Results["bucketHolds"] = await VerifiesAsync("verifyBucket", DemoBucket.Place, cancellationToken);
        }
        stage.Narrator.Step("So all of them are left out of the configuration. The mirrors look by themselves");
        WriteConfig("insider.json", "");
        using (Process run = stage.StartRun("--config", "insider.json"))
        {
            await stage.TimedAsync("foundOut",
                () => UntilAsync("both mirrors keep evidence",
                    () => EvidenceOf("mirror-a") is not null && EvidenceOf("mirror-b") is not null, cancellationToken));
            await DemoStage.StopAsync(run, "-KILL");
        }
        foreach (string mirror in (string[])["mirror-a", "mirror-b"])
        {
            string evidence = EvidenceOf(mirror)!;
            bool isProved = DemoStage.Verdict(
                await stage.ShowAsync($"verify-{mirror}", ["verify", evidence, "--key", stage.VerifierKey], cancellationToken));
            stage.Summary.Add($"{mirror}Proved", $"the same, shown to {mirror}",
                $"{mirror} stops, keeps its copy, and a proof that anybody can check: {Path.GetFileName(evidence)}", isProved);
        }
        string[] witnessed =
            System.IO.Directory.GetFiles(Path.Combine(stage.Directory, "witness"), "*.misbehaviour", SearchOption.AllDirectories);
        // A size that is a power of two leaves the witness nothing to prove: docs/witnesses.md.
        stage.Summary.Results["witnessKeptEvidence"] = witnessed.Length > 0 || long.IsPow2(SizeOf("mirror-b"));
    }

    private async Task RefusedAsync(string name, string who, string config, CancellationToken cancellationToken)
    {
        using Process run = stage.StartRun("--config", config, "--listen", _listen);
        await UntilAsync("`indelible run` ends", () => run.HasExited, cancellationToken);
        stage.Narrator.Say($"`indelible run` ended with code {run.ExitCode}");
        stage.Summary.Add(name, $"history rewritten with the true key, shown to the {who}",
            $"the {who} does not go on, and `run` ends before it seals anything", run.ExitCode == (int)ExitCode.Finding);
    }

    private void WriteConfig(string name, string more) =>
        DurableFile.Replace(Path.Combine(stage.Directory, name),
            System.Text.Encoding.UTF8.GetBytes($"{{ \"ledger\": \"ledger\", \"listen\": \"{_listen}\"{more} }}"));

    /// <summary>A configuration with one copy and no witness.</summary>
    private void Only(string file, string target)
    {
        IndelibleConfig config = ConfigFile.Load(Path.Combine(stage.Directory, ConfigFile.DefaultName), required: true);
        IndelibleConfig only = new() { Ledger = stage.Paths.Ledger, Listen = _listen };
        only.Targets[target] = config.Targets[target];
        ConfigFile.Save(Path.Combine(stage.Directory, file), only);
    }

    private Task DestroyAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        stage.Narrator.Step("The primary's host is lost: ledger, journal, index, keyring, guard");
        foreach (string directory in (string[])[stage.Paths.Ledger, stage.Paths.Journal, stage.Paths.Index, stage.Paths.Keyring])
            Directory.Delete(directory, recursive: true);
        return Task.CompletedTask;
    }

    private async Task RestoreAsync(CancellationToken cancellationToken)
    {
        stage.Narrator.Step(
            "Restored: the keyring from the vault, the ledger from a mirror, held against what the witness and the other mirror have seen");
        DurableFile.MakeSecretDirectory(stage.Paths.Keyring);
        foreach (string name in Apart) Keep(Path.Combine(stage.Directory, "vault", name), Path.Combine(stage.Paths.Keyring, name));
        await stage.TypeAsync("keysRestore", ["keys", "restore", Backup, "--json"], cancellationToken);
        await stage.ShowAsync("restore",
            ["mirror", "restore", "--from", "mirror-b/ledger", "--key", stage.VerifierKey, "--heads", _witness, "--heads",
                "mirror-a/ledger", "--heads", "disk"], cancellationToken);
        await stage.TypeAsync("acceptHead", ["keys", "accept-head", "--json"], cancellationToken);

        stage.Narrator.Step("And people go on working");
        using Process run = stage.StartRun("--listen", _listen);
        await stage.Traffic.RoundAsync(cancellationToken);
        await stage.CaughtUpAsync(run, cancellationToken);
        await UntilAsync("the witness goes on from the head it knows", () => CosignedSize() >= Head().Size, cancellationToken);
        await BucketAsync(cancellationToken);
        await DemoStage.StopAsync(run);
        if (_bucket is not null)
            stage.Summary.Results["bucket"] = await VerifiesAsync("verifyBucketAgain", DemoBucket.Place, cancellationToken);
        stage.Summary.Results["restored"] =
            DemoStage.Verdict(await stage.ShowAsync("verify", ["verify", "--policy", PolicyFile], cancellationToken));
        stage.Summary.Results["nothingMissing"] = DemoStage.Verdict(await stage.ShowAsync("coverage", ["coverage"], cancellationToken));
        stage.Summary.Results["mirror"] = await VerifiesAsync("verifyMirror", "mirror-b/ledger", cancellationToken);
    }

    private async Task<bool> VerifiesAsync(string name, string ledger, CancellationToken cancellationToken) => DemoStage.Verdict(
        await stage.ShowAsync(name, ["verify", ledger, "--key", stage.VerifierKey], cancellationToken, linesMax: 3));

    private JsonObject Summarise()
    {
        LedgerReader reader = new(stage.Paths.Ledger);
        Checkpoint head = reader.ReadCheckpoint();
        stage.Summary.Count(reader, head.Size);
        return stage.Summary.Json(head, stage.VerifierKey, stage.Directory);
    }

    /// <summary>Starts a command on another machine, so to speak; gives the line it begins with.</summary>
    private async Task<JsonNode> StartElsewhereAsync(string[] arguments, CancellationToken cancellationToken)
    {
        stage.Narrator.Typed(Self.Typed(arguments.Where(word => word != "--json")));
        Process process = stage.Start(arguments);
        _elsewhere.Add(process);
        string line = await process.StandardOutput.ReadLineAsync(cancellationToken)
            ?? throw new IndelibleException(ExitCode.Environment, $"{Self.Typed(arguments)} ended:\n{stage.LogTail()}");
        return JsonNode.Parse(line)!;
    }

    /// <summary>Waits until the bucket, where there is one, holds what is published now.</summary>
    private async Task BucketAsync(CancellationToken cancellationToken)
    {
        if (_bucket is null) return;
        long wanted = Head().Size;
        for (long begin = time.GetTimestamp(); await _bucket.SizeAsync(cancellationToken)
            < wanted; await Task.Delay(TimeSpan.FromMilliseconds(200), time, cancellationToken))
        {
            if (time.GetElapsedTime(begin) > Patience)
            {
                throw new IndelibleException(ExitCode.Environment,
                    $"expected within {Patience.TotalSeconds} s: the bucket holds {wanted} entries\n{stage.LogTail()}");
            }
        }
    }

    private async Task UntilAsync(string what, Func<bool> holds, CancellationToken cancellationToken)
    {
        for (long begin = time.GetTimestamp(); !holds(); await Task.Delay(TimeSpan.FromMilliseconds(200), time, cancellationToken))
        {
            if (time.GetElapsedTime(begin) > Patience)
                throw new IndelibleException(ExitCode.Environment, $"expected within {Patience.TotalSeconds} s: {what}\n{stage.LogTail()}");
        }
    }

    private static void Keep(string secret, string elsewhere) => DurableFile.ReplaceSecret(elsewhere, DurableFile.ReadAll(secret, 4096));

    private Checkpoint Head() => new LedgerReader(stage.Paths.Ledger).ReadCheckpoint();

    private long SizeOf(string mirror) => Path.Combine(stage.Directory, mirror, "ledger") is var copy
        && Path.Exists(Path.Combine(copy, "checkpoint")) ? new LedgerReader(copy).ReadCheckpoint().Size : -1;

    private string? EvidenceOf(string mirror) => LedgerCopy.EvidenceIn(Path.Combine(stage.Directory, mirror)).FirstOrDefault();

    private long CosignedSize() =>
        DurableFile.TryReadAll(Path.Combine(stage.Paths.Ledger, "checkpoint.cosigned"), SignedNote.LengthMax) is { } bytes
        && Checkpoint.Parse(bytes, out _, out Checkpoint? checkpoint).IsNone ? checkpoint!.Size : -1;
}
