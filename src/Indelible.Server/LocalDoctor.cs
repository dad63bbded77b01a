using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Ledger;
using Indelible.Server.Succeeding;

namespace Indelible.Server;

/// <summary>Checks of this machine: room on the disks, permissions of secrets, keyring, and the ledger as its next
/// start will find it.</summary>
public static class LocalDoctor
{
    private const long FreeWarn = 5L << 30;
    private const long FreeFail = 512L << 20;
    /// <summary>Entries that are looked through without an index: about a second.</summary>
    private const long LookedThroughMax = 1_000_000;
    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>Every check, in the order a person would look.</summary>
    public static IReadOnlyList<SourceCheck> Check(LedgerPaths paths) =>
    [
        Free("disk of the ledger", paths.Ledger),
        Free("disk of the journal", paths.Journal),
        Free("disk of the index", Directory.Exists(paths.Index) ? paths.Index : Path.GetDirectoryName(paths.Index)!),
        Free("disk of the keyring", paths.Keyring),
        Mode("keyring", paths.Keyring),
        Mode("journal", paths.Journal),
        Keys(paths),
        Keyring(paths),
        Format(paths),
        Head(paths),
        Guard(paths),
    ];

    /// <summary>The legal holds in force, of a ledger that no process holds: what must not be disposed of.
    /// Neither a fault nor mended here.</summary>
    public static IReadOnlyList<SourceCheck> Holds(LedgerPaths paths)
    {
        try
        {
            LedgerReader reader = LedgerReader.Of(paths);
            long size = reader.ReadCheckpoint().Size;
            if (paths.Store is not null || size > LookedThroughMax)
                return [Hold($"not looked for in {size} entries{(paths.Store is null ? "" : " in a bucket")}: indelible status tells")];
            List<IndexedEntry> admin = [];
            foreach ((long index, ReadOnlyMemory<byte> bytes) in reader.ReadEntries(0, size))
            {
                if (EntryCodec.KindOf(bytes.Span) == EntryKind.Admin && EntryCodec.Decode(bytes, out Entry entry) == EntryFault.None)
                    admin.Add(new IndexedEntry(index, entry));
            }
            return [.. LegalHolds.InForce(Enumerable.Reverse(admin)).Values.OrderBy(held => held.Index)
                .Select(held => Hold(LegalHolds.Words(held)))];
        }
        catch (Exception e) when (e is LedgerCorruptException or IndelibleException or IOException)
        {
            return [];      // the check of the ledger says why
        }
    }

    /// <summary>A hold, told by whoever holds the ledger.</summary>
    public static SourceCheck Hold(string words) => new("legal hold", CheckStatus.Ok, words, "not disposed of", null);

    private static SourceCheck Free(string name, string directory)
    {
        string expected = $"at least {FreeWarn >> 20} MiB free";
        if (!Directory.Exists(directory))
        {
            return new SourceCheck(name, CheckStatus.Fail, $"no directory {directory}", expected,
                $"ls -ld '{directory}'   # mount it, or put it back from its backup: docs/operations.md, Restore");
        }
        long free = new DriveInfo(directory).AvailableFreeSpace;
        CheckStatus status = free < FreeFail ? CheckStatus.Fail : free < FreeWarn ? CheckStatus.Warn : CheckStatus.Ok;
        try
        {
            DurableFile.RequireWritable(directory);
        }
        catch (IOException e)
        {
            return new SourceCheck(name, CheckStatus.Fail, e.Message, expected,
                $"findmnt --target '{directory}'   # mounted read-only after an error, the disk is failing: dmesg; "
                    + "else see the owner and mode");
        }
        return new SourceCheck(name, status, $"{free >> 20} MiB free", expected,
            status == CheckStatus.Ok ? null : $"df -h '{directory}'   # then free some space");
    }

    private static SourceCheck Mode(string name, string directory)
    {
        if (!Directory.Exists(directory)) return new SourceCheck($"mode of the {name}", CheckStatus.Fail, "no directory", "700", null);
        UnixFileMode mode = new DirectoryInfo(directory).UnixFileMode;
        bool isPrivate = (mode & Others) == 0;
        return new SourceCheck($"mode of the {name}", isPrivate ? CheckStatus.Ok : CheckStatus.Fail, Convert.ToString((int)mode, 8), "700",
            isPrivate ? null : $"chmod 700 '{directory}'");
    }

    private static SourceCheck Keys(LedgerPaths paths)
    {
        try
        {
            using MasterKey master = MasterKey.Load(paths.Keyring);
            return new SourceCheck("master key", CheckStatus.Ok, "readable", "readable", null);
        }
        catch (IndelibleException e)
        {
            return new SourceCheck("master key", CheckStatus.Fail, e.Message, "readable by this user only",
                $"export {MasterKey.FileVariable}=/path/to/master.key");
        }
    }

    private static SourceCheck Keyring(LedgerPaths paths)
    {
        try
        {
            using MasterKey master = MasterKey.Load(paths.Keyring);
            return new SourceCheck("keyring", CheckStatus.Ok, $"of {Ledger.Keyring.Check(paths.Keyring, master)}",
                "whole, of this version, of this master key", null);
        }
        catch (IndelibleException e)
        {
            return new SourceCheck("keyring", CheckStatus.Fail, e.Message, "whole, of this version, of this master key",
                "indelible keys restore BACKUP   # once the broken keyring is moved away");
        }
    }

    private static SourceCheck Format(LedgerPaths paths)
    {
        try
        {
            LedgerWriter.RequireFormat(paths);
            return new SourceCheck("format of the ledger", CheckStatus.Ok, "known", "known", null);
        }
        catch (IndelibleException e)
        {
            return new SourceCheck("format of the ledger", CheckStatus.Fail, e.Message, "known",
                "indelible --version   # then install the program that wrote it, or a newer one");
        }
    }

    /// <summary>Without it an old copy of the ledger could not be told from the newest.</summary>
    private static SourceCheck Guard(LedgerPaths paths)
    {
        bool isThere = Path.Exists(new Guard(paths.Keyring).FilePath);
        return new SourceCheck("memory of the highest head", isThere ? CheckStatus.Ok : CheckStatus.Fail,
            isThere ? "there" : "none, as after a restore of the keyring", "there",
            isThere ? null : "indelible keys accept-head   # once you have compared the checkpoint with one kept elsewhere");
    }

    /// <summary>Of a ledger that a process holds, or that lives in a bucket, only the head here:
    /// that process tells what it finds.</summary>
    private static SourceCheck Head(LedgerPaths paths)
    {
        const string expected = "head, tiles, journal and memory that fit together";
        try
        {
            using MasterKey master = MasterKey.Load(paths.Keyring);
            long size = (paths.Store is null ? LedgerWriter.Look(paths, master) : null) ?? LedgerReader.Of(paths).ReadCheckpoint().Size;
            return new SourceCheck("ledger", CheckStatus.Ok, $"size {size}", expected, null);
        }
        catch (Exception e) when (e is LedgerCorruptException or IndelibleException or IOException)
        {
            return new SourceCheck(
                "ledger", CheckStatus.Fail, e.Message, expected, "indelible verify   # names what is damaged: put it back from a copy");
        }
    }
}
