using System.Security.Cryptography;
using Indelible.Format.Entries;

namespace Indelible.Format.Sealing;

/// <summary>Opens and discloses sealed values. The entry must come from <see cref="EntryCodec.Decode"/>:
/// keys are bound to its header's bytes. Safe to call concurrently.</summary>
public static class SealedValue
{
    /// <summary>Twelve zeros: each side key encrypts one value.</summary>
    internal static ReadOnlySpan<byte> Nonce => "\0\0\0\0\0\0\0\0\0\0\0\0"u8;

    /// <summary>Opens a value with the key of its subject; checks tag, padding and, where both keys are at hand, the commitment.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="field">One of its fields.</param>
    /// <param name="side">Which of its values.</param>
    /// <param name="subjectKey">The 32-byte key that the header names for this side.</param>
    /// <param name="otherSubjectKey">The key of the other side's subject; may be empty if it is the same subject,
    /// or is not at hand.</param>
    /// <param name="blob">The whole ciphertext, for a value in a blob.</param>
    public static OpenedValue Open(
        Entry entry, Field field, Side side, ReadOnlySpan<byte> subjectKey,
        ReadOnlySpan<byte> otherSubjectKey = default, ReadOnlyMemory<byte> blob = default)
    {
        if (!EntryRules.IsEncrypted(ValueOf(field, side).Kind)) return Failed(OpenFault.NotSealed);
        Span<byte> sideKey = stackalloc byte[SideKey.Size];
        Derive(entry, field, side, subjectKey, sideKey);
        Span<byte> otherHash = stackalloc byte[Sha2.Size];
        bool isKnown = TryOtherHash(entry, field, side, subjectKey, otherSubjectKey, otherHash);
        OpenedValue opened = isKnown && !IsCommitted(field, side, sideKey, otherHash)
            ? Failed(OpenFault.WrongCommitment)
            : Decrypt(entry, field, side, sideKey, blob, isKnown);
        CryptographicOperations.ZeroMemory(sideKey);
        return opened;
    }

    /// <summary>Opens a value with its own key, as disclosed; checks commitment, tag and padding.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="field">One of its fields.</param>
    /// <param name="side">Which of its values.</param>
    /// <param name="sideKey">32 bytes.</param>
    /// <param name="otherKeyHash">SHA-256 of the other side's key; zeros if that side is not encrypted.</param>
    /// <param name="blob">The whole ciphertext, for a value in a blob.</param>
    public static OpenedValue OpenDisclosed(
        Entry entry, Field field, Side side, ReadOnlySpan<byte> sideKey, ReadOnlySpan<byte> otherKeyHash,
        ReadOnlyMemory<byte> blob = default)
    {
        if (!EntryRules.IsEncrypted(ValueOf(field, side).Kind)) return Failed(OpenFault.NotSealed);
        if (!IsCommitted(field, side, sideKey, otherKeyHash)) return Failed(OpenFault.WrongCommitment);
        return Decrypt(entry, field, side, sideKey, blob, commitmentChecked: true);
    }

    /// <summary>Opens the value a disclosure names.</summary>
    public static OpenedValue OpenDisclosed(Entry entry, DisclosedSide disclosed, ReadOnlyMemory<byte> blob = default)
    {
        foreach (Field field in entry.Fields)
        {
            if (field.Scope != disclosed.Scope || field.Name != disclosed.Name) continue;
            return OpenDisclosed(entry, field, disclosed.Side, disclosed.Key.Span, disclosed.OtherHash.Span, blob);
        }
        return Failed(OpenFault.NoSuchField);
    }

    /// <summary>Makes what opens one side of a field and nothing else; null if a key is needed that was not given,
    /// or the keys are not the entry's.</summary>
    /// <inheritdoc cref="Open"/>
    public static DisclosedSide? Disclose(
        Entry entry, Field field, Side side, ReadOnlySpan<byte> subjectKey, ReadOnlySpan<byte> otherSubjectKey = default)
    {
        if (!EntryRules.IsEncrypted(ValueOf(field, side).Kind)) return null;
        byte[] sideKey = new byte[SideKey.Size];
        byte[] otherHash = new byte[Sha2.Size];
        Derive(entry, field, side, subjectKey, sideKey);
        if (!TryOtherHash(entry, field, side, subjectKey, otherSubjectKey, otherHash) || !IsCommitted(field, side, sideKey, otherHash))
            return null;
        return new DisclosedSide { Scope = field.Scope, Name = field.Name, Side = side, Key = sideKey, OtherHash = otherHash };
    }

