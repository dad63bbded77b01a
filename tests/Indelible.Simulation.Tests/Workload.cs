using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Indelible.Capture.Attribution;
using Indelible.Format;
using Indelible.Format.Entries;

namespace Indelible.Simulation.Tests;

/// <summary>What applications do to the simulated database: seeded transactions, each as wire messages and as the changes
/// its entries must say.</summary>
internal sealed class Workload(Random random, byte[] attributionSecret)
{
    private const int ToastMin = 2000;
    private const int ManyRows = 4200;                      // more than a batch holds
    private const int LongRows = 2500;                      // fewer: a batch that ends with the transaction, and so confirms it
    private const int LongReason = 8000;                    // said with either: more than one batch of entries holds
    private static readonly string[] Names = ["anna", "bo", "chen", "d'arc", "eva\\x"];

    private readonly bool _hasMany = random.Next(10) == 0;
    private readonly SimTable[] _tables = SimTable.All();
    private readonly List<(uint Oid, byte[] Bytes)> _messages = [];
    private uint _xid = 700;
    private int _made;
    private uint _ordinal;
    private Lsn _commit;
    private MicroTime _at;
    private ulong _claimedAt = 1;
    private (Grade Grade, string? Id, string? Reason) _who;
    private bool _isSaid;

    public SimTable[] Tables => _tables;
    /// <summary>True if the last transaction's entries are several batches.</summary>
    public bool IsLong { get; private set; }

    /// <summary>Every change that must be sealed, in commit order.</summary>
    public List<TruthChange> Truth { get; } = [];

    /// <summary>The next transaction to commit.</summary>
    public SimTransaction Next(Lsn commit, Lsn end, MicroTime at)
    {
        _messages.Clear();
        (_commit, _at, _ordinal, _who, _isSaid) = (commit, at, 0, (Grade.None, null, null), false);
        _xid += (uint)random.Next(1, 5);
        _messages.Add((0, WireBytes.Begin(commit, at, _xid)));
        if (random.Next(10) == 0) Origin();
        IsLong = false;
        bool isMany = _hasMany && random.Next(100) == 0;
        int changes = isMany ? 0 : random.Next(1, 8);
        bool isLarge = random.Next(60) == 0;
        if (isMany) Many(_tables[random.Next(2)]);
        for (int i = 0; i < changes; i++) Change(isLarge);
        _messages.Add((0, WireBytes.Commit(commit, end, at)));
        return new SimTransaction(commit, end, [.. _messages]);
    }

    private void Change(bool isLarge)
    {
        if (random.Next(3) == 0 || _ordinal == 0) Say();
        SimTable table = _tables[random.Next(_tables.Length)];
        int kind = random.Next(100);
        if (kind == 0) Truncate(table);
        else if (kind < 40 || table.Rows.Count == 0) Insert(table, isLarge);
        else if (kind < 80) Update(table, isLarge);
        else Delete(table);
    }

    private void Many(SimTable table)
    {
        Say(isLong: _made % 2 == 0);
        IsLong = _who.Reason?.Length == LongReason;
        int rows = IsLong && random.Next(3) > 0 ? LongRows : ManyRows;
        for (int i = 0; i < rows; i++) Insert(table, false);
    }

    private void Origin()
    {
        _messages.Add((0, WireBytes.Origin("elsewhere")));
        _who = (Grade.Session, null, null);
    }

    /// <summary>Who does what follows: a genuine message, a forged one, one made before the last, or a stranger's.</summary>
    private void Say(bool isLong = false)
    {
        string? id = random.Next(3) == 0 ? null : Names[random.Next(Names.Length)];
        string? reason = id is null || random.Next(2) == 0 ? null : $"case {_made}";
        if (isLong) (id, reason) = (Names[0], $"case {_made}".PadRight(LongReason, 'r'));
        ulong at = _claimedAt++;
        int kind = random.Next(10);
        if (kind == 0 && _isSaid) at = 0;      // a copy of an earlier one says nothing
        string who = id is null ? "NULL" : Literal($"{id}{AttributionMessage.OperatorSeparator}{reason}");
        byte[] body = Encoding.UTF8.GetBytes(
            $"{new Lsn(at)}{Literal(_xid.ToString(CultureInfo.InvariantCulture))},'app','none','web','127.0.0.1','77',{who}");
        byte[] mac = HMACSHA256.HashData(attributionSecret, body);
        if (kind == 1) mac[0] ^= 1;
        string prefix = kind == 2 ? "somebody" : AttributionMessage.Prefix;
        _messages.Add((0, WireBytes.Message(kind != 3, new Lsn(_commit.Bytes - 1), prefix, [.. mac, .. body])));
        if (kind is 1 or 2 or 3 || at == 0) return;
        (_who, _isSaid) = ((id is null ? Grade.Session : Grade.Asserted, id, reason), true);
    }

