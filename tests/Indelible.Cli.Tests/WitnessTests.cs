using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using Indelible.Testing;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>`witness run` as a process.</summary>
public sealed class WitnessTests : IDisposable
{
    private readonly IndelibleProcess _ledger = new();
    private readonly IndelibleProcess _witness = new();

    public void Dispose()
    {
        _ledger.Dispose();
        _witness.Dispose();
    }

    [Fact]
    public async Task It_answers_over_http_and_remembers_after_a_kill()
    {
        string key = (string)(await _ledger.CallAsync("init", "--origin", "example.org/log", "--json")).Json["verifierKey"]!;
        string checkpoint = await File.ReadAllTextAsync(Path.Combine(_ledger.Home, "ledger", "checkpoint"));
        (Process process, string address, string own) = await StartAsync(key);
        using HttpClient client = new();
        using HttpResponseMessage cosigned =
            await client.PostAsync($"{address}/add-checkpoint", new StringContent($"old 0\n\n{checkpoint}"));
        Assert.Equal(HttpStatusCode.OK, cosigned.StatusCode);
        string line = await cosigned.Content.ReadAsStringAsync();
        await File.WriteAllTextAsync(Path.Combine(_ledger.Home, "ledger", "checkpoint"), checkpoint + line);
        await File.WriteAllTextAsync(Path.Combine(_ledger.Home, "policy"), $"log {key}\nwitness w {own}\nquorum w\n");
        Assert.Equal(0, (await _ledger.CallAsync("verify", "--policy", "policy")).ExitCode);

        IndelibleProcess.Signal(process, "KILL");
        await process.WaitForExitAsync();
        (process, address, string again) = await StartAsync(key);
        Assert.Equal(own, again);
        string hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("example.org/log"u8));
        Assert.EndsWith(line, await client.GetStringAsync($"{address}/{hash}/checkpoint"), StringComparison.Ordinal);
        using HttpResponseMessage conflict =
            await client.PostAsync($"{address}/add-checkpoint", new StringContent($"old 7\n\n{checkpoint}"));
        Assert.Equal(HttpStatusCode.BadRequest, conflict.StatusCode);
        Assert.Contains(await StatusOfAsync(client, $"{address}/add-checkpoint", new byte[3 << 20]),
            (HttpStatusCode?[])[HttpStatusCode.BadRequest, HttpStatusCode.RequestEntityTooLarge, null]);
        IndelibleProcess.Result second = await _witness.RunAsync([.. Arguments(key), "--listen", "127.0.0.1:0"]);
        Assert.Equal(3, second.ExitCode);
        Assert.Contains("two could sign two histories", second.Error, StringComparison.Ordinal);
        IndelibleProcess.Signal(process, "TERM");
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
    }

    [Fact]
    public async Task Wrong_usage_is_said()
    {
        foreach ((string words, string[] arguments) in ((string, string[])[])
        [
            ("expected ledgers to witness, found none", ["witness", "run"]),
            ("expected --name, --log and --to together", ["witness", "run", "--name", "w.example/1"]),
            ("--log: ", ["witness", "run", "--name", "w.example/1", "--to", "W", "--log", "nothing+at+all"]),
            ("expected the name of a key",
                ["witness", "run", "--name", "a b", "--to", "W", "--log",
                    "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"]),
        ])
        {
            IndelibleProcess.Result result = await _witness.CallAsync(arguments);
            Assert.Contains(words, result.Error, StringComparison.Ordinal);
            Assert.Equal(2, result.ExitCode);
        }
    }

    /// <summary>Null if the server hung up before it had taken the body.</summary>
    private static async Task<HttpStatusCode?> StatusOfAsync(HttpClient client, string address, byte[] body)
    {
        try
        {
            using HttpResponseMessage answer = await client.PostAsync(address, new ByteArrayContent(body));
            return answer.StatusCode;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    private static string[] Arguments(string key) => ["witness", "run", "--name", "witness.example/one", "--log", key, "--to", "W"];

    private async Task<(Process Process, string Address, string Key)> StartAsync(string key)
    {
        Process process = _witness.Start([.. Arguments(key), "--listen", "127.0.0.1:0", "--json"]);
        _ = process.StandardError.ReadToEndAsync();
        JsonNode told = JsonNode.Parse((await process.StandardOutput.ReadLineAsync())!)!;
        return (process, (string)told["address"]!, (string)told["verifierKey"]!);
    }
}
