using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Ledger;

namespace Indelible.Cli;

/// <summary>Entries by index, with messages for people.</summary>
internal static class Entries
{
    /// <summary>The entry; a usage error if there is none, a contradiction if its bytes are no entry.</summary>
    public static Entry Read(LedgerReader reader, long index)
    {
        long size = reader.ReadCheckpoint().Size;
        if (index < 0 || index >= size)
        {
            string expected = size == 0 ? "none: the ledger is empty" : $"0 to {size - 1}";
            throw new IndelibleException(ExitCode.Usage, $"INDEX: expected {expected}, found {index}");
        }
        EntryFault fault = EntryCodec.Decode(reader.ReadEntry(index), out Entry entry);
        return fault == EntryFault.None ? entry : throw LedgerReader.Unreadable(index, fault, reader.LedgerDirectory);
    }
}
