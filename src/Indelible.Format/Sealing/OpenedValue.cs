namespace Indelible.Format.Sealing;

/// <summary>Why a sealed value did not open.</summary>
public enum OpenFault
{
    /// <summary>It opened.</summary>
    None,
    /// <summary>This side of the field is not sealed: it is missing, plain or a digest.</summary>
    NotSealed,
    /// <summary>The entry holds no such field.</summary>
    NoSuchField,
    /// <summary>The keys are not the ones the entry committed to.</summary>
    WrongCommitment,
    /// <summary>Not encrypted with this key for this place, or changed since.</summary>
    WrongTag,
    /// <summary>It decrypts to something no sealer writes.</summary>
    WrongPadding,
    /// <summary>The value is in a blob, and the blob was not given.</summary>
    BlobNotGiven,
    /// <summary>The blob given is not the one the entry names.</summary>
    WrongBlob,
}

/// <summary>What came of opening a sealed value.</summary>
/// <param name="Fault">Why not; None if it opened.</param>
/// <param name="Value">The value, in memory of its own; missing unless it opened.</param>
/// <param name="CommitmentChecked">False if the other side's key was needed for it and not given (its subject may be erased):
/// the tag alone vouches then.</param>
public readonly record struct OpenedValue(OpenFault Fault, ClearValue Value, bool CommitmentChecked);

/// <summary>A value too large for its entry: to be stored under its hash before the entry is sealed.</summary>
/// <param name="Sha256">SHA-256 of the ciphertext, 32 bytes; the blob's name.</param>
/// <param name="Ciphertext">The whole blob.</param>
public readonly record struct SealedBlob(ReadOnlyMemory<byte> Sha256, ReadOnlyMemory<byte> Ciphertext);
