using System.Net.NetworkInformation;
using System.Security.Cryptography;

namespace Indelible.Server.Demo;

/// <summary>Loopback TCP ports for servers that are started with a number and bind it later.</summary>
/// <remarks>
/// A port that the system hands out may, before its server binds it, be handed to any connection that goes out. These are below
/// the range it hands out from (Linux: 32,768 and up), and by chance, so that programs that choose side by side choose differently.
/// </remarks>
public static class FreePort
{
    private const int First = 10_000, End = 32_000;

    /// <summary>The first of <paramref name="count"/> consecutive ports on which nothing listens now.</summary>
    /// <param name="count">From 1.</param>
    public static int Choose(int count = 1)
    {
        while (true)
        {
            int first = RandomNumberGenerator.GetInt32(First, End - count);
            HashSet<int> taken = [.. IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Select(listener => listener.Port)];
            if (Enumerable.Range(first, count).All(port => !taken.Contains(port))) return first;
        }
    }
}
