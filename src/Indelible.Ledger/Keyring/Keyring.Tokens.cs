using System.Security.Cryptography;
using Indelible.Format;
using Indelible.Format.Sealing;

namespace Indelible.Ledger;

/// <content>Tokens and attribution secrets.</content>
public sealed partial class Keyring
{
    /// <summary>Length of a row-key token, in bytes.</summary>
    public const int RowKeyTokenSize = 32;

    /// <summary>Length of a blind token, in bytes.</summary>
    public const int BlindTokenSize = 16;

    /// <summary>Names a row whose key may not stand in clear: HMAC-SHA256 of source, relation and key.
    /// <paramref name="token"/> receives 32 bytes.</summary>
    public void RowKeyToken(string source, uint relation, IReadOnlyList<string> key, Span<byte> token)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(token.Length, RowKeyTokenSize);
        HashInput input = new(stackalloc byte[256]);
        SubjectName.OfRow(source, relation, key).WriteTo(ref input);
        _rowKeyToken.Compute(input.Written, token);
    }

    /// <summary>Names the rows of one table.</summary>
    /// <param name="source">Short name of the source.</param>
    /// <param name="relation">Stable number of the relation.</param>
    /// <param name="keyColumns">Columns of its primary key.</param>
    public RowTokens RowTokens(string source, uint relation, int keyColumns) => new(_rowKeyToken, source, relation, keyColumns);

    /// <summary>The key of 32 bytes that work in progress, which may hold row keys, is encrypted under.
    /// The caller wipes its copy.</summary>
    /// <param name="source">Short name of the source it is about.</param>
    public byte[] ScratchKey(string source)
    {
        HashInput input = new(stackalloc byte[256]);
        input.UInt32(uint.MaxValue - 1);    // no text is this long: never the bytes of a blind token, nor of a fingerprint's key
        input.Text(source);
        byte[] key = new byte[SubjectKey.Size];
        _blindToken.Compute(input.Written, key);
        return key;
    }

    /// <summary>What the index looks a value up by: HMAC-SHA256 of source, relation, column and the value's text in UTF-8,
    /// cut to 16 bytes.</summary>
    public byte[] BlindToken(string source, uint relation, string column, ReadOnlySpan<byte> value)
    {
        byte[] token = new byte[BlindTokenSize];
        BlindToken(source, relation, column, value, token);
        return token;
    }

    /// <inheritdoc cref="BlindToken(string, uint, string, ReadOnlySpan{byte})"/>
    /// <param name="token">Receives 16 bytes.</param>
    public void BlindToken(string source, uint relation, string column, ReadOnlySpan<byte> value, Span<byte> token)
    {
        HashInput input = new(stackalloc byte[256]);
        input.Text(source);
        input.UInt32(relation);
        input.Text(column);
        input.Bytes(value);
        _blindToken.Compute(input.Written, token[..BlindTokenSize]);
    }

    /// <summary>The key that values of a column are fingerprinted under, 16 bytes. It never changes.</summary>
    /// <param name="source">Short name of the source.</param>
    /// <param name="relation">Stable number of the relation.</param>
    /// <param name="column">Number of the column in the relation: a renamed column keeps its key.</param>
    public byte[] FingerprintKey(string source, uint relation, short column)
    {
        HashInput input = new(stackalloc byte[256]);
        input.UInt32(uint.MaxValue);    // no text is this long: never the bytes of a blind token
        input.Text(source);
        input.UInt32(relation);
        input.UInt32((uint)(ushort)column);
        byte[] key = new byte[Fingerprint.KeySize];
        _blindToken.Compute(input.Written, key);
        return key;
    }

    /// <summary>The secret that a source's attribution messages are authenticated with, 32 bytes; null if none was set.
    /// The caller wipes its copy.</summary>
    public byte[]? AttributionSecret(string source)
    {
        string name = KeyringSecrets.Attribution(source);
        lock (_lock) return _file.Secrets.ContainsKey(name) ? Secret(name) : null;
    }

    /// <summary>The source's attribution secret; made, and durable when this returns, if it has none.</summary>
    public byte[] GetOrCreateAttributionSecret(string source)
    {
        lock (_lock)
        {
            if (AttributionSecret(source) is { } secret) return secret;
            byte[] made = RandomNumberGenerator.GetBytes(SubjectKey.Size);
            SetAttributionSecret(source, made);
            return made;
        }
    }

    /// <summary>Keeps a source's attribution secret of 32 bytes; durable when this returns.</summary>
    public void SetAttributionSecret(string source, ReadOnlySpan<byte> secret)
    {
        string name = KeyringSecrets.Attribution(source);
        lock (_lock)
        {
            SortedDictionary<string, WrappedSecret> secrets = new(_file.Secrets, StringComparer.Ordinal)
            {
                [name] = KeyringSecrets.Wrap(_wrap, name, secret),
            };
            Save(_file with { Secrets = secrets });
        }
    }
}
