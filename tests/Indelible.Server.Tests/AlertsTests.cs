using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Indelible.Format;
using Indelible.Ledger;
using Indelible.Server.Alerts;
using Indelible.Testing;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>Alerts on what a real server's changes lead to, taken by real listeners.</summary>
public sealed class AlertsTests
{
    [Fact]
    public async Task A_receiver_that_fails_is_told_everything_later_once_it_takes_it_and_sealing_waits_for_nobody()
    {
        await using PeopleLedger people = await PeopleLedger.StartAsync();
        await using WebhookReceiver receiver = new();
        string secretFile = Path.Combine(people.Paths.Keyring, "hook.secret");
        DurableFile.ReplaceSecret(secretFile, "s3cret\n"u8);
        people.Config.Alerts = new AlertsConfig { IntervalSeconds = 1,
            Targets = { ["pager"] = new() { Kind = AlertTargetKind.Webhook, Url = receiver.Url, SecretFile = secretFile } } };
        receiver.Status = 503;
        await people.RunningAsync(async host =>
        {
            await PeopleLedger.UntilAsync(() => host.AlertTargets[0].Published == host.AlertTargets[0].DeliveredTo);
            await people.ExecuteAsync(
                "ALTER TABLE people DISABLE TRIGGER zz_indelible", "UPDATE people SET ssn = 'canary-' || id WHERE id <= 5");
            await people.CaughtUpAsync(host);
            await PeopleLedger.UntilAsync(() => host.AlertTargets[0].Problem is not null && receiver.Attempts > 0);
            Assert.Contains("503", host.AlertTargets[0].Problem, StringComparison.Ordinal);
            Assert.True(host.AlertTargets[0].Pending > 0);
        });
        receiver.Status = 0;    // takes the request and never answers
        await people.RunningAsync(async host =>
        {
            int attempts = receiver.Attempts;
            await PeopleLedger.UntilAsync(() => receiver.Attempts > attempts);
            await people.ExecuteAsync("UPDATE people SET ssn = 'meanwhile' WHERE id = 9");
            await people.CaughtUpAsync(host);
        });
        Assert.Empty(receiver.Taken);
        receiver.Status = 200;
        await people.RunningAsync(async host =>
        {
            await PeopleLedger.UntilAsync(() => receiver.Kinds.Contains("unattributed"));
            await PeopleLedger.UntilAsync(() => host.AlertTargets[0] is { Pending: 0, Problem: null, LastDelivered: not null });
        });
        (JsonNode json, string body, string? signature) = receiver.Taken.First(alert => (string)alert.Json["alert"]! == "unattributed");
        Assert.Equal(6, (int)json["count"]!);
        Assert.Equal(("crm", "public.people", "raised"), ((string)json["source"]!, (string)json["table"]!, (string)json["state"]!));
        Assert.Equal($"sha256={Convert.ToHexStringLower(HMACSHA256.HashData("s3cret"u8, Encoding.UTF8.GetBytes(body)))}", signature);
        Assert.Contains(receiver.Taken, alert => (string?)alert.Json["code"] == GuardCode.IdentityChanged);
        Assert.All(receiver.Taken, alert => Assert.DoesNotContain("canary", alert.Body, StringComparison.Ordinal));
        string[] told = [.. receiver.Taken.Select(alert => (string)alert.Json["id"]!)];
        await people.RunningAsync(async host =>
        {
            await people.ExecuteAsync("UPDATE people SET ssn = 'again' WHERE id = 7");
            await people.CaughtUpAsync(host);
            await PeopleLedger.UntilAsync(() => receiver.Kinds.Count(kind => kind == "unattributed") == 2);
        });
        Assert.Equal(1, told.Count(id => id == (string)json["id"]!));
        Assert.Equal(1, receiver.Taken.Count(alert => (string)alert.Json["id"]! == (string)json["id"]!));
    }

