using System.Text;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Index;
using Indelible.Ledger;
using Xunit;
using static Indelible.Server.Tests.EntryMakerFixture;

namespace Indelible.Server.Tests;

public sealed class EntryMakerTests : IDisposable
{
    private readonly EntryMakerFixture _made = new();

    public void Dispose() => _made.Dispose();

    [Fact]
    public void An_insert_is_sealed_as_it_was_captured()
    {
        Entry entry = Assert.Single(_made.Make(_made.Insert(_made.Patients, "7", "Ann Example", "influenza", "ann@example.org", "W3")));
        EntryHeader header = entry.Header;
        Assert.Equal(Origin, header.Origin);
        Assert.Equal(EntryKind.Change, header.Kind);
        Assert.Equal(Source, header.Source);
        Assert.Equal(Operation.Insert, header.Operation);
        Assert.Equal(new Position(new Lsn(0x1000), 0), header.Position);
        Assert.Equal(new Relation(1, "public", "patients"), header.Relation);
        Assert.Equal(new KeyColumn("id", "7"), Assert.Single(header.Key!.Columns));
        Assert.Equal(700u, header.TransactionId);
        Assert.Equal(MicroTime.From(_made.Clock.GetUtcNow()), header.SealedAt);
        Assert.Equal("alice", header.Operator!.Id);
        Assert.Null(header.SubjectBefore);
        Assert.Equal("Ann Example", _made.Open(entry, "name", Side.After));
        Assert.Equal("influenza", _made.Open(entry, "diagnosis", Side.After));
        Assert.Equal("W3", Encoding.UTF8.GetString(FieldOf(entry, "ward").After.Bytes.Span));
        Field email = FieldOf(entry, "email");
        Assert.Equal(ValueKind.Digest, email.After.Kind);
        Assert.True(
            SealedValue.DigestMatches(
                entry, email, Side.After, _made.KeyOf(entry, Side.After), ClearValue.Of("ann@example.org"u8.ToArray())));
        Assert.All(entry.Fields, field => Assert.Equal(MissingReason.NoRow, field.Before.Reason));
    }

    [Fact]
    public void A_session_under_another_name_than_it_logged_in_with_is_a_finding_once()
    {
        Operator posing =
            new() { Grade = Grade.Session, SessionUser = "nurse", LoginRole = "dba", BackendPid = 7, BackendStart = new MicroTime(1) };
        CapturedChange[] changes = [
            .. new[] { posing, posing, posing with { LoginRole = "nurse" }, posing with { LoginRole = null },
                posing with { BackendPid = 8 } }
            .Select((who, i) => _made.Insert(_made.Patients, $"{i}", "n", "d", "e", "w") with { Operator = who })];
        Entry[] found = [.. _made.Make(changes).Where(entry => entry.Header.Kind == EntryKind.Guard)];
        Assert.Equal([7, 8], found.Select(entry => entry.Header.Operator!.BackendPid));
        Assert.All(found,
            entry => Assert.Equal((GuardCode.LoginMismatch, "dba", "nurse"),
                (entry.Header.Code, entry.Header.Facts!["login"], entry.Header.Facts["sessionUser"])));
    }

    [Fact]
    public void A_row_has_one_subject_from_its_insert_to_its_delete_and_another_when_inserted_again()
    {
        List<Entry> entries = _made.Make(
            _made.Insert(_made.Patients, "7", "Ann", "flu", "a@b", "W"),
            _made.Update(_made.Patients, "7", 1, "flu", "cold"),
            _made.Delete(_made.Patients, "7", "Ann", "cold", "a@b", "W"),
            _made.Insert(_made.Patients, "7", "Bob", "fit", "b@b", "W"));
        KeyId ann = entries[0].Header.SubjectAfter!.Value;
        Assert.Equal((ann, ann), (entries[1].Header.SubjectBefore, entries[1].Header.SubjectAfter));
        Assert.Equal(ann, entries[2].Header.SubjectBefore);
        Assert.Null(entries[2].Header.SubjectAfter);
        Assert.NotEqual(ann, entries[3].Header.SubjectAfter);
        Assert.Equal("flu", _made.Open(entries[1], "diagnosis", Side.Before));
        Assert.Equal("cold", _made.Open(entries[1], "diagnosis", Side.After));
        Assert.Equal("cold", _made.Open(entries[2], "diagnosis", Side.Before));
    }

