using Indelible.Format;
using Microsoft.Win32.SafeHandles;

namespace Indelible.Ledger;

/// <summary>Reading secrets that people put into files: keys, passwords.</summary>
public static partial class DurableFile
{
    private const UnixFileMode AnyOther = UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;
    private const UnixFileMode GroupChanges = UnixFileMode.GroupWrite | UnixFileMode.GroupExecute;

    /// <summary>As <see cref="TryReadAll"/>, of a file that nobody but this user may touch.
    /// Owned by root its group may read it too, which is how a secret gets into a container
    /// (PostgreSQL's rule for the key of a server).</summary>
    /// <exception cref="IndelibleException">Usage: others may read or write it; with the command that helps.</exception>
    public static byte[]? TryReadSecret(string path, int lengthMax)
    {
        using SafeFileHandle? file = TryOpenForRead(path);
        if (file is null) return null;
        (uint owner, UnixFileMode mode) = OwnerAndMode(file, path);
        if (!IsPrivate(owner, mode)) throw NotPrivate(path, owner, mode);
        return ReadAll(file, path, lengthMax);
    }

    internal static bool IsPrivate(uint owner, UnixFileMode mode) =>
        (mode & AnyOther) == 0 && (owner == 0 ? (mode & GroupChanges) == 0 : (mode & (GroupChanges | UnixFileMode.GroupRead)) == 0);

    private static IndelibleException NotPrivate(string path, uint owner, UnixFileMode mode)
    {
        string full = Path.GetFullPath(path);
        string fix = owner == NativeUser() ? $"chmod 600 '{full}'" : $"chown {NativeUser()} '{full}' && chmod 600 '{full}'";
        string mounted = owner == 0 ? "; where Kubernetes mounts it, give the secret defaultMode: 0640 and the pod an fsGroup" : "";
        return new IndelibleException(ExitCode.Usage,
            $"expected {full} to be readable by {(owner == 0 ? "root and its group" : "its owner")} only, found mode "
                + $"{Convert.ToString((int)mode, 8)}; run: {fix}{mounted}");
    }

    /// <summary>Of the open file, so that a link stands for what it leads to and nothing is exchanged meanwhile.</summary>
    private static unsafe (uint Owner, UnixFileMode Mode) OwnerAndMode(SafeFileHandle file, string path)
    {
        // struct statx, the same on every machine: statx(2)
        const int ownDescriptor = 0x1000, ownerOffset = 20, modeOffset = 28, length = 256;
        const uint modeAndOwner = 0x2 | 0x8;
        Span<byte> found = stackalloc byte[length];
        fixed (byte* start = found) Require(NativeStat(file, "", ownDescriptor, modeAndOwner, start), "look at", path);
        return (BitConverter.ToUInt32(found[ownerOffset..]), (UnixFileMode)(BitConverter.ToUInt16(found[modeOffset..]) & 0xFFF));
    }
}
