using System.Text;
using Indelible.Format;
using Xunit;

namespace Indelible.Ledger.Tests.KeyringTests;

public sealed class KeyringTests : IDisposable
{
    private readonly KeyringDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_key_opens_again_after_the_keyring_was_closed()
    {
        SubjectKey made;
        using (Keyring keyring = _directory.Create())
        {
            made = keyring.CreateSubject(Row("1"));
            keyring.Commit();
        }
        using Keyring again = _directory.Open();
        Assert.True(again.TryGetKey(made.Id, out SubjectKey found));
        Assert.Equal(made.Bytes, found.Bytes);
        Assert.Equal(made.Id, again.GetOrCreateSubject(Row("1")).Id);
    }

    [Fact]
    public void A_row_keeps_its_key_until_it_is_inserted_again()
    {
        using Keyring keyring = _directory.Create();
        SubjectKey first = keyring.CreateSubject(Row("1"));
        Assert.Equal(first.Id, keyring.GetOrCreateSubject(Row("1")).Id);
        SubjectKey second = keyring.CreateSubject(Row("1"));
        Assert.NotEqual(first.Id, second.Id);
        Assert.Equal(second.Id, keyring.GetOrCreateSubject(Row("1")).Id);
        keyring.Commit();
        Assert.True(keyring.TryGetKey(first.Id, out SubjectKey old));
        Assert.Equal(first.Bytes, old.Bytes);
    }

    [Fact]
    public void A_row_keeps_its_key_when_its_primary_key_changes()
    {
        using Keyring keyring = _directory.Create();
        SubjectKey before = keyring.CreateSubject(Row("1"));
        SubjectKey moved = keyring.MoveSubject(Row("1"), Row("2"));
        Assert.Equal(before.Id, moved.Id);
        Assert.Equal(before.Id, keyring.GetOrCreateSubject(Row("2")).Id);
    }

    [Fact]
    public void Different_names_have_different_keys()
    {
        SubjectName[] names =
        [
            Row("1"), Row("2"), Row("1", "2"), Row("12"), Row("12", ""), Row("", "12"), Row(),
            SubjectName.OfRow("crm", 2, ["1"]), SubjectName.OfRow("hr", 1, ["1"]),
            SubjectName.OfPerson("crm", 1, "1"), SubjectName.OfPerson("crm", 2, "1"), SubjectName.OfSource("crm"),
            SubjectName.OfSource("hr"),
        ];
        using Keyring keyring = _directory.Create();
        HashSet<KeyId> ids = [.. names.Select(name => keyring.GetOrCreateSubject(name).Id)];
        Assert.Equal(names.Length, ids.Count);
    }

    [Fact]
    public void More_subjects_than_memory_holds_keep_their_keys()
    {
        const int Count = 150_000;
        using Keyring keyring = _directory.Create();
        KeyId[] made = [.. Enumerable.Range(0, Count).Select(row => keyring.CreateSubject(Row($"{row}")).Id)];
        for (int row = 0; row < Count; row++) Assert.Equal(made[row], keyring.GetOrCreateSubject(Row($"{row}")).Id);
        keyring.Commit();
        Assert.True(keyring.TryGetKey(made[0], out _));
        Assert.True(keyring.TryGetKey(made[^1], out _));
    }

    [Fact]
    public void A_destroyed_key_is_unknown_and_its_subject_gets_a_new_one()
    {
        SubjectKey made;
        using (Keyring keyring = _directory.Create())
        {
            made = keyring.CreateSubject(Row("1"));
            keyring.Commit();
            keyring.Destroy(made.Id);
            Assert.False(keyring.TryGetKey(made.Id, out _));
        }
        using Keyring again = _directory.Open();
        Assert.False(again.TryGetKey(made.Id, out _));
        Assert.NotEqual(made.Id, again.GetOrCreateSubject(Row("1")).Id);
    }

    [Fact]
    public void An_id_that_was_never_made_is_unknown()
    {
        using Keyring keyring = _directory.Create();
        Assert.False(keyring.TryGetKey(new KeyId(42), out _));
    }

