using System.Globalization;
using Indelible.Format;

namespace Indelible.Bench;

/// <summary>Bytes on disk for each change, beside an audit table that row triggers fill with the old and the new row, and its indexes,
/// for the same changes.</summary>
internal sealed class SizeSuite(string root, Results results, int rows)
{
    private readonly string _directory = WorkDirectory.New();

    private readonly record struct Weight(double Ledger, double Index, double Keyring, double Audit, double AuditIndexes)
    {
        public static Weight operator -(Weight one, Weight other) =>
            new(one.Ledger - other.Ledger, one.Index - other.Index, one.Keyring - other.Keyring, one.Audit - other.Audit,
                one.AuditIndexes - other.AuditIndexes);
    }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var command = new Command(root, _directory);
        try
        {
            await using Source source = await Source.StartAsync(_directory, cancellationToken);
            await source.ExecuteAsync(cancellationToken, [.. Shape.Tables, Audit.AuditTable, Audit.FourIndexes,
                .. ((string[])["customers", "readings"])
                    .Select(table =>
                        $"CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION audit_row()")]);
            await command.RunAsync(cancellationToken, "init", "--origin", "bench.indelible.example/size");
            await command.RunAsync(cancellationToken,
                ["protect", "--source", source.ConnectionString, "--name", Source.Name, .. Shape.ProtectedCustomers,
                    .. Shape.ProtectedReadings]);
            Weight before = await WeighAsync(source, command, cancellationToken), begin = before;
            foreach ((string what, string statement) in Changes())
            {
                await source.ExecuteAsync(cancellationToken, statement);
                Weight after = await WeighAsync(source, command, cancellationToken);
                Report(what, after - before, rows);
                before = after;
            }
            Report("all of these together", before - begin, rows * Changes().Length);
        }
        finally
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    /// <summary>Each of one transaction a row, as applications do.</summary>
    private (string What, string Statement)[] Changes() =>
    [
        ("22 columns, 3 sealed: insert", EachRow($"INSERT INTO customers SELECT {Shape.Customer} FROM generate_series(i, i) n")),
        ("22 columns, 3 sealed: update of one of them", EachRow("UPDATE customers SET phone = phone || '1' WHERE id = i")),
        ("22 columns, 3 sealed: update of all three",
            EachRow("UPDATE customers SET ssn = ssn || 'x', phone = phone || '1', balance = balance + 1 WHERE id = i")),
        ("22 columns, 3 sealed: delete", EachRow("DELETE FROM customers WHERE id = i")),
        ("5 columns, 2 plain: insert", EachRow($"INSERT INTO readings SELECT {Shape.Reading} FROM generate_series(i, i) n")),
        ("5 columns, 2 plain: update of both", EachRow("UPDATE readings SET level = level + 1, note = note || 'x' WHERE id = i")),
        ("5 columns, 2 plain: delete", EachRow("DELETE FROM readings WHERE id = i")),
    ];

    private string EachRow(string statement) => Shape.Transactions(rows, statement);

    private void Report(string what, Weight weight, int count)
    {
        double own = weight.Ledger + weight.Index, audit = weight.Audit + weight.AuditIndexes;
        results.Add(what, $"{Results.Number(own / audit)} of the audit table", string.Create(CultureInfo.InvariantCulture,
            $"bytes a change: ledger {weight.Ledger / count:0} + index {weight.Index / count:0} = {own / count:0} (index "
                + $"{weight.Index / weight.Ledger:0.00} of the ledger), keyring {weight.Keyring / count:0}; audit table "
                + $"{weight.Audit / count:0} + indexes {weight.AuditIndexes / count:0} = {audit / count:0}; {count} changes"));
    }

    /// <summary>Once everything is sealed and indexed and `run` has stopped.</summary>
    private async Task<Weight> WeighAsync(Source source, Command command, CancellationToken cancellationToken)
    {
        Lsn end = await source.SettleAsync(cancellationToken);
        await using (Collector run = command.StartRun()) await run.IndexedAsync(end, cancellationToken);
        async Task<double> AuditAsync(string part) =>
            double.Parse(await source.AskAsync($"SELECT {part}('audit')::text", cancellationToken), CultureInfo.InvariantCulture);
        double indexes = await AuditAsync("pg_indexes_size");
        double Bytes(string part) => MadeLedger.BytesIn(Path.Combine(_directory, part));
        return new Weight(Bytes("ledger"), Bytes("index"), Bytes("keyring"), await AuditAsync("pg_total_relation_size") - indexes, indexes);
    }
}
