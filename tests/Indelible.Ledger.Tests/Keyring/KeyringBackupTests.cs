using Indelible.Format;
using Xunit;

namespace Indelible.Ledger.Tests.KeyringTests;

public sealed class KeyringBackupTests : IDisposable
{
    private readonly KeyringDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_backup_taken_while_the_keyring_is_open_restores_every_key_and_token()
    {
        string backup = _directory.Beside("backup"), restored = _directory.Beside("restored");
        List<SubjectKey> made = [];
        byte[] token, secret;
        string verifierKey;
        using (Keyring keyring = _directory.Create())
        {
            for (int row = 0; row < 20_000; row++) made.Add(keyring.CreateSubject(Row(row)));
            secret = keyring.GetOrCreateAttributionSecret("crm");
            token = keyring.BlindToken("crm", 1, "email", "x"u8);
            verifierKey = keyring.VerifierKey;
            keyring.Export(backup);
            keyring.CreateSubject(Row(-1));
        }
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(backup));
        Keyring.Import(backup, restored, _directory.MasterKey);
        using Keyring again = Keyring.Open(restored, _directory.MasterKey);
        foreach (SubjectKey key in made)
        {
            Assert.True(again.TryGetKey(key.Id, out SubjectKey found));
            Assert.True(key.Bytes.SequenceEqual(found.Bytes));
        }
        Assert.Equal(made[17].Id, again.GetOrCreateSubject(Row(17)).Id);
        Assert.Equal(secret, again.AttributionSecret("crm"));
        Assert.Equal(token, again.BlindToken("crm", 1, "email", "x"u8));
        Assert.Equal(verifierKey, again.VerifierKey);
    }

    [Fact]
    public void A_keyring_with_a_damaged_block_gives_no_backup_instead_of_a_shorter_one()
    {
        using (Keyring keyring = _directory.Create())
        {
            for (int row = 0; row < 5_000; row++) keyring.CreateSubject(Row(row));
            keyring.Commit();
        }
        _directory.Open().Dispose();    // what was in the log is in tables now
        string table = Directory.GetFiles(Path.Combine(_directory.Path, "subjects"), "*.sst").MaxBy(path => new FileInfo(path).Length)!;
        byte[] whole = File.ReadAllBytes(table);
        whole.AsSpan(whole.Length / 3, 64).Fill(0xA5);
        File.WriteAllBytes(table, whole);
        using Keyring damaged = _directory.Open();
        IndelibleException refused = Assert.Throws<IndelibleException>(() => damaged.Export(_directory.Beside("backup")));
        Assert.Equal(ExitCode.Environment, refused.ExitCode);
        Assert.False(File.Exists(_directory.Beside("backup")));
    }

    [Fact]
    public void A_backup_that_is_cut_off_or_changed_anywhere_is_refused_and_restores_nothing()
    {
        string backup = Backup(rows: 3);
        byte[] whole = File.ReadAllBytes(backup);
        for (int length = 0; length < whole.Length; length += 5) Refused(whole[..length]);
        for (int at = 0; at < whole.Length; at += 3)
        {
            byte[] changed = [.. whole];
            changed[at] ^= 0x10;
            Refused(changed);
        }
        Refused([.. whole, 0]);
    }

    [Fact]
    public void A_backup_opens_with_its_own_master_key_only_and_never_over_a_keyring()
    {
        string backup = Backup(rows: 1);
        using MasterKey other = MasterKey.Generate();
        string restored = _directory.Beside("restored");
        Assert.Equal(ExitCode.Usage, Assert.Throws<IndelibleException>(() => Keyring.Import(backup, restored, other)).ExitCode);
        Assert.False(Keyring.Exists(restored));
        Assert.Equal(ExitCode.Usage,
            Assert.Throws<IndelibleException>(() => Keyring.Import(backup, _directory.Path, _directory.MasterKey)).ExitCode);
        using Keyring keyring = _directory.Open();
        Assert.Equal(ExitCode.Usage, Assert.Throws<IndelibleException>(() => keyring.Export(backup)).ExitCode);
    }

    private string Backup(int rows)
    {
        string path = _directory.Beside("backup");
        using Keyring keyring = _directory.Create();
        for (int row = 0; row < rows; row++) keyring.CreateSubject(Row(row));
        keyring.Export(path);
        return path;
    }

    private void Refused(byte[] content)
    {
        string path = _directory.Beside("broken"), restored = _directory.Beside("restored");
        File.WriteAllBytes(path, content);
        Assert.Throws<IndelibleException>(() => Keyring.Import(path, restored, _directory.MasterKey));
        Assert.False(Keyring.Exists(restored));
    }

    private static SubjectName Row(int row) => SubjectName.OfRow("crm", 1, [$"{row}"]);
}
