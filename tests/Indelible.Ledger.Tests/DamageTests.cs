using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Verification;
using Indelible.Testing;
using Xunit;

namespace Indelible.Ledger.Tests;

public sealed class DamageTests
{
    [Fact]
    public async Task A_second_writer_is_told_who_has_the_ledger()
    {
        using TestLedger ledger = await TestLedger.CreateAsync();
        await using LedgerWriter writer = await ledger.OpenAsync();
        IndelibleException refused = await Assert.ThrowsAsync<IndelibleException>(() => ledger.OpenAsync());
        Assert.Equal(ExitCode.Environment, refused.ExitCode);
        Assert.Contains($"process {Environment.ProcessId}", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_directory_that_holds_something_is_not_made_a_ledger()
    {
        using TestLedger ledger = await TestLedger.CreateAsync();
        IndelibleException refused =
            await Assert.ThrowsAsync<IndelibleException>(() => LedgerWriter.CreateAsync(ledger.Paths, ledger.Keys, CancellationToken.None));
        Assert.Equal(ExitCode.Usage, refused.ExitCode);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_old_copy_of_ledger_and_journal_is_noticed_as_a_rollback(bool withJournal)
    {
        using TestLedger ledger = await TestLedger.CreateAsync();
        await SealAsync(ledger, 300);
        using TestLedger old = ledger.Copy();
        await SealAsync(ledger, 10);
        Directory.Delete(old.Paths.Keyring, recursive: true);
        Directory.Move(ledger.Paths.Keyring, old.Paths.Keyring);
        if (!withJournal) Directory.Delete(old.Paths.Journal, recursive: true);
        IndelibleException found = await Assert.ThrowsAsync<IndelibleException>(() => old.OpenAsync());
        Assert.Equal(ExitCode.Finding, found.ExitCode);
        Assert.Contains("rolled back", found.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_guard_is_a_finding_unless_it_is_accepted()
    {
        using TestLedger ledger = await TestLedger.CreateAsync();
        await SealAsync(ledger, 5);
        File.Delete(ledger.Keys.Guard.FilePath);
        Assert.Equal(ExitCode.Finding, (await Assert.ThrowsAsync<IndelibleException>(() => ledger.OpenAsync())).ExitCode);
        await using (await ledger.OpenAsync(new LedgerOptions { AcceptMissingGuard = true })) { }
        Assert.Equal(5, ledger.Keys.Guard.Read(TestLedger.Origin)?.Size);
    }

    [Fact]
    public async Task A_change_of_any_byte_of_any_file_is_caught_by_verification_or_recovery()
    {
        using TestLedger ledger = await TestLedger.CreateAsync();
        await SealAsync(ledger, 4);
        string[] files = [.. Directory.EnumerateFiles(ledger.Root, "*", SearchOption.AllDirectories)
            .Where(path => Path.GetFileName(path) is not ("ledger.json" or "writer.pid"))];
        Assert.Equal(5, files.Length);
        foreach (string path in files)
        {
            byte[] original = await File.ReadAllBytesAsync(path);
            // The empty record of a clean stop says nothing: without it the stop was just not clean.
            int length = path.EndsWith(".journal", StringComparison.Ordinal) ? original.Length - 127 : original.Length;
            for (int at = 0; at < length; at++)
            {
                using TestLedger copy = ledger.Copy();
                byte[] changed = [.. original];
                changed[at] ^= 1;
                string target = Path.Combine(copy.Root, Path.GetRelativePath(ledger.Root, path));
                File.SetUnixFileMode(target, UnixFileMode.UserRead | UnixFileMode.UserWrite);
                await File.WriteAllBytesAsync(target, changed);
                File.SetUnixFileMode(target, UnixFileMode.UserRead);
                Assert.True(await IsCaughtAsync(copy), $"{path} at byte {at}");
            }
        }
    }

    [Fact]
    public async Task Without_a_journal_the_marks_come_from_the_entries_and_the_loss_is_reported()
    {
        using TestLedger ledger = await TestLedger.CreateAsync();
        await using (LedgerWriter writer = await ledger.OpenAsync())
        {
            await writer.SealAsync(RealEntries.Batch(300), CancellationToken.None);
        }
        Directory.Delete(ledger.Paths.Journal, recursive: true);
        await using LedgerWriter reopened = await ledger.OpenAsync();
        Assert.True(reopened.Recovery.JournalLost);
        Assert.Equal(new SourceMark("crm", new Position(new Lsn(300 * 16), 0), new Lsn(300 * 16)), reopened.MarkOf("crm"));
    }

    [Fact]
    public async Task The_auditors_verification_agrees_and_every_entry_has_evidence()
    {
        using TestLedger ledger = await TestLedger.CreateAsync();
        await using LedgerWriter writer = await ledger.OpenAsync();
        await writer.SealAsync(RealEntries.Batch(600), CancellationToken.None);
        await writer.PublishAsync(CancellationToken.None);
        using LedgerFetch fetch = LedgerFetch.FromDirectory(ledger.Paths.Ledger);
        VerificationReport report = new LedgerVerifier(fetch.Fetch, fetch.OpenFile).Verify(CancellationToken.None);
        Assert.Empty(report.Findings);
        Assert.Equal((Verdict.SelfConsistent, 600L), (report.Verdict, report.Entries));
        var reader = new LedgerReader(ledger.Paths.Ledger);
        foreach (long index in new long[] { 0, 255, 256, 511, 512, 599 })
            Assert.True(Evidence.Parse(reader.Prove(index).ToBytes(), out _).IsNone);
    }

    private static async Task<bool> IsCaughtAsync(TestLedger copy)
    {
        try
        {
            await LedgerCheck.AllAsync(copy.Paths.Ledger, TestLedger.Origin, CancellationToken.None);
            await using LedgerWriter writer = await copy.OpenAsync();
            return writer.Recovery.TornTail is not null;
        }
        catch (Exception caught)
            when (caught is LedgerCheckException or LedgerCorruptException or IndelibleException or FormatException or OverflowException)
        {
            return true;
        }
    }

    private static async Task SealAsync(TestLedger ledger, int count)
    {
        await using LedgerWriter writer = await ledger.OpenAsync();
        await writer.SealAsync(TestLedger.Batch(writer.TreeSize, count), CancellationToken.None);
    }
}