    /// <summary>True if a value kept as a digest was <paramref name="candidate"/>.</summary>
    /// <inheritdoc cref="Open"/>
    public static bool DigestMatches(Entry entry, Field field, Side side, ReadOnlySpan<byte> subjectKey, in ClearValue candidate)
    {
        FieldValue value = ValueOf(field, side);
        if (value.Kind != ValueKind.Digest || candidate.IsMissing) return false;
        Span<byte> sideKey = stackalloc byte[SideKey.Size];
        Span<byte> digest = stackalloc byte[Sha2.Size];
        Derive(entry, field, side, subjectKey, sideKey);
        ValueDigest.Compute(sideKey, candidate, digest);
        CryptographicOperations.ZeroMemory(sideKey);
        return CryptographicOperations.FixedTimeEquals(digest, value.Bytes.Span);
    }

    private static OpenedValue Decrypt(
        Entry entry, Field field, Side side, ReadOnlySpan<byte> sideKey, ReadOnlyMemory<byte> blob, bool commitmentChecked)
    {
        FieldValue value = ValueOf(field, side);
        byte[] associated = Associated(entry, field, side);
        bool isBlob = value.Kind == ValueKind.Blob;
        if (isBlob && blob.IsEmpty) return Failed(OpenFault.BlobNotGiven);
        if (isBlob && !IsNamed(value, blob.Span)) return Failed(OpenFault.WrongBlob);
        byte[]? whole = isBlob
            ? BlobCipher.Open(sideKey, associated, blob.Span, BlobShape.PlainLength(value.BlobLength))
            : DecryptInEntry(sideKey, associated, value.Bytes.Span);
        if (whole is null) return Failed(OpenFault.WrongTag);
        return PaddedValue.TryRead(whole, isBlob, out ClearValue clear)
            ? new OpenedValue(OpenFault.None, clear, commitmentChecked)
            : Failed(OpenFault.WrongPadding);
    }

    private static byte[]? DecryptInEntry(ReadOnlySpan<byte> sideKey, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> ciphertext)
    {
        byte[] whole = new byte[ciphertext.Length - Aead.TagLength];
        return Aead.TryDecrypt(sideKey, Nonce, associated, ciphertext, whole) ? whole : null;
    }

    private static bool IsNamed(in FieldValue value, ReadOnlySpan<byte> blob) =>
        (ulong)blob.Length == value.BlobLength && SHA256.HashData(blob).AsSpan().SequenceEqual(value.Bytes.Span);

    private static bool IsCommitted(Field field, Side side, ReadOnlySpan<byte> sideKey, ReadOnlySpan<byte> otherHash)
    {
        Span<byte> thisHash = stackalloc byte[Sha2.Size];
        Span<byte> commitment = stackalloc byte[Sha2.Size];
        Sha2.Sha256(sideKey, thisHash);
        Commitment.Compute(side, thisHash, otherHash, commitment);
        return commitment.SequenceEqual(field.Commitment.Span);
    }

    /// <summary>SHA-256 of the other side's key, zeros if that side is not encrypted;
    /// false if its subject's key is needed and not at hand.</summary>
    private static bool TryOtherHash(
        Entry entry, Field field, Side side, ReadOnlySpan<byte> subjectKey, ReadOnlySpan<byte> otherSubjectKey, Span<byte> otherHash)
    {
        Side other = side == Side.Before ? Side.After : Side.Before;
        otherHash.Clear();
        if (!EntryRules.IsEncrypted(ValueOf(field, other).Kind)) return true;
        if (otherSubjectKey.IsEmpty && entry.Header.SubjectBefore == entry.Header.SubjectAfter) otherSubjectKey = subjectKey;
        if (otherSubjectKey.IsEmpty) return false;
        Span<byte> otherKey = stackalloc byte[SideKey.Size];
        Derive(entry, field, other, otherSubjectKey, otherKey);
        Sha2.Sha256(otherKey, otherHash);
        CryptographicOperations.ZeroMemory(otherKey);
        return true;
    }

    private static void Derive(Entry entry, Field field, Side side, ReadOnlySpan<byte> subjectKey, Span<byte> sideKey)
    {
        Span<byte> headerHash = stackalloc byte[Sha2.Size];
        Sha2.Sha256(HeaderBytes(entry), headerHash);
        SideKey.Derive(subjectKey, entry.Header.Nonce.Span, headerHash, field.Scope, field.Name, side, sideKey);
    }

    /// <summary>header ‖ place. docs/format.md#sealed.</summary>
    private static byte[] Associated(Entry entry, Field field, Side side)
    {
        ReadOnlySpan<byte> headerBytes = HeaderBytes(entry);
        Span<byte> place = stackalloc byte[SideKey.PlaceLengthMax];
        place = place[..SideKey.WritePlace(field.Scope, field.Name, place)];
        place[^1] = (byte)side;
        return [.. headerBytes, .. place];
    }

    private static ReadOnlySpan<byte> HeaderBytes(Entry entry) =>
        entry.HeaderBytes.IsEmpty
            ? throw new ArgumentException("expected an entry that was decoded, found one without the bytes of its header")
            : entry.HeaderBytes.Span;

    private static FieldValue ValueOf(Field field, Side side) => side == Side.Before ? field.Before : field.After;

    private static OpenedValue Failed(OpenFault fault) => new(fault, default, false);
}
