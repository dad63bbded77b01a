using System.Net.Sockets;
using System.Text.Json.Nodes;
using Indelible.Format.Notes;
using Indelible.Ledger;
using Indelible.Ledger.Stores;
using Indelible.Server.Control;
using Indelible.Testing;
using Npgsql;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>What `doctor` says after each failure that docs/reliability.md provokes: the failure is named, with what to do.
/// Its checks of a source are in Capture.Tests.</summary>
public sealed class DoctorTests
{
    [Fact]
    public async Task A_ledger_that_was_set_back_or_contradicts_itself_is_named_before_the_start_that_refuses_it()
    {
        await using LiveRun live = await LiveRun.StartAsync(41);
        LedgerPaths paths = LedgerPaths.For(live.Ledger);
        await live.ProtectAsync();
        await Changed(live, "before");
        await live.KillAsync();
        string older = Path.Combine(live.Home, "older");
        await CopyAsync(paths, older);
        await Changed(live, "after");
        await live.StopAsync();
        string newer = Path.Combine(live.Home, "newer");
        await CopyAsync(paths, newer);
        Assert.Null(await WrongAsync(live, "ledger"));

        await PutBackAsync(older, paths);
        Assert.Contains("rolled back", await WrongAsync(live, "ledger"), StringComparison.Ordinal);
        await PutBackAsync(newer, paths);
        Assert.Null(await WrongAsync(live, "ledger"));

        string journal = Directory.GetFiles(paths.Journal, "*.journal").Order(StringComparer.Ordinal).First();
        Flip(journal, 40);
        Assert.Contains(journal, await WrongAsync(live, "ledger"), StringComparison.Ordinal);
        Flip(journal, 40);
        string tile = Directory.GetFiles(Path.Combine(paths.Ledger, "tile", "0"), "*", SearchOption.AllDirectories)
            .Max(StringComparer.Ordinal)!;
        Flip(tile, 5);
        Assert.Contains(
            "expected entry 0 to have the leaf hash its tile holds", await WrongAsync(live, "ledger"), StringComparison.Ordinal);
        Flip(tile, 5);
        Assert.Null(await WrongAsync(live, "ledger"));
        Assert.Equal(0, (await live.Indelible.CallAsync("verify")).ExitCode);
    }

