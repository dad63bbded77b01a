using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Indelible.Format;

namespace Indelible.Ledger;

/// <summary><c>keyring.json</c>: what a keyring is for, and its own secrets, wrapped.
/// Holds nothing that must be hidden from a reader, and no subject.</summary>
internal sealed record KeyringFile
{
    public const string FileName = "keyring.json";
    public const string FormatName = "indelible-keyring";
    public const int FormatVersion = 1;
    public const int LengthMax = 1 << 20;

    /// <summary>Always <see cref="FormatName"/>.</summary>
    public required string Format { get; init; }
    public required int Version { get; init; }
    /// <summary>The ledger's origin; every key is bound to it.</summary>
    public required string Origin { get; init; }
    /// <summary>Epoch of the master key, from 1.</summary>
    public required uint Epoch { get; init; }
    /// <summary>The ledger's verifier key, as text.</summary>
    public required string VerifierKey { get; init; }
    /// <summary>Derived from the master key: tells a wrong master key from a damaged keyring. 32 hex digits.</summary>
    public required string MasterKeyCheck { get; init; }
    /// <summary>The keyring's own secrets by name; sorted.</summary>
    public required SortedDictionary<string, WrappedSecret> Secrets { get; init; }
    /// <summary>SHA-256 of this document with this member empty: tells damage from a wrong master key.</summary>
    public string Sha256 { get; init; } = "";

    /// <summary>Reads and checks everything that needs no key.</summary>
    /// <exception cref="IndelibleException">Usage: no keyring there. Environment: damaged, or of another version.</exception>
    public static KeyringFile Parse(ReadOnlySpan<byte> json, string path)
    {
        KeyringFile? file;
        try
        {
            file = JsonSerializer.Deserialize(json, KeyringJson.Default.KeyringFile);
        }
        catch (JsonException inner)
        {
            RequireVersion(VersionOf(json), path);      // a newer one has members that this program does not know
            throw Damaged(path, $"it is not what Indelible writes (line {inner.LineNumber + 1})", inner);
        }
        if (file is null || file.Format != FormatName) throw Damaged(path, $"expected format '{FormatName}'");
        RequireVersion(file.Version, path);
        if (file.Sha256 != file.ComputeSha256()) throw Damaged(path, "its checksum does not match its content");
        return file;
    }

    private static void RequireVersion(int version, string path)
    {
        if (version == FormatVersion) return;
        throw new IndelibleException(ExitCode.Environment,
            $"expected keyring version {FormatVersion}, found {version} in {path}; use the program that wrote it, or a newer one");
    }

    /// <summary>The version that a document says it is of; this program's where it says none.</summary>
    private static int VersionOf(ReadOnlySpan<byte> json)
    {
        try
        {
            Utf8JsonReader reader = new(json);
            using JsonDocument document = JsonDocument.ParseValue(ref reader);
            return document.RootElement is { ValueKind: JsonValueKind.Object } root
                && root.TryGetProperty("version", out JsonElement version)
                && version.ValueKind == JsonValueKind.Number && version.TryGetInt32(out int number) ? number : FormatVersion;
        }
        catch (JsonException)
        {
            return FormatVersion; // it says nothing that can be read
        }
    }

    /// <summary>The document, with its checksum.</summary>
    public byte[] ToBytes() => Serialize(this with { Sha256 = ComputeSha256() });

    /// <summary>The check value of a master key for an origin and epoch.</summary>
    public static string CheckOf(MasterKey masterKey, string origin, uint epoch)
    {
        Span<byte> check = stackalloc byte[16];
        masterKey.Derive("check", origin, epoch, check);
        return Convert.ToHexStringLower(check);
    }

    /// <exception cref="IndelibleException">Usage: this is not the keyring's master key.</exception>
    public void CheckMasterKey(MasterKey masterKey, string path)
    {
        string expected = CheckOf(masterKey, Origin, Epoch);
        if (CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(expected), Encoding.ASCII.GetBytes(MasterKeyCheck))) return;
        throw new IndelibleException(ExitCode.Usage,
            $"the master key given is not the one of the keyring for '{Origin}' (epoch {Epoch}) in {path}; "
            + $"give the right one in {MasterKey.ValueVariable} or {MasterKey.FileVariable}. The keyring itself is undamaged");
    }

    public static IndelibleException Damaged(string path, string how, Exception? inner = null) =>
        new(ExitCode.Environment, $"the keyring file {path} is damaged: {how}; restore the keyring from its backup", inner);

    private string ComputeSha256() => Convert.ToHexStringLower(SHA256.HashData(Serialize(this with { Sha256 = "" })));

    private static byte[] Serialize(KeyringFile file) =>
        [.. JsonSerializer.SerializeToUtf8Bytes(file, KeyringJson.Default.KeyringFile), (byte)'\n'];
}

/// <summary>A 32-byte secret of the keyring.</summary>
/// <param name="Id">Random; its first 12 bytes are the nonce. 32 hex digits.</param>
/// <param name="Wrapped">Ciphertext and tag, hex.</param>
internal sealed record WrappedSecret(string Id, string Wrapped);

[JsonSerializable(typeof(KeyringFile))]
[JsonSourceGenerationOptions(
    WriteIndented = true,
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    NewLine = "\n")]
internal sealed partial class KeyringJson : JsonSerializerContext;
