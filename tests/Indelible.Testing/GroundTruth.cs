using System.Globalization;
using Indelible.Format.Entries;
using Npgsql;

namespace Indelible.Testing;

/// <summary>What was really committed: a table that triggers of the source fill in the same transactions;
/// and its comparison with a ledger, change by change.</summary>
public static class GroundTruth
{
    /// <summary>The watched table <c>people</c>, with the same text in <c>ssn</c> (protect it sealed) and <c>code</c> (protect it plain),
    /// and the table of truth.</summary>
    public const string Schema = """
        CREATE TABLE people (id bigint PRIMARY KEY, ssn text, code text, note text);
        CREATE TABLE truth (ordinal bigserial PRIMARY KEY, tx bigint, what text, id bigint, previous bigint, before text, after text);
        CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE tx bigint := pg_current_xact_id()::text::bigint;
        BEGIN
            IF TG_OP = 'INSERT' THEN
                INSERT INTO truth VALUES (DEFAULT, tx, 'Insert', NEW.id, NULL, NULL, coalesce(NEW.code, 'null'));
            ELSIF TG_OP = 'DELETE' THEN
                INSERT INTO truth VALUES (DEFAULT, tx, 'Delete', OLD.id, NULL, coalesce(OLD.code, 'null'), NULL);
            ELSIF NEW.id <> OLD.id OR NEW.code IS DISTINCT FROM OLD.code THEN
                INSERT INTO truth VALUES (DEFAULT, tx, 'Update', NEW.id, nullif(OLD.id, NEW.id),
                    CASE WHEN NEW.code IS DISTINCT FROM OLD.code THEN coalesce(OLD.code, 'null') END,
                    CASE WHEN NEW.code IS DISTINCT FROM OLD.code THEN coalesce(NEW.code, 'null') END);
            END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON people FOR EACH ROW EXECUTE FUNCTION tell();
        """;

    private sealed record Change(uint Transaction, string What, string Key, string? PreviousKey, string? Before, string? After);

    /// <summary>Throws <see cref="LedgerCheckException"/> unless the ledger holds what was committed:
    /// no change missing, doubled, altered or out of order.</summary>
    /// <param name="server">Holds the truth.</param>
    /// <param name="database">Connection string of the source.</param>
    /// <param name="entries">All entries of the ledger.</param>
    /// <param name="isWhole">False if capture was cut short: then what is sealed must be a beginning of the truth, row by row.</param>
    /// <returns>Changes compared.</returns>
    public static async Task<int> CompareAsync(PostgresServer server, string database, IReadOnlyList<byte[]> entries, bool isWhole)
    {
        List<Change> found = [.. entries.Select(Decode).Where(entry => entry.Header.Kind == EntryKind.Change).Select(Of)];
        List<Change> truth = await ReadAsync(server, database);
        CompareTransactions(truth, found, isWhole);
        CompareRows(truth, found);
        if (isWhole && found.Count != truth.Count)
            throw new LedgerCheckException($"{truth.Count} changes were committed, {found.Count} are sealed");
        return found.Count;
    }

    /// <summary>Each transaction stands in one piece and says what it did, in its order; only the last may be unfinished.</summary>
    private static void CompareTransactions(List<Change> truth, List<Change> found, bool isWhole)
    {
        ILookup<uint, Change> committed = truth.ToLookup(change => change.Transaction);
        HashSet<uint> seen = [];
        for (int begin = 0; begin < found.Count;)
        {
            uint transaction = found[begin].Transaction;
            if (!seen.Add(transaction))
                throw new LedgerCheckException($"transaction {transaction} is sealed twice, or in two pieces: again at change {begin}");
            int end = begin;
            while (end < found.Count && found[end].Transaction == transaction) end++;
            Change[] whole = [.. committed[transaction]];
            bool mayBeCut = !isWhole && end == found.Count;
            if (mayBeCut ? end - begin > whole.Length : end - begin != whole.Length)
                throw new LedgerCheckException($"transaction {transaction} committed {whole.Length} changes, {end - begin} are sealed");
            for (int i = begin; i < end; i++) RequireSame(whole[i - begin], found[i]);
            begin = end;
        }
    }

    /// <summary>A row's changes are sealed in the order in which the row was locked, from its first on, with none left out.</summary>
    private static void CompareRows(List<Change> truth, List<Change> found)
    {
        ILookup<string, Change> committed = truth.ToLookup(change => change.Key);
        foreach (IGrouping<string, Change> row in found.GroupBy(change => change.Key))
        {
            foreach ((Change first, Change second) in committed[row.Key].Zip(row)) RequireSame(first, second);
        }
    }

    private static void RequireSame(Change committed, Change found)
    {
        if (committed != found) throw new LedgerCheckException($"committed was {committed}, sealed is {found}");
    }

    private static async Task<List<Change>> ReadAsync(PostgresServer server, string database)
    {
        await using NpgsqlConnection connection = await server.ConnectAsync(database);
        await using NpgsqlCommand command =
            new("SELECT tx & 4294967295, what, id::text, previous::text, before, after FROM truth ORDER BY ordinal", connection);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
        List<Change> changes = [];
        while (await reader.ReadAsync())
        {
            changes.Add(
                new Change(
                    (uint)reader.GetInt64(0), reader.GetString(1), reader.GetString(2), Text(reader, 3), Text(reader, 4), Text(reader, 5)));
        }
        return changes;
    }

    private static string? Text(NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);

    private static Entry Decode(byte[] bytes, int index) => EntryCodec.Decode(bytes, out Entry entry) == EntryFault.None ? entry
        : throw new LedgerCheckException(string.Create(CultureInfo.InvariantCulture, $"entry {index} does not decode"));

    private static Change Of(Entry entry)
    {
        Field? code = entry.Fields.FirstOrDefault(field => field.Name == "code");
        return new Change(
            entry.Header.TransactionId!.Value, entry.Header.Operation!.Value.ToString(), entry.Header.Key!.Columns![0].Value,
            entry.Header.PreviousKey?.Columns![0].Value, Text(code?.Before), Text(code?.After));
    }

    private static string? Text(FieldValue? value) => value switch
    {
        null or { Kind: ValueKind.Missing } => null,
        { IsNull: true } => "null",
        _ => System.Text.Encoding.UTF8.GetString(value.Value.Bytes.Span),
    };
}
