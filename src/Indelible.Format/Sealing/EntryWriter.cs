using System.Buffers;
using System.Security.Cryptography;
using Indelible.Format.Cbor;
using Indelible.Format.Entries;

namespace Indelible.Format.Sealing;

/// <summary>Makes entries out of clear values: encrypts, commits, encodes.
/// Reusable; one caller at a time; allocates for blobs only.</summary>
/// <remarks>Order: <see cref="Begin"/>, <see cref="AddField"/> for each field, <see cref="End()"/>.
/// After an <see cref="ArgumentException"/>, begin again.</remarks>
[System.Runtime.CompilerServices.SkipLocalsInit]
public sealed class EntryWriter
{
    /// <summary>A value of more bytes than this becomes a blob.</summary>
    public const int BlobThreshold = EntryLimits.ValueLengthMax;

    private const byte ArrayOfTwo = 0x82;
    private const int HeaderStart = 1;

    private readonly byte[] buffer = new byte[EntryLimits.EntryLengthMax];
    private readonly byte[] associated = new byte[EntryLimits.HeaderLengthMax + SideKey.PlaceLengthMax];
    private readonly byte[] plain = new byte[Padding.SizeFor(EntryLimits.ValueLengthMax)];
    private readonly byte[] headerHash = new byte[Sha2.Size];
    private readonly SideState before = new();
    private readonly SideState after = new();
    private readonly HashSet<(FieldScope, string)> names = [];
    private readonly List<SealedBlob> blobs = [];
    private EntryHeader? header;
    private FieldScope lastScope;
    private int headerLength;
    private int fieldsLength;

    /// <summary>Values of this entry that are too large for it; to be durable before the entry is sealed.
    /// Empty again after the next <see cref="Begin"/>.</summary>
    public IReadOnlyList<SealedBlob> Blobs => blobs;

    /// <summary>Bytes the entry would have if it ended now.</summary>
    public int Length => HeaderStart + headerLength + CountLength(names.Count) + fieldsLength;

    /// <summary>Most bytes that a field adds to an entry, the count of fields included.</summary>
    public static int FieldLengthMax(string name, ColumnPolicy policy, in ClearValue before, in ClearValue after) =>
        FieldLength.Max(name, policy, before, after);

    /// <summary>Starts an entry: encodes and hashes its header.
    /// Throws <see cref="ArgumentException"/> if the header breaks a rule of its kind or a limit.</summary>
    public void Begin(EntryHeader entryHeader)
    {
        Forget();
        blobs.Clear();
        names.Clear();
        lastScope = FieldScope.Column;
        fieldsLength = 0;
        buffer[0] = ArrayOfTwo;
        var writer = new CborWriter(buffer.AsSpan(HeaderStart));
        HeaderWriter.Write(ref writer, entryHeader);
        headerLength = writer.Length;
        writer.Written.CopyTo(associated);
        Sha2.Sha256(writer.Written, headerHash);
        header = entryHeader;
    }

    /// <summary>Adds a field: columns first, then texts; each name once.
    /// A text has no before: <see cref="MissingReason.NotApplicable"/>.</summary>
    /// <param name="scope">What the name names.</param>
    /// <param name="name">At most 255 bytes of UTF-8.</param>
    /// <param name="policy">How the values are kept. A plain value above <see cref="BlobThreshold"/> is encrypted all the same:
    /// only blobs hold large values.</param>
    /// <param name="beforeValue">The value before.</param>
    /// <param name="afterValue">The value after.</param>
    /// <param name="subjectKeyBefore">32 bytes; may be empty if nothing of this side is encrypted or digested.</param>
    /// <param name="subjectKeyAfter">The same for the other side.</param>
    public void AddField(
        FieldScope scope, string name, ColumnPolicy policy, in ClearValue beforeValue, in ClearValue afterValue,
        ReadOnlySpan<byte> subjectKeyBefore, ReadOnlySpan<byte> subjectKeyAfter)
    {
        EntryHeader current = header ?? throw new InvalidOperationException("expected Begin before AddField, found no entry begun");
        header = null;      // until the field is whole
        RequirePlace(current, scope, name, beforeValue);
        int start = HeaderStart + headerLength + CountLength(1) + fieldsLength;
        var writer = new CborWriter(buffer.AsSpan(start, Math.Max(0, buffer.Length - start - CountLength(names.Count) + 1)));
        int placeLength = SideKey.WritePlace(scope, name, associated.AsSpan(headerLength));
        Span<byte> keyHashes = stackalloc byte[2 * Sha2.Size];
        keyHashes.Clear();

        FieldWriter.Begin(ref writer, scope, name);
        bool isEncrypted =
            WriteSide(ref writer, policy, beforeValue, Side.Before, current, subjectKeyBefore, placeLength, keyHashes[..Sha2.Size]);
        isEncrypted |= WriteSide(ref writer, policy, afterValue, Side.After, current, subjectKeyAfter, placeLength, keyHashes[Sha2.Size..]);
        if (isEncrypted) Commitment.Compute(keyHashes[..Sha2.Size], keyHashes[Sha2.Size..], writer.BytesToFill(Sha2.Size));
        else writer.Null();
        fieldsLength += writer.Length;
        header = current;
    }