    [Fact]
    public async Task A_receiver_whose_cursor_is_damaged_or_lost_is_told_everything_again_and_that_it_is()
    {
        await using PeopleLedger people = await PeopleLedger.StartAsync();
        await using WebhookReceiver receiver = new();
        people.Config.Alerts = new AlertsConfig { IntervalSeconds = 1,
            Targets = { ["pager"] = new() { Kind = AlertTargetKind.Webhook, Url = receiver.Url } } };
        string cursor = Path.Combine(people.Paths.Journal, "alerts", "pager");
        Task ToldAsync(int times) => people.RunningAsync(async host =>
        {
            await PeopleLedger.UntilAsync(() => receiver.Kinds.Count(kind => kind == "unattributed") == times);
            await PeopleLedger.UntilAsync(() => host.AlertTargets[0].Pending == 0);
        });
        await people.ExecuteAsync("ALTER TABLE people DISABLE TRIGGER zz_indelible", "UPDATE people SET ssn = 'x' WHERE id <= 5",
            "ALTER TABLE people ENABLE ALWAYS TRIGGER zz_indelible");
        await ToldAsync(1);
        await File.WriteAllTextAsync(cursor, "torn");
        await ToldAsync(2);
        Assert.Contains("alerts-anew", receiver.Kinds);
        Assert.NotEqual("torn", await File.ReadAllTextAsync(cursor));
        File.Delete(cursor);
        await ToldAsync(3);
        Assert.Single(receiver.Kinds, kind => kind == "alerts-anew");
        await people.RunningAsync(people.CaughtUpAsync);
        Assert.Equal(3, receiver.Kinds.Count(kind => kind == "unattributed"));
    }

    [Fact]
    public async Task A_source_that_is_down_is_told_by_syslog_and_that_it_is_over_and_everyone_gets_his_own()
    {
        await using PeopleLedger people = await PeopleLedger.StartAsync();
        await using WebhookReceiver dead = new();
        dead.Status = 500;
        string path = Path.Combine(people.Paths.Journal, "log");
        using Socket unix = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        unix.Bind(new UnixDomainSocketEndPoint(path));
        using UdpClient udp = new(new IPEndPoint(IPAddress.Loopback, 0));
        people.Config.Alerts = new AlertsConfig
        {
            DownSeconds = 1, IntervalSeconds = 1,
            Targets =
            {
                ["dead"] = new() { Kind = AlertTargetKind.Webhook, Url = dead.Url },
                ["local"] = new() { Kind = AlertTargetKind.Syslog, Address = path },
                ["far"] = new() { Kind = AlertTargetKind.Syslog,
                    Address = $"udp://127.0.0.1:{((IPEndPoint)udp.Client.LocalEndPoint!).Port}" },
            },
        };
        await people.RunningAsync(async host =>
        {
            await PeopleLedger.UntilAsync(() => host.Sources is [{ State: "capturing" }]);
            await people.Server.Private.StopAsync(CancellationToken.None);
            string down = await ReceiveAsync(unix);
            Assert.Matches(@"^<81>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \S+ indelible \d+ source-down - \{", down);
            Assert.Equal(("source-down", "raised"), Parts(down));
            Assert.Equal(("source-down", "raised"), Parts(Encoding.UTF8.GetString((await udp.ReceiveAsync()).Buffer)));
            await people.Server.Private.StartAsync(CancellationToken.None);
            Assert.Equal(("source-down", "over"), Parts(await ReceiveAsync(unix)));
        });
    }