    [Fact]
    public void Only_one_process_or_keyring_at_a_time_may_hold_the_directory()
    {
        using Keyring keyring = _directory.Create();
        IndelibleException refused = Assert.Throws<IndelibleException>(() => _directory.Open());
        Assert.Equal(ExitCode.Environment, refused.ExitCode);
        Assert.Contains("in use by another process", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrong_master_key_is_told_apart_from_damage()
    {
        _directory.Create().Dispose();
        using MasterKey other = MasterKey.Generate();
        IndelibleException wrong = Assert.Throws<IndelibleException>(() => Keyring.Open(_directory.Path, other));
        Assert.Equal(ExitCode.Usage, wrong.ExitCode);
        Assert.Contains("master key given is not the one", wrong.Message, StringComparison.Ordinal);

        string path = Path.Combine(_directory.Path, "keyring.json");
        string json = File.ReadAllText(path);
        for (int at = 0; at < json.Length; at += 7)
        {
            File.WriteAllText(path, json[..at] + (json[at] == 'f' ? 'e' : 'f') + json[(at + 1)..]);
            IndelibleException damaged = Assert.Throws<IndelibleException>(() => _directory.Open());
            Assert.Equal(ExitCode.Environment, damaged.ExitCode);
        }
    }

    [Fact]
    public void A_changed_key_record_is_reported_and_not_used()
    {
        SubjectKey made;
        using (Keyring keyring = _directory.Create())
        {
            made = keyring.CreateSubject(Row("1"));
            keyring.Commit();
        }
        using (SubjectStore store = SubjectStore.Open(Path.Combine(_directory.Path, "subjects"), create: false))
        {
            byte[] record = new byte[SubjectStore.RecordSize];
            Assert.True(store.TryFindKey(made.Id, record));
            record[20] ^= 1;
            store.AddKey(made.Id, record);
            store.Commit();
        }
        using Keyring again = _directory.Open();
        IndelibleException damaged = Assert.Throws<IndelibleException>(() => again.TryGetKey(made.Id, out _));
        Assert.Equal(ExitCode.Environment, damaged.ExitCode);
    }

    [Fact]
    public void A_keyring_is_never_replaced_and_never_invented()
    {
        Assert.Equal(ExitCode.Usage, Assert.Throws<IndelibleException>(() => _directory.Open()).ExitCode);
        _directory.Create().Dispose();
        Assert.Equal(ExitCode.Usage, Assert.Throws<IndelibleException>(() => _directory.Create()).ExitCode);
        File.Delete(Path.Combine(_directory.Path, "keyring.json"));
        Assert.Equal(ExitCode.Usage, Assert.Throws<IndelibleException>(() => _directory.Open()).ExitCode);
    }

    [Fact]
    public void An_origin_that_cannot_be_is_refused()
    {
        using MasterKey key = MasterKey.Generate();
        Assert.Equal(ExitCode.Usage, Assert.Throws<IndelibleException>(() => Keyring.Create(_directory.Path, "a b+c", key)).ExitCode);
    }

    [Fact]
    public void Signing_key_and_journal_key_stay_the_same()
    {
        string verifierKey;
        byte[] journal;
        using (Keyring keyring = _directory.Create())
        {
            verifierKey = keyring.VerifierKey;
            journal = keyring.LedgerKeys.JournalHmacKey.ToArray();
            Assert.Equal(32, journal.Length);
            Assert.StartsWith(KeyringDirectory.Origin + "+", verifierKey, StringComparison.Ordinal);
        }
        using Keyring again = _directory.Open();
        Assert.Equal(verifierKey, again.VerifierKey);
        Assert.Equal(journal, again.LedgerKeys.JournalHmacKey.ToArray());
    }

    [Fact]
    public void Attribution_secrets_belong_to_their_source_and_last()
    {
        byte[] crm;
        using (Keyring keyring = _directory.Create())
        {
            Assert.Null(keyring.AttributionSecret("crm"));
            crm = keyring.GetOrCreateAttributionSecret("crm");
            Assert.Equal(crm, keyring.GetOrCreateAttributionSecret("crm"));
            Assert.NotEqual(crm, keyring.GetOrCreateAttributionSecret("hr"));
        }
        using Keyring again = _directory.Open();
        Assert.Equal(crm, again.AttributionSecret("crm"));
        again.SetAttributionSecret("crm", new byte[32]);
        Assert.Equal(new byte[32], again.AttributionSecret("crm"));
    }

    [Fact]
    public void Tokens_are_stable_and_differ_by_everything_they_name()
    {
        byte[] Token(Keyring keyring, uint relation, params string[] key)
        {
            byte[] token = new byte[Keyring.RowKeyTokenSize];
            keyring.RowKeyToken("crm", relation, key, token);
            return token;
        }
        byte[] Blind(Keyring keyring, uint relation, string column, string value) =>
            keyring.BlindToken("crm", relation, column, Encoding.UTF8.GetBytes(value));

        byte[] row, blind;
        using (Keyring keyring = _directory.Create())
        {
            row = Token(keyring, 1, "a", "b");
            blind = Blind(keyring, 1, "email", "ann@example.org");
            Assert.NotEqual(row, Token(keyring, 2, "a", "b"));
            Assert.NotEqual(row, Token(keyring, 1, "ab"));
            Assert.NotEqual(blind, Blind(keyring, 2, "email", "ann@example.org"));
            Assert.NotEqual(blind, Blind(keyring, 1, "mail", "ann@example.org"));
            Assert.NotEqual(blind, Blind(keyring, 1, "email", "bob@example.org"));
        }
        using Keyring again = _directory.Open();
        Assert.Equal(row, Token(again, 1, "a", "b"));
        Assert.Equal(blind, Blind(again, 1, "email", "ann@example.org"));
    }

    [Fact]
    public void Its_files_are_the_owners_alone_and_hold_no_key_in_clear()
    {
        byte[] key, secret;
        using (Keyring keyring = _directory.Create())
        {
            key = keyring.CreateSubject(Row("ann@example.org")).Bytes.ToArray();
            secret = keyring.GetOrCreateAttributionSecret("crm");
            keyring.Commit();
        }
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(_directory.Path));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(_directory.Path, "keyring.json")));
        foreach (string path in Directory.EnumerateFiles(_directory.Path, "*", SearchOption.AllDirectories))
        {
            byte[] bytes = File.ReadAllBytes(path);
            Assert.Equal(-1, bytes.AsSpan().IndexOf(key));
            Assert.Equal(-1, bytes.AsSpan().IndexOf(secret));
            Assert.Equal(-1, bytes.AsSpan().IndexOf("ann@example.org"u8));
            Assert.DoesNotContain(Convert.ToHexStringLower(secret), Encoding.ASCII.GetString(bytes), StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public void A_printed_key_shows_its_id_only()
    {
        using Keyring keyring = _directory.Create();
        SubjectKey key = keyring.CreateSubject(Row("1"));
        Assert.Equal(key.Id.ToString(), $"{key}");
    }

    private static SubjectName Row(params string[] key) => SubjectName.OfRow("crm", 1, key);
}
