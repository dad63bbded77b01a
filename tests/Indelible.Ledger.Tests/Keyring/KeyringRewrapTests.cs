using Indelible.Format;
using Xunit;

namespace Indelible.Ledger.Tests.KeyringTests;

public sealed class KeyringRewrapTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("indelible-rewrap-").FullName;

    private string Ring => Path.Combine(_root, "keyring");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Every_key_opens_under_the_new_master_key_and_none_under_the_old()
    {
        SubjectKey[] made = Make();
        string backup = Path.Combine(_root, "backup"), verifierKey;
        byte[] token;
        using (MasterKey old = MasterKey.Load(Ring))
        {
            using (Keyring keyring = Keyring.Open(Ring, old))
                (verifierKey, token) = (keyring.VerifierKey, keyring.BlindToken("crm", 1, "email", "x"u8));
            for (uint epoch = 2; epoch <= 3; epoch++)
            {
                using MasterKey before = MasterKey.Load(Ring), next = MasterKey.Next(Ring);
                Keyring.Rewrap(Ring, before, next);
                MasterKey.TakeNext(Ring);
                Assert.Contains("is not the one of the keyring",
                    Assert.Throws<IndelibleException>(() => Keyring.Open(Ring, before)).Message, StringComparison.Ordinal);
            }
            using MasterKey now = MasterKey.Load(Ring);
            using (Keyring keyring = Keyring.Open(Ring, now))
            {
                Assert.Equal((3u, verifierKey), (keyring.Epoch, keyring.VerifierKey));
                Assert.Equal(token, keyring.BlindToken("crm", 1, "email", "x"u8));
                RequireAll(keyring, made);
                keyring.CreateSubject(Row(-1));
                keyring.Export(backup);
            }
            Assert.Throws<IndelibleException>(() => Keyring.Import(backup, Path.Combine(_root, "with the old"), old));
            Keyring.Import(backup, Path.Combine(_root, "restored"), now);
            using Keyring restored = Keyring.Open(Path.Combine(_root, "restored"), now);
            RequireAll(restored, made);
        }
        Assert.Equal(["subjects-3"], Directory.GetDirectories(Ring).Select(Path.GetFileName));
        Assert.False(Path.Exists(Path.Combine(Ring, "master.key.next")));
    }

    [Theory]
    [InlineData("made")]
    [InlineData("half wrapped")]
    [InlineData("wrapped")]
    public void Stopped_in_the_middle_it_is_as_before_or_done(string after)
    {
        SubjectKey[] made = Make();
        byte[] oldFile = File.ReadAllBytes(Path.Combine(Ring, "master.key"));
        using (MasterKey before = MasterKey.Load(Ring), next = MasterKey.Next(Ring))
        {
            if (after == "half wrapped")
            {
                Directory.CreateDirectory(Path.Combine(Ring, "subjects-2"));
                File.WriteAllText(Path.Combine(Ring, "subjects-2", "CURRENT"), "half");
            }
            if (after == "wrapped") Keyring.Rewrap(Ring, before, next);
        }
        using (MasterKey found = MasterKey.Load(Ring))
        {
            using Keyring keyring = Keyring.Open(Ring, found);
            Assert.Equal(after == "wrapped" ? 2u : 1u, keyring.Epoch);
            RequireAll(keyring, made);
        }
        Assert.Equal(after != "wrapped", File.ReadAllBytes(Path.Combine(Ring, "master.key")).AsSpan().SequenceEqual(oldFile));
        using (MasterKey before = MasterKey.Load(Ring), next = MasterKey.Next(Ring)) Keyring.Rewrap(Ring, before, next);
        using MasterKey now = MasterKey.Load(Ring);
        using Keyring again = Keyring.Open(Ring, now);
        RequireAll(again, made);
    }

    private SubjectKey[] Make()
    {
        Directory.CreateDirectory(Ring, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using MasterKey master = MasterKey.Generate();
        master.Save(MasterKey.DefaultPath(Ring));
        using Keyring keyring = Keyring.Create(Ring, "example.org/t", master);
        SubjectKey[] made = [.. Enumerable.Range(0, 20_000).Select(row => keyring.CreateSubject(Row(row)))];
        keyring.Commit();
        keyring.Destroy(made[5].Id);
        return made;
    }

    private static void RequireAll(Keyring keyring, SubjectKey[] made)
    {
        for (int row = 0; row < made.Length; row++)
        {
            Assert.Equal(row != 5, keyring.TryGetKey(made[row].Id, out SubjectKey found));
            if (row != 5) Assert.True(made[row].Bytes.SequenceEqual(found.Bytes));
        }
        Assert.Equal(made[17].Id, keyring.GetOrCreateSubject(Row(17)).Id);
    }

    private static SubjectName Row(int row) =>
        SubjectName.OfRow("crm", 1, [row.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
}
