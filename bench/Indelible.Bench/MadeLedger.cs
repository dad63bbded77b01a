using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Ledger;
using Microsoft.Extensions.Logging.Abstractions;

namespace Indelible.Bench;

/// <summary>A ledger of many changes of 3 sealed columns, made without a database by the writer that `run` uses.</summary>
internal static class MadeLedger
{
    /// <summary>Entries sealed at once.</summary>
    public const int BatchSize = 10_000;
    private const string Origin = "bench.indelible.example/made";

    /// <summary>Makes it where the command expects it; returns the verifier key.</summary>
    public static async Task<string> MakeAsync(
        Command command, int entries, Operation operation, Results results, CancellationToken cancellationToken)
    {
        string key =
            (string)JsonNode.Parse(await command.RunAsync(cancellationToken, "init", "--origin", Origin, "--json"))!["verifierKey"]!;
        LedgerPaths paths = LedgerPaths.For(command.Ledger);
        using MasterKey master = MasterKey.Load(paths.Keyring);
        using Keyring keyring = Keyring.Open(paths.Keyring, master);
        await using LedgerWriter writer = await LedgerWriter.OpenAsync(
            paths, keyring.LedgerKeys, TimeProvider.System, NullLogger.Instance, new LedgerOptions(), cancellationToken);
        var maker = new EntryWriter();
        long begin = Stopwatch.GetTimestamp();
        for (int done = 0; done < entries; done += BatchSize)
        {
            if (done > 0 && done + BatchSize >= entries) await KeepHeadAsync(writer, command, cancellationToken);
            await writer.SealAsync(Batch(maker, done, Math.Min(BatchSize, entries - done), operation), cancellationToken);
        }
        await writer.PublishAsync(cancellationToken);
        results.Add("entries sealed and published", $"{Results.Number(entries / Stopwatch.GetElapsedTime(begin).TotalSeconds)} entries/s",
            $"{entries} changes ({operation}) of 3 sealed columns, {BytesIn(paths.Ledger) / entries} bytes on disk each; "
                + "not part of what is measured");
        return key;
    }

    /// <summary>The head before the last batch, as an auditor would have kept it.</summary>
    public static string KeptHead(Command command) => command.Ledger + "-head-before";

    private static async Task KeepHeadAsync(LedgerWriter writer, Command command, CancellationToken cancellationToken)
    {
        await writer.PublishAsync(cancellationToken);
        File.Copy(Path.Combine(command.Ledger, "checkpoint"), KeptHead(command));
    }

    /// <summary>Bytes of all files below a directory.</summary>
    public static long BytesIn(string directory) =>
        Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories).Sum(path => new FileInfo(path).Length);

    private static EntryBatch Batch(EntryWriter maker, int first, int count, Operation operation)
    {
        var batch = new EntryBatch();
        for (int number = first; number < first + count; number++)
        {
            maker.Begin(Header(number, operation));
            foreach (string column in (string[])["ssn", "phone", "balance"])
            {
                maker.AddField(FieldScope.Column, column, ColumnPolicy.Sealed,
                    operation == Operation.Insert ? ClearValue.Missing(MissingReason.NoRow) : ClearValue.Null,
                    ClearValue.Of(System.Text.Encoding.UTF8.GetBytes($"{column} {number}")), new byte[32], new byte[32]);
            }
            batch.Add(maker.End().Span);
        }
        return batch;
    }

    private static EntryHeader Header(int number, Operation operation) => new()
    {
        Origin = Origin,
        Kind = EntryKind.Change,
        Nonce = BitConverter.GetBytes(number + 1L).Concat(BitConverter.GetBytes(number + 7L)).ToArray(),
        SealedAt = new MicroTime(1_700_000_000_000_000 + number),
        Source = "crm",
        Position = new Position(new Lsn((ulong)(number + 1) * 64), 0),
        TransactionId = (uint)number + 700,
        CommittedAt = new MicroTime(1_700_000_000_000_000 + number),
        Relation = new Relation(1, "public", "people"),
        Operation = operation,
        Key = new RowKey { Columns = [new KeyColumn("id", number.ToString(CultureInfo.InvariantCulture))] },
        SubjectBefore = operation == Operation.Insert ? null : new KeyId(1),
        SubjectAfter = new KeyId(2),
        Operator = new Operator { Grade = Grade.Session, SessionUser = "app" },
    };
}