    [Fact]
    public async Task What_run_finds_is_told_and_also_that_it_does_not_answer()
    {
        await using LiveRun live = await LiveRun.StartAsync(42);
        await live.ProtectAsync();
        await live.Server.ExecuteAsync(live.Database, "UPDATE people SET ssn = 'x', code = 'x'", "UPDATE people SET ssn = 'y', code = 'y'",
            "INSERT INTO people SELECT n, 'n', 'n' FROM generate_series(1000, 1400) n");
        await live.CaughtUpAsync();
        Assert.Null(await WrongAsync(live, "process"));

        string bundle = Path.Combine(live.Ledger, "tile", "entries", "000");
        byte[] sound = await File.ReadAllBytesAsync(bundle);
        Flip(bundle, 60);
        await UntilWrongAsync(live, "verification", "tile/entries/000");
        File.SetUnixFileMode(bundle, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await File.WriteAllBytesAsync(bundle, sound);

        await live.Server.Private.StopAsync(TestContext.Current.CancellationToken);
        // the wire in between answers still: the reason is the connection's end
        await UntilWrongAsync(live, "capture", "indelible_capture@");
        Assert.NotNull(await WrongAsync(live, "connection"));

        IndelibleProcess.Signal(live.Process!, "STOP");
        Assert.Contains("has not answered", await WrongAsync(live, "process"), StringComparison.Ordinal);
        IndelibleProcess.Signal(live.Process!, "CONT");
        await live.KillAsync();
        Assert.Null(await WrongAsync(live, "process"));
    }

    [Fact]
    public async Task A_password_that_others_may_read_is_refused_with_the_command_that_helps()
    {
        await using LiveRun live = await LiveRun.StartAsync(44);
        await live.ProtectAsync();
        string file = Path.Combine(LedgerPaths.For(live.Ledger).Keyring, "crm.password"), fix = $"found mode 644; run: chmod 600 '{file}'";
        UnixFileMode made = File.GetUnixFileMode(file);
        File.SetUnixFileMode(file, made | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        Assert.Contains(fix, await WrongAsync(live, "connection"), StringComparison.Ordinal);
        IndelibleProcess.Result run = await live.Indelible.CallAsync("run", "--listen", "127.0.0.1:0");
        Assert.Equal(2, run.ExitCode);
        Assert.Contains(fix, run.Error, StringComparison.Ordinal);
        IndelibleProcess.Result plan = await live.Indelible.CallAsync([.. live.ProtectArguments, "--password-file", file]);
        Assert.Equal(2, plan.ExitCode);
        Assert.Contains(fix, plan.Error, StringComparison.Ordinal);
        File.SetUnixFileMode(file, made);
        Assert.Null(await WrongAsync(live, "connection"));
        File.Move(file, file + ".away");
        Directory.CreateDirectory(file);
        Assert.Contains($"found a directory: {file}", await WrongAsync(live, "connection"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_directory_that_is_gone_is_one_finding_among_others()
    {
        using IndelibleProcess indelible = new();
        Assert.Equal(0, (await indelible.CallAsync("init", "--origin", LiveRun.Origin)).ExitCode);
        foreach (string name in (string[])["keyring", "journal"])
        {
            string directory = Path.Combine(indelible.Home, name);
            Directory.Move(directory, directory + ".away");
            IndelibleProcess.Result doctor = await indelible.CallAsync("doctor", "--json");
            Assert.True(doctor.ExitCode == 1, doctor.Error);
            JsonNode gone = doctor.Json["checks"]!.AsArray().Single(check => (string)check!["check"]! == $"disk of the {name}")!;
            Assert.Equal(("fail", $"no directory {directory}"), ((string)gone["status"]!, (string)gone["found"]!));
            Directory.Move(directory + ".away", directory);
        }
        Assert.Equal(0, (await indelible.CallAsync("doctor")).ExitCode);
    }

    [Fact]
    public async Task The_environments_password_counts_only_where_nothing_else_gives_one()
    {
        await using LiveRun live = await LiveRun.StartAsync(44);
        await live.ProtectAsync();
        NpgsqlConnectionStringBuilder owner = new(live.ProtectArguments[2]);
        string password = owner.Password!, whole = owner.ConnectionString;
        owner.Remove("Password");
        (string Given, string Source, int ExitCode)[] cases =
            [("wrong", "crm", 0), ("wrong", whole, 0), ("wrong", owner.ConnectionString, 1), (password, owner.ConnectionString, 0)];
        foreach ((string given, string source, int exitCode) in cases)
        {
            IndelibleProcess.Result doctor = await live.Indelible.RunAsync(
                new Dictionary<string, string> { ["PGPASSWORD"] = given }, "doctor", "--source", source);
            Assert.True(exitCode == doctor.ExitCode, $"{source}: {doctor.Output}{doctor.Error}");
        }
    }

    [Fact]
    public async Task The_owners_password_may_come_through_a_pipe_also_while_run_holds_the_ledger()
    {
        await using LiveRun live = await LiveRun.StartAsync(44);
        await live.ProtectAsync();
        string[] protect = live.ProtectArguments;
        NpgsqlConnectionStringBuilder owner = new(protect[2]);
        string password = owner.Password!;
        owner.Remove("Password");
        protect[2] = owner.ConnectionString;
        live.Launch();
        await live.ListeningAsync();
        for (bool isRunning = true; ; isRunning = false)
        {
            IndelibleProcess.Result plan =
                await live.Indelible.RunWithInputAsync(password + "\n", [.. protect, "--dry-run", "--password-file", "/dev/stdin"]);
            Assert.True(plan.ExitCode == 0, plan.Error);
            IndelibleProcess.Result wrong =
                await live.Indelible.RunWithInputAsync("wrong\n", [.. protect, "--dry-run", "--password-file", "/dev/stdin"]);
            Assert.Equal(3, wrong.ExitCode);
            Assert.Contains("the password was refused", wrong.Error, StringComparison.Ordinal);
            if (!isRunning) break;
            await live.StopAsync();
        }
        IndelibleProcess.Result kept =
            await live.Indelible.RunWithInputAsync("x\n", [.. live.ProtectArguments, "--capture-password-file", "/dev/stdin"]);
        Assert.Equal(2, kept.ExitCode);
        Assert.Contains("expected a file that can be read again, found a pipe", kept.Error, StringComparison.Ordinal);
    }

    /// <summary>As where an entry or the index that `status` reads is damaged under it.</summary>
    [Fact]
    public async Task A_process_that_cannot_say_how_it_is_is_one_finding_among_others()
    {
        using IndelibleProcess indelible = new();
        Assert.Equal(0, (await indelible.CallAsync("init", "--origin", LiveRun.Origin)).ExitCode);
        using Socket process = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        string path = ControlSocket.PathFor(LedgerPaths.For(Path.Combine(indelible.Home, "ledger")).Journal);
        process.Bind(new UnixDomainSocketEndPoint(path));
        process.Listen();
        Task<IndelibleProcess.Result> asking = indelible.CallAsync("doctor", "--json");
        using (NetworkStream asked = new(await process.AcceptAsync(TestContext.Current.CancellationToken), ownsSocket: true))
        {
            using StreamReader request = new(asked);
            Assert.Contains("status", await request.ReadLineAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
            await asked.WriteAsync(
                "{\"e\":\"indelible: entry 7 is damaged\\n\"}\n{\"x\":1}\n"u8.ToArray(), TestContext.Current.CancellationToken);
        }
        IndelibleProcess.Result doctor = await asking;
        Assert.Equal(1, doctor.ExitCode);
        JsonArray checks = doctor.Json["checks"]!.AsArray();
        Assert.Equal("indelible: entry 7 is damaged", (string)checks.Single(one => (string)one!["check"]! == "process")!["found"]!);
        Assert.Contains(checks, one => (string)one!["check"]! == "ledger" && (string)one["status"]! == "ok");
    }

    [Fact]
    public async Task A_legal_hold_is_stated_with_and_without_run_and_is_no_fault()
    {
        await using LiveRun live = await LiveRun.StartAsync(45);
        await live.ProtectAsync();
        Assert.Empty(await HoldsAsync(live));
        Assert.Equal(0, (await live.Indelible.RunAsync("hold", LiveRun.Origin, "--reason", "case 4711")).ExitCode);
        string held = Assert.Single(await HoldsAsync(live));
        Assert.Matches($"^on {LiveRun.Origin}, laid by [^ ]+ at [^ ]+Z, entry [0-9]+$", held);
        await Changed(live, "held");
        Assert.Equal([held], await HoldsAsync(live));
        Assert.Matches($"legal hold +{held}", (await live.Indelible.RunAsync("status")).Output);
        Assert.Equal(0, (await live.Indelible.RunAsync("release", LiveRun.Origin, "--reason", "over")).ExitCode);
        Assert.Empty(await HoldsAsync(live));
        await live.StopAsync();
        Assert.Empty(await HoldsAsync(live));
    }

    private static async Task<string[]> HoldsAsync(LiveRun live)
    {
        IndelibleProcess.Result doctor = await live.Indelible.CallAsync("doctor", "--json");
        IEnumerable<JsonNode> holds = doctor.Json["checks"]!.AsArray().Where(one => (string)one!["check"]! == "legal hold")!;
        Assert.All(holds, one => Assert.Equal(("ok", "not disposed of"), ((string)one["status"]!, (string)one["expected"]!)));
        return [.. holds.Select(one => (string)one["found"]!)];
    }

    [Fact]
    public async Task Copies_alerts_time_stamps_and_gaps_are_told_of_while_they_fail_and_no_longer()
    {
        await using LiveRun live = await LiveRun.StartAsync(44, "copy");
        await using TimeStampAuthority authority = new() { IsUp = false };
        await live.ProtectAsync();
        live.Configure("timestamps",
            new JsonObject { ["authorities"] =
                new JsonObject { ["tsa"] = new JsonObject { ["url"] = authority.Url, ["certificates"] = authority.RootPath } } });
        live.Configure("alerts",
            new JsonObject { ["targets"] =
                new JsonObject { ["hook"] = new JsonObject { ["kind"] = "webhook", ["url"] = "http://127.0.0.1:9/" } } });
        await live.Server.ExecuteAsync(
            live.Database, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()",
            "REVOKE SELECT ON people FROM indelible_capture");
        string copy = Path.Combine(live.Home, "copy");
        Directory.Delete(copy, recursive: true);
        await File.WriteAllTextAsync(copy, "in the way", TestContext.Current.CancellationToken);
        live.Launch();
        await live.ListeningAsync();
        await UntilWrongAsync(live, "stamped", "503");
        authority.IsUp = true;
        await UntilWrongAsync(live, "gap", "slot");
        await UntilWrongAsync(live, "written", "copy");
        await UntilWrongAsync(live, "told", "refused");

        await live.Server.ExecuteAsync(live.Database, "GRANT SELECT ON people TO indelible_capture");
        File.Delete(copy);
        Directory.CreateDirectory(copy);
        foreach (string check in (string[])["gap", "written", "stamped"]) await UntilRightAsync(live, check);
    }

    [Fact]
    public async Task Storage_that_does_not_answer_is_named()
    {
        await using LiveRun live = await LiveRun.StartAsync(45);
        Assert.Null(await WrongAsync(live, "bucket"));
        live.ConfigureStore(new BucketOptions { Bucket = "gone", Prefix = "clinic" }, port: 9);
        Assert.Contains("127.0.0.1:9", await WrongAsync(live, "bucket"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_index_that_run_cannot_write_is_named_until_it_can()
    {
        await using LiveRun live = await LiveRun.StartAsync(46);
        using SmallDisk? disk = SmallDisk.TryMount(Path.Combine(live.Home, "index"), megabytes: 64);
        Assert.SkipWhen(disk is null, "no right to mount a file system");
        await live.ProtectAsync();
        await live.CaughtUpAsync();
        Assert.Null(await WrongAsync(live, "index"));
        disk.Fill();
        // more than is collected before it is written
        await live.Server.ExecuteAsync(live.Database, "INSERT INTO people SELECT n, 'x', 'x' FROM generate_series(2000, 152000) n");
        await UntilWrongAsync(live, "index", "free space");
        disk.Free();
        await UntilRightAsync(live, "index");
        await live.CaughtUpAsync();
        await live.StopAsync();
    }

    [Fact]
    public async Task A_bucket_that_does_not_take_what_run_publishes_is_named_until_it_does_and_so_is_what_is_not_ours_in_it()
    {
        RadosGateway gateway = await RadosGateway.GetAsync();
        bool isAway = false;
        await using Wire wire = new(gateway.Port, () => (_, _) => !isAway);
        await using LiveRun live = await LiveRun.StartAsync(47);
        await live.ProtectAsync();
        await live.Server.ExecuteAsync(live.Database, "INSERT INTO people SELECT n, 'x', 'x' FROM generate_series(1000, 1400) n");
        BucketOptions bucket = await gateway.MakeBucketAsync(TimeSpan.FromDays(1));
        live.ConfigureStore(bucket, wire.Port);
        await live.CaughtUpAsync();
        Assert.Null(await WrongAsync(live, "written"));
        isAway = true;
        wire.Cut();
        await live.Server.ExecuteAsync(live.Database, "UPDATE people SET ssn = 'away', code = 'away'");
        await UntilWrongAsync(live, "written", "127.0.0.1");
        isAway = false;
        await UntilRightAsync(live, "written");
        await live.CaughtUpAsync();
        Assert.Null(await WrongAsync(live, "what it holds"));
        await live.StopAsync();

        using (Amazon.S3.AmazonS3Client owner = gateway.Client())
            await owner.DeleteObjectAsync(bucket.Bucket, bucket.Prefix + "tile/0/000", TestContext.Current.CancellationToken);
        await live.CaughtUpAsync();
        await UntilWrongAsync(live, "what it holds", "not ours, or lacks some: tile/0/000");
    }

    [Fact]
    public async Task A_witness_that_does_not_cosign_is_named()
    {
        await using LiveRun live = await LiveRun.StartAsync(48);
        await live.ProtectAsync();
        string policy = Path.Combine(live.Home, "crm.policy"), log = Keyring.ReadPublic(Path.Combine(live.Home, "keyring")).VerifierKey;
        NoteSigner away = NoteSigner.CosignerFromSeed("witness.example.net/one", new byte[32]);
        await File.WriteAllTextAsync(
            policy, $"log {log}\nwitness one {away.VerifierKey} http://127.0.0.1:9/\nquorum one\n", TestContext.Current.CancellationToken);
        live.Configure("witnesses", new JsonObject { ["policy"] = policy });
        await live.CaughtUpAsync();
        await UntilWrongAsync(live, "cosigned", "127.0.0.1:9");
    }

    [Fact]
    public async Task A_file_system_that_became_read_only_is_named()
    {
        await using LiveRun live = await LiveRun.StartAsync(43);
        string index = Path.Combine(live.Home, "index");
        using SmallDisk? disk = SmallDisk.TryMount(index, megabytes: 600);
        Assert.SkipWhen(disk is null, "no right to mount a file system");
        Assert.DoesNotContain("Read-only", await WrongAsync(live, "disk of the index") ?? "", StringComparison.Ordinal);
        disk.Protect();
        Assert.Contains(
            $"cannot write to {index}: Read-only file system", await WrongAsync(live, "disk of the index"), StringComparison.Ordinal);
    }

    private static async Task Changed(LiveRun live, string value)
    {
        await live.Server.ExecuteAsync(live.Database, $"UPDATE people SET ssn = '{value}', code = '{value}' WHERE id < 20");
        await live.CaughtUpAsync();
        await live.Indelible.CallAsync("show", "0");     // publishes what is sealed
    }

    /// <summary>What was found where the check of this name fails; null if it does not.</summary>
    private static async Task<string?> WrongAsync(LiveRun live, string check)
    {
        IndelibleProcess.Result doctor = await live.Indelible.CallAsync("doctor", "--json");
        JsonNode? wrong = doctor.Json["checks"]!.AsArray()
            .FirstOrDefault(one => (string)one!["check"]! == check && (string)one["status"]! == "fail");
        if (wrong is not null) Assert.Equal(1, doctor.ExitCode);
        return (string?)wrong?["found"];
    }

    private static async Task UntilWrongAsync(LiveRun live, string check, string expected)
    {
        for (long started = System.Diagnostics.Stopwatch.GetTimestamp(); ; await Task.Delay(200))
        {
            string? found = await WrongAsync(live, check);
            if (found?.Contains(expected, StringComparison.Ordinal) == true) return;
            Assert.True(
                System.Diagnostics.Stopwatch.GetElapsedTime(started) < Patience.Max, $"doctor says of {check}: {found ?? "nothing"}");
        }
    }

    private static async Task UntilRightAsync(LiveRun live, string check)
    {
        for (long started = System.Diagnostics.Stopwatch.GetTimestamp(); await WrongAsync(live, check) is { } found; await Task.Delay(200))
            Assert.True(System.Diagnostics.Stopwatch.GetElapsedTime(started) < Patience.Max, $"doctor says of {check} still: {found}");
    }

    private static async Task CopyAsync(LedgerPaths paths, string to)
    {
        Directory.CreateDirectory(to);
        await Copying.AsIsAsync(paths.Ledger, Path.Combine(to, "ledger"));
        await Copying.AsIsAsync(paths.Journal, Path.Combine(to, "journal"));
    }

    private static async Task PutBackAsync(string copy, LedgerPaths paths)
    {
        Directory.Delete(paths.Ledger, recursive: true);
        Directory.Delete(paths.Journal, recursive: true);
        await Copying.AsIsAsync(Path.Combine(copy, "ledger"), paths.Ledger);
        await Copying.AsIsAsync(Path.Combine(copy, "journal"), paths.Journal);
    }

    private static void Flip(string path, int at)
    {
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        byte[] bytes = File.ReadAllBytes(path);
        bytes[at] ^= 1;
        File.WriteAllBytes(path, bytes);
    }
}