    [Fact]
    public async Task Many_rows_by_one_operator_work_outside_hours_and_lag_are_told_of()
    {
        await using PeopleLedger people = await PeopleLedger.StartAsync();
        await using WebhookReceiver receiver = new();
        people.Config.Alerts = new AlertsConfig
        {
            DownSeconds = 0, LagSeconds = 2, IntervalSeconds = 1,
            MassChange = new MassChangeConfig { Rows = 5, Seconds = 60 },
            OutsideHours = new WorkingHoursConfig { Days = [DateTimeOffset.UtcNow.AddDays(3).DayOfWeek] },
            Targets = { ["pager"] = new() { Kind = AlertTargetKind.Webhook, Url = receiver.Url } },
        };
        bool IsTold(string kind, string state) =>
            receiver.Taken.Any(alert => (string)alert.Json["alert"]! == kind && (string)alert.Json["state"]! == state);
        await people.RunningAsync(async host =>
        {
            await people.ExecuteAsync("BEGIN; SELECT indelible.operator('anna'); UPDATE people SET ssn = 'x' WHERE id <= 7; COMMIT");
            await PeopleLedger.UntilAsync(() => IsTold("mass-change", "raised") && IsTold("outside-hours", "raised"));
            await people.Server.Private.StopAsync(CancellationToken.None);
            await PeopleLedger.UntilAsync(() => IsTold("capture-lag", "raised"));
            await people.Server.Private.StartAsync(CancellationToken.None);
            await PeopleLedger.UntilAsync(() => IsTold("capture-lag", "over"));
        });
        JsonNode Of(string kind) => receiver.Taken.First(alert => (string)alert.Json["alert"]! == kind).Json;
        Assert.Contains("anna changed 5 rows or more within 60 seconds", (string)Of("mass-change")["message"]!, StringComparison.Ordinal);
        Assert.Equal((7, "anna"), ((int)Of("outside-hours")["count"]!, (string)Of("outside-hours")["operator"]!));
        Assert.Contains("is not sealed yet", (string)Of("capture-lag")["message"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tcp_syslog_is_counted_in_octets_and_what_cannot_be_reached_says_why()
    {
        using TcpListener tcp = new(IPAddress.Loopback, 0);
        tcp.Start();
        AlertsConfig config = new()
        {
            Targets =
            {
                ["far"] = new() { Kind = AlertTargetKind.Syslog, Address = $"tcp://127.0.0.1:{((IPEndPoint)tcp.LocalEndpoint).Port}" },
                ["gone"] = new() { Kind = AlertTargetKind.Syslog, Address = "/nowhere/log" },
                ["secretless"] =
                    new() { Kind = AlertTargetKind.Webhook, Url = "https://example.org/T00/B00", SecretEnvironment = "NO_SUCH_VARIABLE" },
            },
        };
        Task<TcpClient> accepting = tcp.AcceptTcpClientAsync();
        var results = await AlertSenders.TestAsync(config, "example.org/t", TextWriter.Null, TimeProvider.System, CancellationToken.None);
        Assert.Equal(["far", "gone", "secretless"], results.Select(result => result.Name));
        Assert.Null(results[0].Problem);
        Assert.Contains("/nowhere/log", results[1].Problem, StringComparison.Ordinal);
        Assert.Contains("NO_SUCH_VARIABLE", results[2].Problem, StringComparison.Ordinal);
        using TcpClient client = await accepting;
        using StreamReader reader = new(client.GetStream(), Encoding.UTF8);
        string[] framed = (await reader.ReadToEndAsync()).Split(' ', 2);
        Assert.Equal(int.Parse(framed[0], System.Globalization.CultureInfo.InvariantCulture), Encoding.UTF8.GetByteCount(framed[1]));
        Assert.StartsWith("<85>1 ", framed[1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"alerts": {"targets": {"a": {"kind": "webhook", "url": "http://example.org/"}}}}""", "https")]
    [InlineData("""{"alerts": {"targets": {"a": {"kind": "webhook"}}}}""", "neither")]
    [InlineData("""{"alerts": {"targets": {"a": {"kind": "syslog", "address": "log"}}}}""", "udp://")]
    [InlineData("""{"alerts": {"targets": {"A/b": {"kind": "stderr"}}}}""", "a-z")]
    [InlineData("""{"alerts": {"guards": ["gab"]}}""", "gab")]
    [InlineData("""{"alerts": {"outsideHours": {"timeZone": "Mars/Base"}}}""", "Mars/Base")]
    [InlineData("""{"alerts": {"outsideHours": {"from": "8"}}}""", "08:00")]
    [InlineData("""{"alerts": {"massChange": {"rows": 0, "seconds": 5}}}""", "massChange.rows")]
    [InlineData("""{"alerts": {"outsideHours": {"days": ["someday"]}}}""", "days")]
    public void A_configuration_that_cannot_be_is_refused(string json, string names)
    {
        DirectoryInfo home = Directory.CreateTempSubdirectory("indelible-alerts-");
        string file = Path.Combine(home.FullName, "indelible.json");
        File.WriteAllText(file, json);
        IndelibleException e = Assert.Throws<IndelibleException>(() => ConfigFile.Load(file, required: true));
        Assert.Contains(names, e.Message, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Usage, e.ExitCode);
        home.Delete(recursive: true);
    }

    private static async Task<string> ReceiveAsync(Socket socket)
    {
        byte[] buffer = new byte[65_536];
        using CancellationTokenSource patience = new(Patience.Max);
        return Encoding.UTF8.GetString(buffer, 0, await socket.ReceiveAsync(buffer.AsMemory(), patience.Token));
    }

    private static (string, string) Parts(string message)
    {
        JsonNode json = JsonNode.Parse(message[message.IndexOf('{', StringComparison.Ordinal)..])!;
        return ((string)json["alert"]!, (string)json["state"]!);
    }
}
