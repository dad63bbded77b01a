using Indelible.Format.Entries;

namespace Indelible.Format.Sealing;

/// <summary>A value before it is sealed, or after it was opened: missing, NULL, or bytes. Refers to bytes it does not own.</summary>
public readonly struct ClearValue
{
    private readonly byte state;    // 0 missing, 1 NULL, 2 bytes: the default is "missing, no row"

    private ClearValue(byte state, MissingReason reason, ReadOnlyMemory<byte> bytes)
    {
        this.state = state;
        Reason = reason;
        Bytes = bytes;
    }

    /// <summary>NULL.</summary>
    public static ClearValue Null => new(1, default, default);

    /// <summary>True if the value is not there; see <see cref="Reason"/>.</summary>
    public bool IsMissing => state == 0;

    /// <summary>True for NULL.</summary>
    public bool IsNull => state == 1;

    /// <summary>Why it is not there; meaningful if <see cref="IsMissing"/>.</summary>
    public MissingReason Reason { get; }

    /// <summary>The source's text in the source's text format, UTF-8; empty if missing or NULL.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>A value that is not there.</summary>
    public static ClearValue Missing(MissingReason reason) => new(0, reason, default);

    /// <summary>A value; the bytes must stay as they are while this is used.</summary>
    public static ClearValue Of(ReadOnlyMemory<byte> bytes) => new(2, default, bytes);
}