    [Fact]
    public void A_row_keeps_its_subject_when_its_key_changes_even_if_nothing_else_does()
    {
        List<Entry> entries = _made.Make(
            _made.Insert(_made.Patients, "7", "Ann", "flu", "a@b", "W"),
            _made.Row(_made.Patients, Operation.Update, ["8"]) with { PreviousKey = ["7"] },
            _made.Update(_made.Patients, "8", 1, "flu", "cold"));
        Assert.Equal("7", entries[1].Header.PreviousKey!.Columns[0].Value);
        Assert.Equal("8", entries[1].Header.Key!.Columns[0].Value);
        Assert.Empty(entries[1].Fields);
        Assert.Equal(entries[0].Header.SubjectAfter, entries[2].Header.SubjectAfter);
    }

    [Fact]
    public void A_subject_column_decides_whose_key_each_side_has()
    {
        ProtectedTable visits =
            new() { Id = 2, Schema = "public", Name = "visits", Key = ["id"], Subject = "patient_id", Columns = [Column(3, "notes")] };
        List<Entry> entries = _made.Make(
            _made.Insert(visits, "1", "one") with { SubjectAfter = "p1" },
            _made.Insert(visits, "2", "two") with { SubjectAfter = "p1" },
            _made.Insert(visits, "3", "three") with { SubjectAfter = "p2" },
            _made.Update(visits, "3", 0, "three", "drei") with { SubjectBefore = "p2", SubjectAfter = "p1" },
            _made.Delete(visits, "3", "drei") with { SubjectBefore = "p1", Reason = "left" },
            _made.Insert(visits, "4", "four"));
        KeyId first = entries[0].Header.SubjectAfter!.Value, second = entries[2].Header.SubjectAfter!.Value;
        Assert.Equal(first, entries[1].Header.SubjectAfter);
        Assert.NotEqual(first, second);
        Assert.Equal((second, first), (entries[3].Header.SubjectBefore, entries[3].Header.SubjectAfter));
        Assert.Equal((first, first), (entries[4].Header.SubjectBefore, entries[4].Header.SubjectAfter));
        Assert.NotEqual(first, entries[5].Header.SubjectAfter);
        Assert.Equal("three", _made.Open(entries[3], "notes", Side.Before));
        Assert.Equal("drei", _made.Open(entries[3], "notes", Side.After));
        Assert.Equal("left", _made.Open(entries[4], "reason", Side.After));
    }

    [Fact]
    public void NULL_and_missing_values_stay_what_they_are()
    {
        CapturedChange.Row row = _made.Row(_made.Patients, Operation.Update, ["7"]) with
        {
            Fields =
            [
                new CapturedField(_made.Patients.Columns[0], CapturedValue.Null, Text("")),
                new CapturedField(_made.Patients.Columns[1], CapturedValue.Missing(MissingReason.Unchanged), CapturedValue.Null),
            ],
        };
        Entry entry = Assert.Single(_made.Make(row));
        Assert.Equal("NULL", _made.Open(entry, "name", Side.Before));
        Assert.Equal("", _made.Open(entry, "name", Side.After));
        Assert.Equal(ValueKind.Missing, FieldOf(entry, "diagnosis").Before.Kind);
        Assert.Equal(MissingReason.Unchanged, FieldOf(entry, "diagnosis").Before.Reason);
        Assert.Equal("NULL", _made.Open(entry, "diagnosis", Side.After));
    }