    private static string Literal(string text) =>
        (text.Contains('\\', StringComparison.Ordinal) ? "E" : "") + "'"
            + text.Replace("'", "''", StringComparison.Ordinal).Replace(@"\", @"\\", StringComparison.Ordinal) + "'";

    private void Insert(SimTable table, bool isLarge)
    {
        SimRow row = new(table.Leaves.Length == 0 ? table.Oid : table.Leaves[random.Next(table.Leaves.Length)],
            [.. table.Columns.Select((_, place) => Value(table, place, isLarge))]);
        table.Rows.Add(row);
        _messages.Add((row.Oid, WireBytes.Insert(row.Oid, row.Values)));
        Tell(table, row.Oid, Operation.Insert, row.Values, null,
            Protected(table)
                .Select(place =>
                    new TruthField(table.Columns[place].Name, Missing(MissingReason.NoRow), new TruthValue(row.Values[place]))));
    }

    private void Delete(SimTable table)
    {
        SimRow row = Take(table);
        string?[] old = table.IsFull ? row.Values : [.. row.Values.Select((value, place) => table.Key.Contains(place) ? value : null)];
        _messages.Add((row.Oid, WireBytes.Delete(row.Oid, table.IsFull ? 'O' : 'K', old)));
        Tell(table, row.Oid, Operation.Delete, row.Values, null, Protected(table).Select(place => new TruthField(
            table.Columns[place].Name, table.IsFull ? new TruthValue(row.Values[place]) : Missing(MissingReason.NotCaptured),
            Missing(MissingReason.NoRow))));
    }

    private void Update(SimTable table, bool isLarge)
    {
        SimRow row = Take(table);
        bool keyChanges = random.Next(8) == 0;
        string?[] now = [
            .. row.Values.Select((value, place) => (table.Key.Contains(place) ? keyChanges : random.Next(2) == 0)
                ? Value(table, place, isLarge) : value)];
        table.Rows.Add(row with { Values = now });
        // An unchanged TOAST value is not sent again; the old row is, whole, under FULL.
        bool[] isUnchanged = [.. now.Select((value, place) => value == row.Values[place] && value?.Length >= ToastMin)];
        string?[] sent = [.. now.Select((value, place) => isUnchanged[place] ? WireBytes.Unchanged : value)];
        string?[]? old = table.IsFull ? row.Values : keyChanges
            ? [.. row.Values.Select((value, place) => table.Key.Contains(place) ? value : null)]
            : null;
        _messages.Add((row.Oid, WireBytes.Update(row.Oid, table.IsFull ? 'O' : 'K', old, sent)));
        TruthField[] fields = [.. Protected(table).Where(place => !isUnchanged[place] && (!table.IsFull || now[place] != row.Values[place]))
            .Select(place => new TruthField(
            table.Columns[place].Name, table.IsFull ? new TruthValue(row.Values[place]) : Missing(MissingReason.NotCaptured),
            new TruthValue(now[place])))];
        if (fields.Length == 0 && !keyChanges) _ordinal++;
        else Tell(table, row.Oid, Operation.Update, now, keyChanges ? KeyOf(table, row.Values) : null, fields);
    }

    private void Truncate(SimTable table)
    {
        uint[] oids = table.Leaves.Length == 0 ? [table.Oid] : random.Next(2) == 0
            ? [table.Oid, .. table.Leaves]
            : [table.Leaves[random.Next(table.Leaves.Length)]];
        foreach (uint oid in oids) _messages.Add((oid, []));
        _messages.Add((0, WireBytes.Truncate(oids)));
        table.Rows.RemoveAll(row => oids.Contains(row.Oid));
        foreach (uint oid in oids)
        {
            if (table.Leaves.Length > 0 && oid == table.Oid) _ordinal++;
            else Tell(table, oid, Operation.Truncate, null, null, []);
        }
    }

    private void Tell(SimTable table, uint oid, Operation operation, string?[]? row, string[]? previousKey, IEnumerable<TruthField> fields)
    {
        Position position = new(_commit, _ordinal++);
        if (table.Id == 0) return;
        Truth.Add(new TruthChange
        {
            Position = position,
            TransactionId = _xid,
            CommittedAt = _at,
            Operation = operation,
            Table = table,
            Leaf = table.LeafName(oid),
            Grade = _who.Grade,
            OperatorId = _who.Id,
            Reason = _who.Reason,
            Key = row is null ? [] : KeyOf(table, row),
            PreviousKey = previousKey,
            Fields = [.. fields],
        });
    }

    private SimRow Take(SimTable table)
    {
        int at = random.Next(table.Rows.Count);
        SimRow row = table.Rows[at];
        table.Rows[at] = table.Rows[^1];
        table.Rows.RemoveAt(table.Rows.Count - 1);
        return row;
    }

    private string? Value(SimTable table, int place, bool isLarge)
    {
        string text = (_made++).ToString(CultureInfo.InvariantCulture);
        if (table.Key.Contains(place)) return table.Columns[place].Name == "region" ? random.Next(2) == 0 ? "eu" : "us, \"east\"" : text;
        if (table.Subject == place) return Names[random.Next(Names.Length)];
        return random.Next(20) switch
        {
            0 => null,
            1 => "",
            2 => text.PadRight(ToastMin + random.Next(3000), 'ä'),
            3 when isLarge => text.PadRight(70_000 + random.Next(1_200_000), 'x'),
            _ => text + new string('v', random.Next(60)),
        };
    }

    private static IEnumerable<int> Protected(SimTable table) =>
        Enumerable.Range(0, table.Columns.Count).Where(place => table.Columns[place].Policy is not null);

    private static string[] KeyOf(SimTable table, string?[] row) => [.. table.Key.Select(place => row[place]!)];

    private static TruthValue Missing(MissingReason reason) => new(null, reason);
}
