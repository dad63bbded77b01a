using Indelible.Capture;
using Indelible.Format;
using Indelible.Ledger;

namespace Indelible.Server;

/// <summary>Checks of this machine: room on the disks, permissions of secrets, keyring, and the ledger as its next start will find it.</summary>
public static class LocalDoctor
{
    private const long FreeWarn = 5L << 30;
    private const long FreeFail = 512L << 20;
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

    private static SourceCheck Free(string name, string directory)
    {
        long free = new DriveInfo(directory).AvailableFreeSpace;
        CheckStatus status = free < FreeFail ? CheckStatus.Fail : free < FreeWarn ? CheckStatus.Warn : CheckStatus.Ok;
        string expected = $"at least {FreeWarn >> 20} MiB free";
        try
        {
            DurableFile.RequireWritable(directory);
        }
        catch (IOException e)
        {
            return new SourceCheck(name, CheckStatus.Fail, e.Message, expected, $"findmnt --target '{directory}'   # mounted read-only after an error, the disk is failing: dmesg; else see the owner and mode");
        }
        return new SourceCheck(name, status, $"{free >> 20} MiB free", expected, status == CheckStatus.Ok ? null : $"df -h '{directory}'   # then free some space");
    }

    private static SourceCheck Mode(string name, string directory)
    {
        UnixFileMode mode = new DirectoryInfo(directory).UnixFileMode;
        bool isPrivate = (mode & Others) == 0;
        return new SourceCheck($"mode of the {name}", isPrivate ? CheckStatus.Ok : CheckStatus.Fail, Convert.ToString((int)mode, 8), "700", isPrivate ? null : $"chmod 700 '{directory}'");
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
            return new SourceCheck("master key", CheckStatus.Fail, e.Message, "readable by this user only", $"export {MasterKey.FileVariable}=/path/to/master.key");
        }
    }

    private static SourceCheck Keyring(LedgerPaths paths)
    {
        try
        {
            using MasterKey master = MasterKey.Load(paths.Keyring);
            return new SourceCheck("keyring", CheckStatus.Ok, $"of {Ledger.Keyring.Check(paths.Keyring, master)}", "whole, of this version, of this master key", null);
        }
        catch (IndelibleException e)
        {
            return new SourceCheck("keyring", CheckStatus.Fail, e.Message, "whole, of this version, of this master key", "indelible keys restore BACKUP   # once the broken keyring is moved away");
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
            return new SourceCheck("format of the ledger", CheckStatus.Fail, e.Message, "known", "indelible --version   # then install the program that wrote it, or a newer one");
        }
    }

    /// <summary>Without it an old copy of the ledger could not be told from the newest.</summary>
    private static SourceCheck Guard(LedgerPaths paths)
    {
        bool isThere = Path.Exists(new Guard(paths.Keyring).FilePath);
        return new SourceCheck("memory of the highest head", isThere ? CheckStatus.Ok : CheckStatus.Fail, isThere ? "there" : "none, as after a restore of the keyring", "there",
            isThere ? null : "indelible keys accept-head   # once you have compared the checkpoint with one kept elsewhere");
    }

    /// <summary>Of a ledger that a process holds, or that lives in a bucket, only the head here: that process tells what it finds.</summary>
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
            return new SourceCheck("ledger", CheckStatus.Fail, e.Message, expected, "indelible verify   # names what is damaged: put it back from a copy");
        }
    }
}