    [Fact]
    public void A_row_whose_key_is_protected_is_named_by_a_token_and_its_whole_key_is_sealed()
    {
        ProtectedTable people = new()
        {
            Id = 3, Schema = "public", Name = "people", Key = ["country", "ssn"], Columns = [Column(2, "ssn"), Column(3, "note")],
        };
        CapturedChange.Row insert = _made.Row(people, Operation.Insert, ["NL", "123-45"]) with
        {
            Fields = [new CapturedField(people.Columns[0], NoRow, Text("123-45")), new CapturedField(people.Columns[1], NoRow, Text("x"))],
        };
        CapturedChange.Row update = _made.Row(people, Operation.Update, ["NL", "123-45"]) with
        {
            Fields = [new CapturedField(people.Columns[1], Text("x"), Text("y"))],
        };
        CapturedChange.Row move = _made.Row(people, Operation.Update, ["BE", "123-45"]) with { PreviousKey = ["NL", "123-45"] };
        List<Entry> entries = _made.Make(insert, update, move);
        Assert.All(entries, entry => Assert.Empty(entry.Header.Key!.Columns));
        Assert.Equal(entries[0].Header.Key!.Token.ToArray(), entries[1].Header.Key!.Token.ToArray());
        Assert.Equal(entries[0].Header.Key!.Token.ToArray(), entries[2].Header.PreviousKey!.Token.ToArray());
        Assert.NotEqual(entries[0].Header.Key!.Token.ToArray(), entries[2].Header.Key!.Token.ToArray());
        Assert.Equal("NL", _made.Open(entries[0], "country", Side.After));
        Assert.Equal("123-45", _made.Open(entries[0], "ssn", Side.After));
        Assert.Equal("note", Assert.Single(entries[1].Fields).Name);
        Assert.Equal("NL", _made.Open(entries[2], "country", Side.Before));
        Assert.Equal("BE", _made.Open(entries[2], "country", Side.After));
        Assert.Equal(entries[0].Header.SubjectAfter, entries[2].Header.SubjectAfter);
    }

    [Fact]
    public void A_very_long_key_is_named_by_a_token()
    {
        string key = new('k', EntryLimits.KeyValueLengthMax + 1);
        Entry entry = Assert.Single(_made.Make(_made.Insert(_made.Patients, key, "Ann", "flu", "a@b", "W")));
        Assert.Equal(32, entry.Header.Key!.Token.Length);
        Assert.Equal(key, _made.Open(entry, "id", Side.After));
    }

    [Fact]
    public void A_change_too_large_for_one_entry_is_split_and_every_value_opens()
    {
        ProtectedTable wide = new() { Id = 4, Schema = "public", Name = "wide", Key = ["id"],
            Columns = [.. Enumerable.Range(1, 30).Select(n => Column((short)n, $"c{n}"))] };
        string[] values = [.. Enumerable.Range(1, 30).Select(n => new string((char)('a' + (n % 26)), 9_000))];
        List<Entry> entries = _made.Make(_made.Insert(wide, "1", values) with { Reason = "import" });
        Assert.InRange(entries.Count, 5, 7);
        Assert.Equal(entries.Select((_, part) => new Position(new Lsn(0x1000), 0, (uint)part, (uint)entries.Count)),
            entries.Select(entry => entry.Header.Position!.Value));
        Assert.Equal(entries.Count, entries.Select(entry => Convert.ToHexString(entry.Header.Nonce.Span)).Distinct().Count());
        List<string> names = [.. entries.SelectMany(entry => entry.Fields).Select(field => field.Name)];
        Assert.Equal([.. wide.Columns.Select(column => column.Name), "reason"], names);
        foreach (Entry entry in entries)
        {
            foreach (Field field in entry.Fields.Where(field => field.Scope == FieldScope.Column))
            {
                Assert.Equal(values[int.Parse(field.Name[1..]) - 1], _made.Open(entry, field.Name, Side.After));
            }
        }
        Assert.Equal("import", _made.Open(entries[^1], "reason", Side.After));
    }