    /// <summary>Ends the entry.</summary>
    /// <returns>The entry as encoded, in the writer's own memory: valid until the next <see cref="Begin"/>.</returns>
    public ReadOnlyMemory<byte> End()
    {
        if (header is null) throw new InvalidOperationException("expected Begin before End, found no entry begun");
        int length = Length;
        int countStart = HeaderStart + headerLength;
        int countLength = CountLength(names.Count);
        // Room was left for the usual one byte; more than 23 fields need more.
        if (countLength > 1) buffer.AsSpan(countStart + 1, fieldsLength).CopyTo(buffer.AsSpan(countStart + countLength));
        var writer = new CborWriter(buffer.AsSpan(countStart, countLength));
        writer.Array(names.Count);
        Forget();
        return buffer.AsMemory(0, length);
    }

    /// <summary>Ends the entry and appends it to the caller's buffer.</summary>
    public void End(IBufferWriter<byte> destination) => destination.Write(End().Span);

    /// <returns>True if the value was encrypted.</returns>
    private bool WriteSide(
        ref CborWriter writer, ColumnPolicy policy, in ClearValue value, Side side, EntryHeader current,
        scoped ReadOnlySpan<byte> subjectKey, int placeLength, scoped Span<byte> keyHash)
    {
        bool isLarge = value.Bytes.Length > BlobThreshold;
        if (value.IsMissing)
        {
            FieldWriter.WriteMissing(ref writer, value.Reason);
            return false;
        }
        if (policy == ColumnPolicy.Plain && !isLarge)
        {
            if (value.IsNull) FieldWriter.WritePlainNull(ref writer);
            else FieldWriter.WriteBytes(ref writer, ValueKind.Plain, value.Bytes.Span);
            return false;
        }
        KeyId? subject = side == Side.Before ? current.SubjectBefore : current.SubjectAfter;
        if (subject is null) throw new ArgumentException($"expected a subject key for the {side} side, found none in the header");

        SideState state = side == Side.Before ? before : after;
        Span<byte> sideKey = stackalloc byte[SideKey.Size];
        associated[headerLength + placeLength - 1] = (byte)side;
        SideKey.Expand(state.Extract(subjectKey, current.Nonce.Span), headerHash, associated.AsSpan(headerLength, placeLength), sideKey);
        WriteProtected(ref writer, policy, value, isLarge, sideKey, associated.AsSpan(0, headerLength + placeLength));
        bool isEncrypted = policy != ColumnPolicy.Digest;
        if (isEncrypted) Sha2.Sha256(sideKey, keyHash);
        CryptographicOperations.ZeroMemory(sideKey);
        return isEncrypted;
    }

    private void WriteProtected(
        ref CborWriter writer, ColumnPolicy policy, in ClearValue value, bool isLarge, scoped ReadOnlySpan<byte> sideKey,
        scoped ReadOnlySpan<byte> associatedData)
    {
        if (policy == ColumnPolicy.Digest)
        {
            ValueDigest.Compute(sideKey, value, FieldWriter.WriteBytesToFill(ref writer, ValueKind.Digest, Sha2.Size));
        }
        else if (isLarge)
        {
            SealedBlob blob = BlobCipher.Seal(sideKey, associatedData, value);
            FieldWriter.WriteBlob(ref writer, blob.Sha256.Span, (ulong)blob.Ciphertext.Length);
            blobs.Add(blob);
        }
        else
        {
            Span<byte> whole = plain.AsSpan(0, (int)PaddedValue.Size(value));
            PaddedValue.Fill(value, 0, whole);
            Span<byte> ciphertext = FieldWriter.WriteBytesToFill(ref writer, ValueKind.Sealed, whole.Length + Aead.TagLength);
            Aead.Encrypt(sideKey, SealedValue.Nonce, associatedData, whole, ciphertext);
            CryptographicOperations.ZeroMemory(whole);
        }
    }

    private void RequirePlace(EntryHeader current, FieldScope scope, string name, in ClearValue beforeValue)
    {
        string rule = EntryRules.CheckPlace(current, scope);
        if (rule.Length > 0) throw new ArgumentException(rule);
        if (scope < lastScope) throw new ArgumentException("expected columns before texts, found a column after a text");
        if (scope == FieldScope.Text && !(beforeValue.IsMissing && beforeValue.Reason == MissingReason.NotApplicable))
            throw new ArgumentException("expected no before in a text, found one");
        if (names.Count == EntryLimits.FieldsMax)
            throw new ArgumentException($"expected at most {EntryLimits.FieldsMax} fields, found more");
        if (!names.Add((scope, name))) throw new ArgumentException($"expected each field once, found {scope} '{name}' again");
        lastScope = scope;
    }

    /// <summary>Keys live no longer than their entry.</summary>
    private void Forget()
    {
        header = null;
        before.Clear();
        after.Clear();
    }

    private static int CountLength(int count) => count switch { < 24 => 1, <= byte.MaxValue => 2, _ => 3 };
}
