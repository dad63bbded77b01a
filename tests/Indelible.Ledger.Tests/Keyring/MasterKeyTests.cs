using System.Diagnostics;
using Indelible.Format;
using Xunit;

namespace Indelible.Ledger.Tests.KeyringTests;

public sealed class MasterKeyTests : IDisposable
{
    private const string Hex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    private readonly string _directory = Directory.CreateTempSubdirectory("indelible-master-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void A_saved_key_is_found_again_and_is_the_owners_alone()
    {
        using MasterKey made = MasterKey.Generate();
        string path = Path.Combine(_directory, MasterKey.FileName);
        made.Save(path);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        using MasterKey found = MasterKey.Load(_directory, _ => null);
        Assert.Equal(Fingerprint(made), Fingerprint(found));
        Assert.Equal(ExitCode.Usage, Assert.Throws<IndelibleException>(() => made.Save(path)).ExitCode);
    }

    [Theory]
    [InlineData(Hex)]
    [InlineData(" 000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F\n")]
    [InlineData("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")]
    public void Hex_and_base64_are_read_from_the_environment(string text)
    {
        using MasterKey expected = MasterKey.Load(_directory, name => name == MasterKey.ValueVariable ? Hex : null);
        using MasterKey found = MasterKey.Load(_directory, name => name == MasterKey.ValueVariable ? text : null);
        Assert.Equal(Fingerprint(expected), Fingerprint(found));
    }

    [Theory]
    [InlineData("00")]
    [InlineData("password")]
    [InlineData("zz0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")]
    [InlineData("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20")]
    [InlineData("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==")]
    public void Anything_else_is_refused_without_repeating_it(string text)
    {
        IndelibleException refused = Assert.Throws<IndelibleException>(
            () => MasterKey.Load(_directory, name => name == MasterKey.ValueVariable ? text : null));
        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        if (text.Length > 2) Assert.DoesNotContain(text, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_others_may_read_is_refused_with_the_command_that_helps()
    {
        string path = Path.Combine(_directory, MasterKey.FileName);
        File.WriteAllText(path, Hex);
        if (Environment.UserName == "root")
            await Process.Start("chown", ["65534", path]).WaitForExitAsync(TestContext.Current.CancellationToken);
        foreach (UnixFileMode mode in new[] { UnixFileMode.GroupRead, UnixFileMode.OtherRead, UnixFileMode.GroupWrite,
            UnixFileMode.OtherWrite })
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | mode);
            IndelibleException refused = Assert.Throws<IndelibleException>(() => MasterKey.Load(_directory, _ => null));
            Assert.Equal(ExitCode.Usage, refused.ExitCode);
            Assert.Contains($"chmod 600 '{path}'", refused.Message, StringComparison.Ordinal);
        }
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        MasterKey.Load(_directory, _ => null).Dispose();
    }

    [Fact]
    public void A_missing_file_says_where_it_was_expected_and_what_to_do()
    {
        string elsewhere = Path.Combine(_directory, "elsewhere");
        IndelibleException refused = Assert.Throws<IndelibleException>(
            () => MasterKey.Load(_directory, name => name == MasterKey.FileVariable ? elsewhere : null));
        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.Contains(elsewhere, refused.Message, StringComparison.Ordinal);
        Assert.Contains(MasterKey.ValueVariable, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_cannot_be_read_is_the_environments_fault()
    {
        string path = Path.Combine(_directory, MasterKey.FileName);
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        IndelibleException refused = Assert.Throws<IndelibleException>(() => MasterKey.Load(_directory, _ => null));
        Assert.Equal(ExitCode.Environment, refused.ExitCode);
        Assert.Contains(path, refused.Message, StringComparison.Ordinal);
    }

    private static string Fingerprint(MasterKey key)
    {
        byte[] derived = new byte[32];
        key.Derive("test", "origin", 1, derived);
        return Convert.ToHexStringLower(derived);
    }
}
