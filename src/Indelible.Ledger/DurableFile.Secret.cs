using Indelible.Format;
using Microsoft.Win32.SafeHandles;

namespace Indelible.Ledger;

/// <summary>Reading secrets that people put into files: keys, passwords.</summary>
public static partial class DurableFile
{
    private const UnixFileMode AnyOther = UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;
    private const UnixFileMode GroupChanges = UnixFileMode.GroupWrite | UnixFileMode.GroupExecute;

    /// <summary>The user this process acts as: its effective user id.</summary>
    public static uint User => NativeUser();

    /// <summary>As <see cref="TryReadAll"/>, of a file that nobody but this user may touch.
    /// Owned by root its group may read it too, which is how a secret gets into a container
    /// (PostgreSQL's rule for the key of a server).</summary>
    /// <param name="path">The file.</param>
    /// <param name="lengthMax">In bytes.</param>
    /// <param name="mayBePipe">Whether it is read only once, so that a pipe will do: <c>/dev/stdin</c>, <c>&lt;(…)</c>.</param>
    /// <exception cref="IndelibleException">Usage: others may read or write it, with the command that helps; or it is a pipe.</exception>
    public static byte[]? TryReadSecret(string path, int lengthMax, bool mayBePipe = false)
    {
        using SafeFileHandle? file = TryOpenForRead(path, mayBePipe ? 0 : NoWaiting);
        if (file is null) return null;
        (uint owner, UnixFileMode mode, bool isRegular) = Look(file, path);
        if (!IsPrivate(owner, mode)) throw NotPrivate(path, owner, mode);
        if (!isRegular && !mayBePipe)
        {
            throw new IndelibleException(ExitCode.Usage,
                $"expected a file that can be read again, found a pipe or device: {path}; put the secret into a file of mode 0600");
        }
        return ReadToEnd(file, path, lengthMax);
    }

    internal static bool IsPrivate(uint owner, UnixFileMode mode) =>
        (mode & AnyOther) == 0 && (owner == 0 ? (mode & GroupChanges) == 0 : (mode & (GroupChanges | UnixFileMode.GroupRead)) == 0);

    private static IndelibleException NotPrivate(string path, uint owner, UnixFileMode mode)
    {
        string full = Path.GetFullPath(path);
        string fix = owner == NativeUser() ? $"chmod 600 '{full}'" : $"chown {NativeUser()} '{full}' && chmod 600 '{full}'";
        string mounted = owner == 0 ? "; where Kubernetes mounts it, give the secret defaultMode: 0640 and the pod an fsGroup" : "";
        return new IndelibleException(ExitCode.Usage,
            $"expected {full} to be readable by {(owner == 0 ? "root and its group" : "its owner")} only, "
                + $"found mode {Convert.ToString((int)mode, 8)}; run: {fix}{mounted}");
    }

    /// <summary>Of the open file, so that a link stands for what it leads to and nothing is exchanged meanwhile.</summary>
    private static unsafe (uint Owner, UnixFileMode Mode, bool IsRegular) Look(SafeFileHandle file, string path)
    {
        // struct statx, the same on every machine: statx(2)
        const int ownDescriptor = 0x1000, ownerOffset = 20, modeOffset = 28, length = 256;
        const uint typeModeAndOwner = 0x1 | 0x2 | 0x8;
        const int type = 0xF000, regular = 0x8000;
        Span<byte> found = stackalloc byte[length];
        fixed (byte* start = found) Require(NativeStat(file, "", ownDescriptor, typeModeAndOwner, start), "look at", path);
        int mode = BitConverter.ToUInt16(found[modeOffset..]);
        return (BitConverter.ToUInt32(found[ownerOffset..]), (UnixFileMode)(mode & ~type), (mode & type) == regular);
    }

    /// <summary>Also of a pipe, which has no length.</summary>
    private static byte[] ReadToEnd(SafeFileHandle file, string path, int lengthMax)
    {
        byte[] content = new byte[lengthMax + 1];
        int done = 0;
        while (done < content.Length && NativeReadSome(file, content.AsSpan(done), path) is > 0 and int read) done += read;
        return done <= lengthMax ? content[..done] : throw new IOException($"expected at most {lengthMax} bytes, found more: {path}");
    }
}
