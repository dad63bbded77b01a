using System.Security.Cryptography;
using System.Text;

namespace Indelible.Capture;

/// <summary>Makes what PostgreSQL stores for a password, so that the password itself never reaches the server's log.
/// RFC 5802 §3, RFC 7677.</summary>
internal static class ScramVerifier
{
    private const int Iterations = 4096;
    private const int SaltSize = 16;
    private const int KeySize = 32;

    /// <summary>The verifier of an ASCII password of high entropy; its salt is derived from it and the role.</summary>
    public static string Of(string role, string password)
    {
        byte[] secret = Encoding.UTF8.GetBytes(password);
        byte[] salt = HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes($"indelible scram salt {role}"))[..SaltSize];
        byte[] salted = Rfc2898DeriveBytes.Pbkdf2(secret, salt, Iterations, HashAlgorithmName.SHA256, KeySize);
        byte[] stored = SHA256.HashData(HMACSHA256.HashData(salted, "Client Key"u8));
        byte[] server = HMACSHA256.HashData(salted, "Server Key"u8);
        return $"SCRAM-SHA-256${Iterations}:{Convert.ToBase64String(salt)}"
            + $"${Convert.ToBase64String(stored)}:{Convert.ToBase64String(server)}";
    }
}