    [Theory]
    [InlineData(16_384, 0)]
    [InlineData(16_385, 1)]
    [InlineData(3_000_000, 1)]
    public void A_large_value_becomes_a_blob(int length, int blobCount)
    {
        string value = new('v', length);
        IReadOnlyList<EntryBatch> batches = _made.MakeBatches(_made.Insert(_made.Patients, "7", value, "flu", "a@b", "W"));
        Assert.Equal(blobCount, batches[0].Blobs.Count);
        Assert.Equal(value, _made.Open(_made.Decode(batches)[0], "name", Side.After, batches[0].Blobs));
    }

    [Fact]
    public void Both_sides_at_the_threshold_under_a_large_header_still_fit()
    {
        string value = new('v', 16_384), key = new('k', EntryLimits.KeyValueLengthMax);
        CapturedChange.Row row = _made.Update(_made.Patients, key, 0, value, value + "") with
        {
            PreviousKey = [new string('j', EntryLimits.KeyValueLengthMax)],
            Operator = Alice with { Id = new string('o', 9_000), Application = new string('ü', 5_000), Address = new string('x', 5_000) },
        };
        Entry entry = Assert.Single(_made.Make(row));
        Assert.EndsWith("…", entry.Header.Operator!.Id, StringComparison.Ordinal);
        Assert.Equal(value, _made.Open(entry, "name", Side.Before));
    }

    [Fact]
    public void A_truncation_says_how_many_rows_are_known_and_names_none()
    {
        CapturedChange.Truncation truncation = new()
        {
            Position = _made.NextPosition(), TransactionId = 1, CommittedAt = new MicroTime(5), Operator = Alice, Table = _made.Patients,
            Leaf = "public.p1", Reason = "cleanup",
        };
        Entry entry = Assert.Single(_made.Make(truncation));
        Assert.Equal(Operation.Truncate, entry.Header.Operation);
        Assert.Equal(42UL, entry.Header.RowCount);
        Assert.Null(entry.Header.Key);
        Assert.Equal("public.p1", entry.Header.Relation!.Leaf);
        Assert.Equal("cleanup", _made.Open(entry, "reason", Side.After));
    }

    [Fact]
    public void DDL_is_a_guard_entry_whose_statement_is_sealed()
    {
        CapturedChange.Ddl ddl = new()
        {
            Position = _made.NextPosition(), TransactionId = 1, CommittedAt = new MicroTime(5), Operator = Alice,
            Tag = "ALTER TABLE", Statement = "ALTER TABLE patients ALTER name SET DEFAULT 'Secret Person'",
            Facts = new Dictionary<string, string> { ["relation"] = "public.patients" },
        };
        IReadOnlyList<EntryBatch> batches = _made.MakeBatches(ddl);
        Entry entry = Assert.Single(_made.Decode(batches));
        Assert.Equal(EntryKind.Guard, entry.Header.Kind);
        Assert.Equal("ddl", entry.Header.Code);
        Assert.Equal("ALTER TABLE", entry.Header.Facts!["tag"]);
        Assert.Equal("public.patients", entry.Header.Facts["relation"]);
        Assert.Equal(ddl.Statement, _made.Open(entry, "statement", Side.After));
        Assert.Equal(-1, batches[0][0].Span.IndexOf("Secret"u8));
    }

    [Fact]
    public void A_baseline_row_and_a_found_difference_carry_their_snapshot()
    {
        Snapshot snapshot = new("100:110:", new Lsn(0x2000));
        EntryBatch batch = new();
        _made.Maker.AddBaseline(
            batch, _made.Patients, null, ["7"], [new CapturedField(_made.Patients.Columns[0], NoRow, Text("Ann"))], null, snapshot);
        _made.Maker.AddFound(batch, _made.Patients, null, ["7"], [new CapturedField(_made.Patients.Columns[0], Text("Ann"), Text("Eve"))],
            null, null, snapshot);
        _made.Keyring.Commit();
        List<Entry> entries = _made.Decode([batch]);
        Assert.Equal(EntryKind.Baseline, entries[0].Header.Kind);
        Assert.Equal(snapshot, entries[0].Header.Snapshot);
        Assert.Equal("Ann", _made.Open(entries[0], "name", Side.After));
        Assert.Equal(Operation.Found, entries[1].Header.Operation);
        Assert.Equal(Grade.None, entries[1].Header.Operator!.Grade);
        Assert.Equal("Eve", _made.Open(entries[1], "name", Side.After));
        Assert.Equal(entries[0].Header.SubjectAfter, entries[1].Header.SubjectBefore);
        Assert.Equal(
            entries[0].Header.SubjectAfter, _made.Make(_made.Update(_made.Patients, "7", 0, "Eve", "Ann"))[0].Header.SubjectBefore);
    }

