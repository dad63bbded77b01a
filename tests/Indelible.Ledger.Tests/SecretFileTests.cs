using System.Diagnostics;
using System.IO.Pipes;
using System.Text;
using Indelible.Format;
using Xunit;

namespace Indelible.Ledger.Tests;

/// <summary>Who may read a secret's file, as PostgreSQL has it for the key of a server: its owner;
/// of a file of root's also its group.</summary>
public sealed class SecretFileTests : IDisposable
{
    private const uint Root = 0, Somebody = 1000;

    private readonly string _directory = Directory.CreateTempSubdirectory("indelible-secret-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Every_mode_is_private_or_not()
    {
        for (int mode = 0; mode <= 0x1FF; mode++)
        {
            Assert.Equal((mode & 0b000_111_111) == 0, DurableFile.IsPrivate(Somebody, (UnixFileMode)mode));
            Assert.Equal((mode & 0b000_011_111) == 0, DurableFile.IsPrivate(Root, (UnixFileMode)mode));
        }
    }

    [Fact]
    public async Task A_secret_is_read_as_Kubernetes_mounts_it_and_one_that_everybody_may_read_is_not()
    {
        string file = Path.Combine(_directory, "real"), link = Path.Combine(_directory, "password");
        await File.WriteAllTextAsync(file, "hunter2\n", TestContext.Current.CancellationToken);
        File.CreateSymbolicLink(link, file);     // as Kubernetes does, to exchange it at once
        const UnixFileMode owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        File.SetUnixFileMode(file, owner | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        IndelibleException refused = Assert.Throws<IndelibleException>(() => DurableFile.TryReadSecret(link, 100));
        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.Contains($"found mode 644; run: chmod 600 '{link}'", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", refused.Message, StringComparison.Ordinal);

        File.SetUnixFileMode(file, owner);
        Assert.Equal("hunter2\n", Encoding.UTF8.GetString(DurableFile.TryReadSecret(link, 100)!));
        File.SetUnixFileMode(file, owner | UnixFileMode.GroupRead);
        if (Environment.UserName != "root")
        {
            Assert.Throws<IndelibleException>(() => DurableFile.TryReadSecret(link, 100));
            return;
        }
        Assert.Equal("hunter2\n", Encoding.UTF8.GetString(DurableFile.TryReadSecret(link, 100)!));
        await Process.Start("chown", ["1000:1000", file]).WaitForExitAsync(TestContext.Current.CancellationToken);
        refused = Assert.Throws<IndelibleException>(() => DurableFile.TryReadSecret(link, 100));
        Assert.Contains($"found mode 640; run: chown 0 '{link}' && chmod 600 '{link}'", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pipe_is_read_only_where_one_reading_is_enough()
    {
        string named = Path.Combine(_directory, "named");
        await Process.Start("mkfifo", ["-m", "600", named]).WaitForExitAsync(TestContext.Current.CancellationToken);
        // nobody writes to it: it is not waited for
        IndelibleException unread = Assert.Throws<IndelibleException>(() => DurableFile.TryReadSecret(named, 8));
        Assert.Contains("found a pipe", unread.Message, StringComparison.Ordinal);
        using AnonymousPipeServerStream reader = new(PipeDirection.In);
        using (AnonymousPipeClientStream writer = new(PipeDirection.Out, reader.ClientSafePipeHandle)) writer.Write("hunter2\n"u8);
        string path = $"/proc/self/fd/{reader.SafePipeHandle.DangerousGetHandle()}";     // as a shell gives <(…)
        IndelibleException refused = Assert.Throws<IndelibleException>(() => DurableFile.TryReadSecret(path, 8));
        Assert.Contains("expected a file that can be read again, found a pipe", refused.Message, StringComparison.Ordinal);
        Assert.Equal("hunter2\n", Encoding.UTF8.GetString(DurableFile.TryReadSecret(path, 8, mayBePipe: true)!));
    }

    [Fact]
    public void A_secret_that_is_too_long_is_refused()
    {
        string file = Path.Combine(_directory, "long");
        DurableFile.ReplaceSecret(file, "hunter2\n"u8);
        IOException refused = Assert.Throws<IOException>(() => DurableFile.TryReadSecret(file, 7));
        Assert.Contains("at most 7 bytes", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_there_is_none() => Assert.Null(DurableFile.TryReadSecret(Path.Combine(_directory, "none"), 100));
}
