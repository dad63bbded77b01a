using System.Security.Cryptography;
using System.Text.Json;
using Indelible.Format;
using Indelible.Ledger;
using Microsoft.Win32.SafeHandles;

namespace Indelible.Server.Comparing;

/// <summary>Where a comparison of a source keeps its work, inside the index directory: as disposable as the index.
/// One of a kind at a time for a source.</summary>
internal sealed class Workshop : IDisposable
{
    private const int LengthMax = 256 << 20;
    private const int NonceLength = 12, TagLength = 16;

    private readonly SafeFileHandle _held;
    private readonly string _directory;
    private readonly byte[] _key;

    /// <param name="view">The ledger.</param>
    /// <param name="source">Short name of the source.</param>
    /// <param name="kind">What compares: names the directory.</param>
    /// <exception cref="IndelibleException">Environment: another comparison of that kind is under way.</exception>
    public Workshop(LedgerView view, string source, string kind = "crosscheck")
    {
        _directory = Path.Combine(view.Paths.Index, kind, source);
        DurableFile.MakeSecretDirectory(_directory);
        _held = DurableFile.TryLockDirectory(_directory)
            ?? throw new IndelibleException(
                ExitCode.Environment, $"source {source}: another {kind} of it is under way; wait for it to end");
        _key = view.Keyring.ScratchKey(source);
    }

    /// <summary>Path of the live rows.</summary>
    public string Rows => Path.Combine(_directory, "rows");

    private string State => Path.Combine(_directory, "state");

    /// <summary>What was kept; null if there is nothing, or it cannot be read with this keyring.</summary>
    public SavedWork? Load()
    {
        byte[]? kept = DurableFile.TryReadAll(State, LengthMax);
        if (kept is null || kept.Length < NonceLength + TagLength) return null;
        byte[] text = new byte[kept.Length - NonceLength - TagLength];
        try
        {
            using AesGcm cipher = new(_key, TagLength);
            cipher.Decrypt(
                kept.AsSpan(0, NonceLength), kept.AsSpan(NonceLength, text.Length), kept.AsSpan(NonceLength + text.Length), text);
            return JsonSerializer.Deserialize<SavedWork>(text);
        }
        catch (Exception e) when (e is CryptographicException or JsonException)
        {
            return null;    // another keyring's, another version's, or damaged: the work is done again
        }
    }

    /// <summary>Keeps what was done.</summary>
    public void Save(SavedWork work)
    {
        byte[] text = JsonSerializer.SerializeToUtf8Bytes(work), kept = new byte[NonceLength + text.Length + TagLength];
        RandomNumberGenerator.Fill(kept.AsSpan(0, NonceLength));
        using AesGcm cipher = new(_key, TagLength);
        cipher.Encrypt(kept.AsSpan(0, NonceLength), text, kept.AsSpan(NonceLength, text.Length), kept.AsSpan(NonceLength + text.Length));
        DurableFile.ReplaceSecret(State, kept);
    }

    /// <summary>Throws away what was kept.</summary>
    public void Clear()
    {
        DurableFile.Delete(State);
        DurableFile.Delete(Rows);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_key);
        _held.Dispose();
    }
}
