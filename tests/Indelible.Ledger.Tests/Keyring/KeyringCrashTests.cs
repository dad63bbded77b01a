using System.Diagnostics;
using System.Runtime.CompilerServices;
using Indelible.Format;
using Xunit;

namespace Indelible.Ledger.Tests.KeyringTests;

public sealed class KeyringCrashTests : IDisposable
{
    private const string ChildVariable = "INDELIBLE_TEST_KEYRING_CHILD";

    private readonly KeyringDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Kill_9_loses_what_was_not_committed_and_nothing_else()
    {
        _directory.Create().Dispose();
        string[] ids = await RunAndKillChild();
        using Keyring keyring = _directory.Open();
        KeyId committed = Id(ids[0]), pending = Id(ids[1]);
        Assert.True(keyring.TryGetKey(committed, out SubjectKey key));
        Assert.Equal(ids[2], Convert.ToHexStringLower(key.Bytes));
        Assert.Equal(committed, keyring.GetOrCreateSubject(Row("committed")).Id);
        Assert.False(keyring.TryGetKey(pending, out _));
        Assert.NotEqual(pending, keyring.GetOrCreateSubject(Row("pending")).Id);
    }

    [Fact]
    public void Commit_writes_nothing_when_nothing_is_new()
    {
        using Keyring keyring = _directory.Create();
        keyring.CreateSubject(Row("1"));
        keyring.Commit();
        long before = LogLength();
        keyring.GetOrCreateSubject(Row("1"));
        keyring.Commit();
        Assert.Equal(before, LogLength());
        keyring.CreateSubject(Row("1"));
        keyring.Commit();
        Assert.True(LogLength() > before);
    }

    /// <summary>This program started as the child: makes one key durable, another not, says so, and waits to be killed.</summary>
    [ModuleInitializer]
    internal static void RunChild()
    {
        if (Environment.GetEnvironmentVariable(ChildVariable) is not { } directory) return;
        using MasterKey masterKey = MasterKey.Load(directory);
        Keyring keyring = Keyring.Open(directory, masterKey);
        SubjectKey committed = keyring.CreateSubject(Row("committed"));
        keyring.Commit();
        SubjectKey pending = keyring.CreateSubject(Row("pending"));
        Console.WriteLine($"{committed.Id} {pending.Id} {Convert.ToHexStringLower(committed.Bytes)}");
        Console.In.ReadLine();
        Environment.Exit(9);
    }

    private async Task<string[]> RunAndKillChild()
    {
        _directory.MasterKey.Save(Path.Combine(_directory.Path, MasterKey.FileName));
        ProcessStartInfo start = new(Environment.ProcessPath!) { RedirectStandardOutput = true, RedirectStandardInput = true };
        start.Environment[ChildVariable] = _directory.Path;
        using Process child = Process.Start(start)!;
        string line = await child.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) ?? "";
        child.Kill();
        await child.WaitForExitAsync(TestContext.Current.CancellationToken);
        return line.Split(' ');
    }

    private long LogLength() =>
        Directory.EnumerateFiles(Path.Combine(_directory.Path, "subjects"), "*.log").Sum(path => new FileInfo(path).Length);

    private static KeyId Id(string hex) => KeyId.Read(Convert.FromHexString(hex));

    private static SubjectName Row(string key) => SubjectName.OfRow("crm", 1, [key]);
}
