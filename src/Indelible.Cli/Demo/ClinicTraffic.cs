using Indelible.Server.Demo;
using Npgsql;

namespace Indelible.Cli.Demo;

/// <summary>What happens in the clinic: several people, several paths to the same tables. Every figure in it is made up.</summary>
/// <remarks>Each round does the same things with other rows, so that a demo of any length is reproducible. Owned by one loop.</remarks>
internal sealed class ClinicTraffic(PrivatePostgres server)
{
    /// <summary>The clinic's database.</summary>
    public const string Database = "clinic";

    private static readonly string[] Nurses = ["nurse.rodriguez@clinic.example", "nurse.chen@clinic.example", "dr.haddad@clinic.example"];

    private int round;

    /// <summary>The patient whose history the demo shows.</summary>
    public const int Protagonist = 17;

    /// <summary>One round of everyday traffic: about forty changes by four people.</summary>
    public async Task RoundAsync(CancellationToken cancellationToken)
    {
        round++;
        await ApplicationAsync(cancellationToken);
        await SupportInPsqlAsync(cancellationToken);
        await NightlyImportAsync(cancellationToken);
        await RightToLeaveAsync(cancellationToken);
    }

    /// <summary>A web application behind one database role names the person it acts for.</summary>
    private async Task ApplicationAsync(CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await ConnectAsync("clinic_app", "clinic-web", cancellationToken);
        foreach (string nurse in Nurses)
        {
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
            await ExecuteAsync(connection, "SELECT indelible.operator($1, $2)", cancellationToken, nurse, $"visit {1000 + round}");
            await ExecuteAsync(connection,
                "UPDATE patients SET phone = '+1 555 ' || lpad(($2 * 31 % 10000000)::text, 7, '0'), "
                    + "updated_at = now() WHERE patient_id = $1",
                cancellationToken, Protagonist + (nurse.Length % 3), round * 1_117);
            await ExecuteAsync(connection,
                "UPDATE prescriptions SET dose_mg = dose_mg + 2.5, note = 'adjusted after ' || $2 WHERE patient_id = $1",
                cancellationToken, Protagonist, $"visit {1000 + round}");
            await ExecuteAsync(connection,
                "INSERT INTO appointments (patient_id, at, room) VALUES ($1, now() + interval '7 days', 'B2')",
                cancellationToken, Protagonist);
            await transaction.CommitAsync(cancellationToken);
        }
        await using NpgsqlTransaction upsert = await connection.BeginTransactionAsync(cancellationToken);
        await ExecuteAsync(connection, "SELECT indelible.operator($1, 'registration')", cancellationToken, Nurses[round % Nurses.Length]);
        await ExecuteAsync(connection, """
            INSERT INTO patients (patient_id, name, ssn, phone, date_of_birth)
            VALUES ($1, 'Walk-in ' || $1, '900-00-' || lpad(($1 % 10000)::text, 4, '0'), NULL, '1990-02-03')
            ON CONFLICT (patient_id) DO UPDATE SET ssn = EXCLUDED.ssn
            """, cancellationToken, 1_000 + round);
        await upsert.CommitAsync(cancellationToken);
    }

    /// <summary>A support engineer in psql, without naming anybody: the database's own facts remain.</summary>
    private async Task SupportInPsqlAsync(CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await ConnectAsync("support_anna", "psql", cancellationToken);
        await ExecuteAsync(connection, "UPDATE patients SET ssn = '987-65-' || lpad(($2 % 10000)::text, 4, '0') WHERE patient_id = $1",
            cancellationToken, Protagonist, round * 4_321);
        await ExecuteAsync(
            connection, "UPDATE patients SET phone = NULL WHERE patient_id BETWEEN $1 AND $1 + 4", cancellationToken, 40 + (round % 20));
    }

    /// <summary>A bulk import by COPY: one transaction, one log position, many rows.</summary>
    private async Task NightlyImportAsync(CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await ConnectAsync("nightly_import", "lab-import", cancellationToken);
        await using TextWriter copy = await connection.BeginTextImportAsync(
            "COPY lab_results (sample, analyte, patient_id, value, unit) FROM STDIN", cancellationToken);
        for (int row = 0; row < 20; row++)
        {
            await copy.WriteAsync(
                $"R{round}-{row}\tCRP\t{1 + (((round * 20) + row) % 150)}\t{(row + round) * 0.1:F1}\tmg/l\n".AsMemory(), cancellationToken);
        }
    }

    /// <summary>Deleting a patient takes everything about them along, by cascade.</summary>
    private async Task RightToLeaveAsync(CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await ConnectAsync("clinic_app", "clinic-web", cancellationToken);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
        await ExecuteAsync(connection, "SELECT indelible.operator('records@clinic.example', 'patient moved away')", cancellationToken);
        await ExecuteAsync(connection, "DELETE FROM patients WHERE patient_id = $1", cancellationToken, 200 - (round % 40));
        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>A DBA switches ordinary triggers off for the session and changes a value: ENABLE ALWAYS fires all the same.</summary>
    public async Task DbaWithTriggersOffAsync(CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await ConnectAsync(null, "psql", cancellationToken);
        await ExecuteAsync(connection, "SET session_replication_role = replica", cancellationToken);
        await ExecuteAsync(connection, "UPDATE prescriptions SET dose_mg = 900 WHERE patient_id = $1", cancellationToken, Protagonist);
    }

    /// <summary>A DBA disables the attribution trigger altogether: the change is in the record still, with grade none,
    /// an alarm by itself.</summary>
    public async Task DbaWithoutAttributionAsync(CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await ConnectAsync(null, "psql", cancellationToken);
        await ExecuteAsync(connection, "ALTER TABLE patients DISABLE TRIGGER ALL", cancellationToken);
        await ExecuteAsync(connection, "UPDATE patients SET ssn = '000-00-0000' WHERE patient_id = $1", cancellationToken, Protagonist + 1);
        await ExecuteAsync(connection, "ALTER TABLE patients ENABLE TRIGGER ALL", cancellationToken);
    }

    /// <summary>A DBA takes the table out of the publication, changes a value, and puts it back:
    /// nothing of it is in the log that capture reads.</summary>
    public async Task BehindTheRecordsBackAsync(string publication, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await ConnectAsync(null, "psql", cancellationToken);
        await ExecuteAsync(connection, $"ALTER PUBLICATION \"{publication}\" DROP TABLE patients", cancellationToken);
        await ExecuteAsync(connection, "UPDATE patients SET ssn = '111-11-1111' WHERE patient_id = $1", cancellationToken, Protagonist + 2);
        await ExecuteAsync(connection, $"ALTER PUBLICATION \"{publication}\" ADD TABLE patients", cancellationToken);
    }

    /// <summary>Connects as a role whose password is its name, or as the superuser.</summary>
    private async Task<NpgsqlConnection> ConnectAsync(string? role, string application, CancellationToken cancellationToken)
    {
        var connection =
            new NpgsqlConnection(server.ConnectionString(Database, role, role) + $";Application Name={application};Pooling=false");
        await connection.OpenAsync(cancellationToken);
        return connection;
    }

    private static async Task ExecuteAsync(
        NpgsqlConnection connection, string sql, CancellationToken cancellationToken, params object[] values)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (object value in values) command.Parameters.Add(new NpgsqlParameter { Value = value });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
