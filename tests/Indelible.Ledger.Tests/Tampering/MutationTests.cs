using Indelible.Format;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;
using Indelible.Format.Verification;
using Xunit;

namespace Indelible.Ledger.Tests.Tampering;

/// <summary>A real ledger damaged at random in every file: verification finds it, names the file, and never falls over.</summary>
public sealed class MutationTests : IAsyncLifetime
{
    private const int EntryCount = 2100, Mutations = 2100;
    private const int Seed = 20261124;
    private TestLedger _ledger = null!;
    private MemoryLedger _memory = null!;

    public async ValueTask InitializeAsync()
    {
        _ledger = await TestLedger.CreateAsync();
        await using (LedgerWriter writer = await _ledger.OpenAsync())
        {
            for (int first = 1; first <= EntryCount; first += 300)
            {
                await writer.SealAsync(RealEntries.Mixed(first, 300), CancellationToken.None);
                await writer.PublishAsync(CancellationToken.None);
            }
        }
        _memory = await MemoryLedger.ReadAsync(_ledger);
    }

    public ValueTask DisposeAsync()
    {
        _ledger.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public void What_a_verifier_does_not_read_is_what_it_says_it_does_not_check()
    {
        string[] unread = [.. _memory.Files.Keys.Except(_memory.Needed).Order(StringComparer.Ordinal)];
        Assert.Contains("ledger.json", unread);
        Assert.All(unread, path => Assert.True(path == "ledger.json" || path.Contains(".p/", StringComparison.Ordinal), path));
        Assert.Contains(MemoryLedger.Verify(_memory.Files).NotChecked,
            what => what.Contains("ledger.json, and files that this checkpoint does not need, such as partial tiles of earlier ones",
                StringComparison.Ordinal));
    }

    [Fact]
    public void Damage_of_any_kind_anywhere_is_found_and_the_file_is_named()
    {
        var random = new Random(Seed);
        string[] paths = _memory.Needed;
        for (int i = 0; i < Mutations; i++)
        {
            string path = Tampered.Pick(paths, random);
            (string what, Dictionary<string, byte[]> changed, string[] touched) = Mutation.Of(_memory.Files, paths, path, random);
            if (touched.All(name => changed.TryGetValue(name, out byte[]? now) && now.AsSpan().SequenceEqual(_memory.Files[name])))
                continue;
            VerificationReport report = MemoryLedger.Verify(changed);
            string told = $"seed {Seed}, mutation {i}: {what} of {string.Join(" and ", touched)}";
            Assert.True(report.Verdict == Verdict.Failed && report.Findings.Count > 0, told);
            Assert.True(
                report.Findings.Any(
                    finding => touched.Any(name => finding.File == name || finding.Message.Contains(name, StringComparison.Ordinal))),
                $"{told} is not named: {ReportText.ToText(report)}");
            Assert.NotEmpty(ReportText.ToJson(report));
        }
    }

    [Fact]
    public void Whoever_has_the_key_can_write_nonsense_but_cannot_make_verification_fall_over()
    {
        var random = new Random(Seed);
        byte[][] entries = [.. new LedgerReader(_ledger.Paths.Ledger).ReadEntries(0, 300).Select(entry => entry.Entry.ToArray())];
        for (int i = 0; i < Mutations; i++)
        {
            int index = random.Next(entries.Length);
            byte[] damaged = Mutation.Bytes(entries[index], random, out string what);
            if (damaged.Length is 0 or > EntryBatch.EntryLengthMax) continue;
            var head = new Checkpoint { Origin = TestLedger.Origin, Size = 1, Root = Tree.Leaf(damaged) };
            Dictionary<string, byte[]> forged = new()
            {
                ["checkpoint"] = head.Sign(TestLedger.Signer).ToBytes(),
                ["tile/0/000.p/1"] = head.Root.Bytes.ToArray(),
                ["tile/entries/000.p/1"] = [(byte)(damaged.Length >> 8), (byte)(damaged.Length & 0xFF), .. damaged],
            };
            var evidence = new Evidence { Index = 0, Path = [], Checkpoint = forged["checkpoint"],
                Extra = new EvidenceExtra { Entry = damaged }.ToBytes() };
            foreach (VerificationReport report in (VerificationReport[])[MemoryLedger.Verify(forged),
                EvidenceVerifier.Verify(evidence.ToBytes(), MemoryLedger.Key)])
            {
                Assert.NotEmpty(ReportText.ToText(report));
                Assert.NotEmpty(ReportText.ToJson(report));
                Assert.True(report.IsSound == (report.Findings.Count == 0 && report.Unread.Count == 0), what);
            }
        }
    }

    [Fact]
    public void On_disk_a_directory_a_loop_or_nothing_in_a_files_place_is_a_finding_too()
    {
        foreach (string path in _memory.Needed.Where(path => !path.StartsWith("blobs/", StringComparison.Ordinal))
            .Append(_memory.Needed.First(path => path.StartsWith("blobs/", StringComparison.Ordinal))))
        {
            foreach (Action<string> replace in (Action<string>[])[name => Directory.CreateDirectory(name),
                name => File.CreateSymbolicLink(name, "nowhere"), _ => { }])
            {
                using TestLedger copy = _ledger.Copy();
                string file = Path.Combine(copy.Paths.Ledger, path);
                File.Delete(file);
                replace(file);
                using LedgerFetch fetch = LedgerFetch.FromDirectory(copy.Paths.Ledger);
                VerificationReport report =
                    new LedgerVerifier(fetch.Fetch, fetch.OpenFile) { Policy = MemoryLedger.Key }.Verify(CancellationToken.None);
                Assert.Equal(Verdict.Failed, report.Verdict);
                Assert.Contains(
                    report.Findings, finding => finding.File == path || finding.Message.Contains(path, StringComparison.Ordinal));
            }
        }
    }
}
