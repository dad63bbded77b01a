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
        string path = PathInside(journalDirectory);
        if (System.Text.Encoding.UTF8.GetByteCount(path) <= PathMax) return path;
        byte[] hash = System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(path));
        return Path.Combine(Path.GetTempPath(), $"indelible-{Convert.ToHexStringLower(hash.AsSpan(0, 10))}.sock");
    }

    /// <summary>True if whoever listens is to be told passwords: in the journal directory only its owner can listen,
    /// in the temporary one anybody could.</summary>
    /// <param name="connected">To whoever listens.</param>
    /// <param name="path">Where.</param>
    /// <param name="journalDirectory">Of the ledger.</param>
    /// <param name="user">This user.</param>
    internal static bool IsTrusted(Socket connected, string path, string journalDirectory, uint user)
    {
        if (path == PathInside(journalDirectory)) return true;
        const int socketLevel = 1, peerCredentials = 17, userOffset = 4;     // SOL_SOCKET, SO_PEERCRED, struct ucred: socket(7), unix(7)
        Span<byte> credentials = stackalloc byte[12];
        connected.GetRawSocketOption(socketLevel, peerCredentials, credentials);
        return BitConverter.ToUInt32(credentials[userOffset..]) == user;
    }

    private static string PathInside(string journalDirectory) => Path.Combine(Path.GetFullPath(journalDirectory), "control.sock");

    internal static Socket New() => new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
}