    [Fact]
    public void Events_are_encoded_with_their_texts_sealed()
    {
        EntryBatch batch = new();
        Coverage coverage =
            new(new Lsn(1), new Lsn(9), 77, 1, "indelible_crm", ProtectionDigest.Of(new Protection { Tables = [_made.Patients] }));
        _made.Maker.AddCoverage(batch, coverage);
        _made.Maker.AddGap(batch, "slot-ahead", new Lsn(1), new Lsn(2), "expected 0/1, found 0/2");
        _made.Maker.AddGuard(batch, GuardCode.Crosscheck, new Dictionary<string, string> { ["cells"] = "1" }, "Ann is not Eve");
        _made.Maker.AddAccess(
            batch, "reveal", Alice, "complaint 12", new Dictionary<string, string> { ["entry"] = "3", ["column"] = "name" });
        new EntryMaker(_made.Keyring, "", _made.Clock)
            .AddAdmin(batch, "configuration", new Dictionary<string, string> { ["key"] = "value" });
        _made.Keyring.Commit();
        List<Entry> entries = _made.Decode([batch]);
        Assert.Equal([EntryKind.Coverage, EntryKind.Guard, EntryKind.Guard, EntryKind.Access, EntryKind.Admin],
            entries.Select(entry => entry.Header.Kind));
        Assert.Equal(coverage.Protection.ToArray(), entries[0].Header.Coverage!.Protection.ToArray());
        Assert.Equal("0/2", entries[1].Header.Facts!["to"]);
        Assert.Equal("Ann is not Eve", _made.Open(entries[2], "differences", Side.After));
        Assert.Equal("complaint 12", _made.Open(entries[3], "reason", Side.After));
        Assert.Null(entries[4].Header.Source);
        Assert.True(batch.HasTerms);
    }

    [Fact]
    public void The_protection_hash_is_that_of_its_CBOR()
    {
        Protection protection = new()
        {
            Tables = [
                new ProtectedTable { Id = 300, Schema = "s", Name = "t", Columns = [Column(30, "b", ColumnPolicy.Plain), Column(2, "a")] }],
        };
        byte[] cbor = Convert.FromHexString("81" + "84" + "19012c" + "6173" + "6174" + "82" + "8302616100" + "83181e616202");
        Assert.Equal(System.Security.Cryptography.SHA256.HashData(cbor), ProtectionDigest.Of(protection));
    }

    [Fact]
    public void Blind_tokens_name_each_value_of_a_protected_column_and_nothing_else()
    {
        IReadOnlyList<EntryBatch> batches = _made.MakeBatches(_made.Update(_made.Patients, "7", 0, "Ann", "Eve") with { Reason = "Ann" });
        EntryTerms terms = new();
        terms.Collect(_made.Decode(batches)[0],
            [_made.Keyring.BlindToken(Source, 1, "name", "Ann"u8), _made.Keyring.BlindToken(Source, 1, "name", "Eve"u8)]);
        Assert.Equal(terms.Collected.ToArray(), batches[0].TermsOf(0).ToArray());
    }

