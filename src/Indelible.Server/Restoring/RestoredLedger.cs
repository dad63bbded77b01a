using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Ledger;
using Indelible.Ledger.Following;

namespace Indelible.Server.Restoring;

/// <summary>What a restore came to.</summary>
public sealed record RestoredLedger
{
    /// <summary>The head up to which the copy, and so what was restored, is complete.</summary>
    public required SignedHead Complete { get; init; }
    /// <summary>The highest head that anybody who was asked has; null if nobody was asked.</summary>
    public required KnownHead? Highest { get; init; }
    /// <summary>How far each source is sealed.</summary>
    public required IReadOnlyList<SourceMark> Sources { get; init; }
    /// <summary>Which values can be read.</summary>
    public required ReadableValues Values { get; init; }
    /// <summary>The ledger's directory; null if it was not put there, because it may not go on.</summary>
    public required string? Ledger { get; init; }
    /// <summary>The successor that was opened; null if none was.</summary>
    public NewLedger? Successor { get; init; }

    /// <summary>True if somebody has a head that the copy does not reach.</summary>
    public bool IsBehind => Highest is { } highest && highest.Head.Size > Complete.Size;
}

/// <summary>Encrypted values of a ledger, and those that no key at hand opens.</summary>
/// <param name="HasKeyring">False if there is no keyring: then nothing can be read.</param>
/// <param name="Sealed">Values that are encrypted.</param>
/// <param name="Unreadable">Those of them whose key is not there.</param>
/// <param name="FirstEntry">First entry with one; -1 if there is none.</param>
/// <param name="LastEntry">Last entry with one; -1 if there is none.</param>
public sealed record ReadableValues(bool HasKeyring, long Sealed, long Unreadable, long FirstEntry, long LastEntry)
{
    /// <summary>Counts them: reads the whole ledger once.</summary>
    /// <param name="reader">The ledger.</param>
    /// <param name="size">Entries to read.</param>
    /// <param name="keyring">The keys; null if there are none.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static ReadableValues Count(LedgerReader reader, long size, Keyring? keyring, CancellationToken cancellationToken)
    {
        ReadableValues count = new(keyring is not null, 0, 0, -1, -1);
        foreach ((long index, ReadOnlyMemory<byte> bytes) in reader.ReadEntries(0, size))
        {
            cancellationToken.ThrowIfCancellationRequested();
            EntryFault fault = EntryCodec.Decode(bytes, out Entry entry);
            if (fault != EntryFault.None) throw LedgerReader.Unreadable(index, fault, reader.LedgerDirectory);
            if (entry.Fields.Count > 0) count = count.With(entry, index, keyring);
        }
        return count;
    }

    private ReadableValues With(Entry entry, long index, Keyring? keyring)
    {
        int before = entry.Fields.Count(field => IsEncrypted(field.Before)), after = entry.Fields.Count(field => IsEncrypted(field.After));
        int unreadable = (Opens(entry.Header.SubjectBefore, keyring) ? 0 : before)
            + (Opens(entry.Header.SubjectAfter, keyring) ? 0 : after);
        ReadableValues count = this with { Sealed = Sealed + before + after, Unreadable = Unreadable + unreadable };
        return unreadable == 0 ? count : count with { FirstEntry = FirstEntry < 0 ? index : FirstEntry, LastEntry = index };
    }

    private static bool IsEncrypted(FieldValue value) => value.Kind is ValueKind.Sealed or ValueKind.Blob or ValueKind.Digest;

    private static bool Opens(KeyId? subject, Keyring? keyring) => subject is { } id && keyring?.TryGetKey(id, out _) == true;
}
