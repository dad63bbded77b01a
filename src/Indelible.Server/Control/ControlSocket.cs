using System.Net.Sockets;

namespace Indelible.Server.Control;

/// <summary>Where the control socket of a ledger is: <c>control.sock</c> in the journal directory, mode 0600.</summary>
public static class ControlSocket
{
    /// <summary>Longest path a Unix socket address takes, in bytes (sun_path, with its final zero).</summary>
    private const int PathMax = 107;

    /// <summary>The socket's path. Paths too long for an address go to the temporary directory, named by their hash.</summary>
    public static string PathFor(string journalDirectory)
    {
        string path = Path.Combine(Path.GetFullPath(journalDirectory), "control.sock");
        if (System.Text.Encoding.UTF8.GetByteCount(path) <= PathMax) return path;
        byte[] hash = System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(path));
        return Path.Combine(Path.GetTempPath(), $"indelible-{Convert.ToHexStringLower(hash.AsSpan(0, 10))}.sock");
    }

    internal static Socket New() => new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
}