    [Fact]
    public void A_batch_that_grows_very_large_is_split_and_each_part_carries_its_mark()
    {
        ProtectedTable wide = new() { Id = 5, Schema = "public", Name = "wide", Key = ["id"],
            Columns = [.. Enumerable.Range(1, 150).Select(n => Column((short)n, $"c{n}"))] };
        CapturedChange.Row[] rows = [.. Enumerable.Range(0, 2_000).Select(id => _made.Row(wide, Operation.Update, [$"{id}"]) with
        {
            Fields = [.. wide.Columns.Select(column => new CapturedField(column, CapturedValue.Null, Text("1")))],
        })];
        IReadOnlyList<EntryBatch> batches = _made.MakeBatches(rows);
        Assert.InRange(batches.Count, 2, 10);
        // what the batch before said: or a stop between two would pass for a gap
        Assert.All(batches.SkipLast(1), batch => Assert.Equal(new Lsn(0xf00), batch.Mark!.Confirmable));
        Assert.Equal(new SourceMark(Source, rows[^1].Position, new Lsn(0x1100)), batches[^1].Mark);
        List<Position> positions = [.. batches.Select(batch => batch.Mark!.Last)];
        Assert.Equal(positions.Order(), positions);
        Assert.Equal(2_000, _made.Decode(batches).Select(entry => entry.Header.Position!.Value.Ordinal).Distinct().Count());
    }

    [Fact]
    public void A_batch_without_changes_carries_its_mark()
    {
        EntryBatch batch = Assert.Single(
            _made.Maker.Make(
                new CapturedBatch { Changes = [], Last = new Position(new Lsn(5), 0), ConfirmableBefore = new Lsn(4),
                    Confirmable = new Lsn(6), Length = 0 }, []));
        Assert.Equal(0, batch.Count);
        Assert.Equal(new SourceMark(Source, new Position(new Lsn(5), 0), new Lsn(6)), batch.Mark);
    }

    [Fact]
    public void No_protected_value_is_found_in_any_byte_made_or_in_the_keyring()
    {
        const string Secret = "Zebulon-Quartz-9917";
        ProtectedTable people = new() { Id = 6, Schema = "public", Name = "people", Key = ["ssn"], Subject = "ssn",
            Columns = [Column(1, "ssn"), Column(2, "mail", ColumnPolicy.Digest), Column(3, "big")] };
        string big = string.Concat(Enumerable.Repeat(Secret, 2_000));
        IReadOnlyList<EntryBatch> batches = _made.MakeBatches(
            _made.Insert(people, Secret, Secret, Secret, big) with { SubjectAfter = Secret, Reason = $"because {Secret}" },
            _made.Update(people, Secret, 1, Secret, Secret + "!") with { SubjectBefore = Secret, SubjectAfter = Secret },
            _made.Delete(people, Secret, Secret, Secret, big) with { SubjectBefore = Secret });
        EntryBatch extra = new();
        _made.Maker.AddGuard(extra, GuardCode.Crosscheck, null, Secret);
        _made.Maker.AddAccess(extra, "reveal", Alice, Secret, new Dictionary<string, string> { ["entry"] = "1" });
        byte[] secret = Encoding.UTF8.GetBytes(Secret);
        foreach (EntryBatch batch in batches.Append(extra))
        {
            for (int i = 0; i < batch.Count; i++)
            {
                Assert.Equal(-1, batch[i].Span.IndexOf(secret));
            }
            Assert.All(batch.Blobs, blob => Assert.Equal(-1, blob.Ciphertext.Span.IndexOf(secret)));
        }
        Assert.Equal(2, batches.Sum(batch => batch.Blobs.Count));
    }

    [Fact]
    public void An_entry_does_not_open_once_its_key_is_destroyed()
    {
        Entry entry = Assert.Single(_made.Make(_made.Insert(_made.Patients, "7", "Ann", "flu", "a@b", "W")));
        _made.Keyring.Destroy(entry.Header.SubjectAfter!.Value);
        Assert.False(_made.Keyring.TryGetKey(entry.Header.SubjectAfter.Value, out _));
        Assert.NotEqual(entry.Header.SubjectAfter, _made.Make(_made.Update(_made.Patients, "7", 0, "Ann", "Eve"))[0].Header.SubjectAfter);
    }
}
