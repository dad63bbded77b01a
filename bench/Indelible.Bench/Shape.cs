namespace Indelible.Bench;

/// <summary>A kind of work that leaves a backlog of row changes in the log.</summary>
/// <param name="Name">What it is, for a table's first column.</param>
/// <param name="Statements">Makes the backlog of one round, counted from 0.</param>
/// <param name="IsUsual">False if it is only measured when asked for.</param>
internal sealed record Shape(string Name, Func<int, string[]> Statements, bool IsUsual = true)
{
    /// <summary>A table of 22 columns.</summary>
    public const string Customers = """
        CREATE TABLE customers (
            id integer PRIMARY KEY, ssn text, phone text, balance numeric(12,2), c01 text, c02 text, c03 text, c04 text, c05 text, c06 text,
            c07 text, c08 text, c09 text, c10 integer, c11 integer, c12 integer, c13 timestamptz, c14 timestamptz, c15 boolean, c16 text,
            c17 text, c18 text)
        """;

    /// <summary>Two tables: one of 22 columns of which 3 are sealed, one of 5 columns of which 2 are kept in clear.</summary>
    public static readonly string[] Tables =
        [Customers, "CREATE TABLE readings (id integer PRIMARY KEY, patient integer, taken timestamptz, level numeric(8,2), note text)"];

    /// <summary>The table of 22 columns again, for 1 and 10 sealed columns and for 3 in clear.</summary>
    public static readonly string[] MoreTables =
        [.. ((string[])["customers1", "customers10", "clients"]).Select(name => $"CREATE TABLE {name} (LIKE customers INCLUDING ALL)")];

    /// <summary>Columns to protect, as `protect` takes them.</summary>
    public static readonly string[] ProtectedCustomers = ["customers.ssn", "customers.phone", "customers.balance"];

    /// <inheritdoc cref="ProtectedCustomers"/>
    public static readonly string[] ProtectedReadings = ["readings.level=plain", "readings.note=plain"];

    /// <inheritdoc cref="ProtectedCustomers"/>
    public static readonly string[] ProtectedMore =
        ["customers1.ssn", .. Ten.Select(column => $"customers10.{column}"), "clients.ssn=plain", "clients.phone=plain",
            "clients.balance=plain"];

    /// <summary>Rows of the tables of 22 columns: n is their key.</summary>
    public const string Customer = """
        n, '900-' || n, '+1 555 ' || n, n * 1.25, md5(n::text), md5((n + 1)::text), 'street ' || n, 'city', 'region', 'zip', 'a', 'b', 'c',
            n, n, n, now(), now(), true, 'x', 'y', 'z'
        """;

    /// <summary>Rows of the table of 5 columns: n is their key.</summary>
    public const string Reading = "n, n % 1000, now(), n % 300, 'note ' || n";

    private const string ThreeColumns = "ssn = ssn || 'x', phone = phone || '1', balance = balance + 1";

    /// <summary>What tells its table from the others': the name up to the work.</summary>
    public string Table => Name[..Name.IndexOf(':', StringComparison.Ordinal)];

    private static string[] Ten => ["ssn", "phone", "c01", "c02", "c03", "c04", "c05", "c06", "c07", "c08"];

    /// <summary>Shapes of <paramref name="rows"/> row changes a round, six of them usual;
    /// <paramref name="file"/> is a path the server may write.</summary>
    public static IReadOnlyList<Shape> All(int rows, string file) =>
    [
        new("22 columns, 3 sealed: one COPY, every row a new subject", round => Copy("customers", Customer, round * rows, rows, file)),
        new("22 columns, 3 sealed: one UPDATE of all three", _ => [Update("customers", ThreeColumns, rows)]),
        new("22 columns, 3 sealed: a transaction for each row",
            _ => [Transactions(rows, $"UPDATE customers SET {ThreeColumns} WHERE id = i")]),
        new("5 columns, 2 plain: one COPY", round => Copy("readings", Reading, round * rows, rows, file)),
        new("5 columns, 2 plain: one UPDATE of both",
            _ => [$"UPDATE readings SET level = level + 1, note = note || 'x' WHERE id <= {rows}"]),
        new("5 columns, 2 plain: a transaction for each row",
            _ => [Transactions(rows, "UPDATE readings SET level = level + 1, note = note || 'x' WHERE id = i")]),
        new("22 columns, 1 sealed: one COPY, every row a new subject", round => Copy("customers1", Customer, round * rows, rows, file),
            IsUsual: false),
        new("22 columns, 1 sealed: one UPDATE of it", _ => [Update("customers1", "ssn = ssn || 'x'", rows)], IsUsual: false),
        new("22 columns, 10 sealed: one COPY, every row a new subject", round => Copy("customers10", Customer, round * rows, rows, file),
            IsUsual: false),
        new("22 columns, 10 sealed: one UPDATE of all ten",
            _ => [Update("customers10", string.Join(", ", Ten.Select(column => $"{column} = {column} || 'x'")), rows)], IsUsual: false),
        new("22 columns, 3 plain: one COPY", round => Copy("clients", Customer, round * rows, rows, file), IsUsual: false),
        new("22 columns, 3 plain: one UPDATE of all three", _ => [Update("clients", ThreeColumns, rows)], IsUsual: false),
    ];

    /// <summary>A statement about row i in a transaction of its own, for each of so many rows.</summary>
    public static string Transactions(int count, string statement) =>
        $"DO $$ BEGIN FOR i IN 1..{count} LOOP {statement}; COMMIT; END LOOP; END $$";

    private static string[] Copy(string table, string columns, int after, int rows, string file) =>
        [$"COPY (SELECT {columns} FROM generate_series({after + 1}, {after + rows}) AS n) TO '{file}'", $"COPY {table} FROM '{file}'"];

    private static string Update(string table, string set, int rows) => $"UPDATE {table} SET {set} WHERE id <= {rows}";
}
