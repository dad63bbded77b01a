using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Ledger;
using Indelible.Server;
using Microsoft.Extensions.Logging.Abstractions;

namespace Indelible.Cli.Demo;

/// <summary>What somebody who controls the ledger's host and its key can do: make another history, signed as the first was.</summary>
internal static class Rewriting
{
    /// <summary>Entries added at the end, so that the new history is longer than the one that others have seen.</summary>
    private const int Padding = 300;

    /// <summary>Puts in the ledger's place one without the changes that nobody signed for; returns how many were left out.</summary>
    public static async Task<long> LeaveOutAsync(LedgerPaths paths, TimeProvider time, CancellationToken cancellationToken)
    {
        LedgerPaths forged = LedgerPaths.For(paths.Ledger + ".forged/ledger");
        LedgerReader genuine = new(paths.Ledger);
        long size = genuine.ReadCheckpoint().Size, left = 0;
        DurableFile.Delete(new Guard(paths.Keyring).FilePath);     // it would remember
        using (MasterKey master = MasterKey.Load(paths.Keyring))
        using (Keyring keyring = Keyring.Open(paths.Keyring, master))
        {
            await LedgerWriter.CreateAsync(forged, keyring.LedgerKeys, cancellationToken);
            await using LedgerWriter writer =
                await LedgerWriter.OpenAsync(forged, keyring.LedgerKeys, time, NullLogger.Instance, new LedgerOptions(), cancellationToken);
            EntryBatch entries = new();
            foreach ((long index, ReadOnlyMemory<byte> bytes) in genuine.ReadEntries(0, size))
            {
                if (EntryCodec.Decode(bytes, out Entry entry) is var fault && fault != EntryFault.None)
                    throw new IndelibleException(ExitCode.Finding, $"entry {index}: {fault}");
                if (entry.Header is { Kind: EntryKind.Change, Operator.Grade: Grade.None }) left++;
                else entries.Add(bytes.Span);
            }
            EntryMaker maker = new(keyring, "", time);
            EntryBatch more = new();
            for (int i = 0; i < Padding; i++) maker.AddGuard(more, GuardCode.Rights);
            await writer.SealAsync(entries, cancellationToken);
            await writer.SealAsync(more, cancellationToken);
        }
        foreach ((string from, string to) in ((string, string)[])[(forged.Ledger, paths.Ledger), (forged.Journal, paths.Journal)])
        {
            Directory.Delete(to, recursive: true);
            Directory.Move(from, to);
        }
        Directory.Delete(Path.GetDirectoryName(forged.Ledger)!, recursive: true);
        if (Directory.Exists(paths.Index)) Directory.Delete(paths.Index, recursive: true);
        return left;
    }
}
