using System.Text.Json.Nodes;
using Indelible.Server.Demo;
using Npgsql;

namespace Indelible.Cli.Demo;

/// <summary>People who want a change not to have been theirs, or not to have been at all; and what the record says of each.</summary>
/// <param name="server">The clinic's server.</param>
/// <param name="self">The command.</param>
/// <param name="narrator">Tells what was done and what the record says.</param>
/// <param name="summary">Receives the same.</param>
/// <param name="traffic">The people at work; one of them attacks.</param>
/// <param name="caughtUp">Waits until everything committed by now is sealed.</param>
/// <param name="time">The clock.</param>
internal sealed class DemoAttacks(
    PrivatePostgres server, Self self, Narrator narrator, DemoSummary summary, ClinicTraffic traffic,
    Func<CancellationToken, Task> caughtUp, TimeProvider time)
{
    /// <summary>For what was hidden to be found.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(200);

    private const int Impersonated = ClinicTraffic.Protagonist + 4;
    private const int Hidden = ClinicTraffic.Protagonist + 5;
    private const string Doctor = "dr.haddad@clinic.example";
    private const string Support = "support_anna";

    /// <summary>All three, one after the other.</summary>
    public async Task RunAsync(string slot, CancellationToken cancellationToken)
    {
        await FakeOperatorAsync(cancellationToken);
        await MoveSlotAsync(slot, cancellationToken);
        await UnpublishAsync(slot, cancellationToken);
    }

    private async Task FakeOperatorAsync(CancellationToken cancellationToken)
    {
        narrator.Step(
            "Anna of support names a doctor as the operator, forges an attribution message besides, "
                + $"and changes the phone number of patient {Impersonated}");
        await using (NpgsqlConnection session = await ConnectAsync(Support, cancellationToken))
        {
            await ExecuteAsync(session, $"""
                BEGIN;
                SELECT set_config('indelible.operator', '{Doctor}', true);
                SELECT pg_logical_emit_message(true, 'indelible',
                    sha256('a guess') || convert_to('0/1["1","clinic_app","none","",null,"1","{Doctor}"]', 'UTF8'));
                UPDATE patients SET phone = '+1 555 0000000' WHERE patient_id = {Impersonated};
                COMMIT
                """, cancellationToken);
        }
        await caughtUp(cancellationToken);
        JsonArray found = await LogAsync(["--table", "patients", "--key", $"{Impersonated}", "--limit", "1"], cancellationToken);
        JsonNode? who = found[0]?["operator"];
        string? user = who?["sessionUser"]?.GetValue<string>();
        string? grade = who?["grade"]?.GetValue<string>();
        string? claim = who?["id"]?.GetValue<string>();
        Say("fakedOperatorSeen", "operator faked, message forged",
            $"changed by {user}, who claims to be {claim}; grade {grade}: a claim, and no more", user == Support && grade == "asserted");
    }

    private async Task MoveSlotAsync(string slot, CancellationToken cancellationToken)
    {
        narrator.Step(
            $"A DBA throws the log's reader out, changes the number of patient {Hidden}, and moves the slot past it: "
                + "that stretch of the log is never read");
        await using (NpgsqlConnection session = await ConnectAsync(null, cancellationToken))
        {
            await ExecuteAsync(session, $"""
                DO $$ BEGIN
                    WHILE (SELECT active FROM pg_replication_slots WHERE slot_name = '{slot}') LOOP
                        PERFORM pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '{slot}';
                        PERFORM pg_sleep(0.001);
                    END LOOP;
                END $$
                """, cancellationToken);
            await ExecuteAsync(session, $"UPDATE patients SET ssn = '222-22-2222' WHERE patient_id = {Hidden}", cancellationToken);
            await ExecuteAsync(session, $"SELECT pg_replication_slot_advance('{slot}', pg_current_wal_lsn())", cancellationToken);
        }
        await SayFoundAsync("movedSlotCaught", "slot moved", Hidden, cancellationToken);
    }

    private async Task UnpublishAsync(string publication, CancellationToken cancellationToken)
    {
        narrator.Step(
            "A DBA takes the table out of the publication, changes a number, puts the table back: "
                + "the log that capture reads has nothing of it");
        await traffic.BehindTheRecordsBackAsync(publication, cancellationToken);
        await SayFoundAsync(
            "unpublishedCaught", "table out of the publication for one update", ClinicTraffic.Protagonist + 2, cancellationToken);
    }

    /// <summary>A gap is sealed, tables are compared, and what was hidden is found: within seconds.</summary>
    private async Task SayFoundAsync(string name, string done, int patient, CancellationToken cancellationToken)
    {
        JsonNode? found = null;
        for (long begun = time.GetTimestamp(); found is null
            && time.GetElapsedTime(begun) < Patience; await Task.Delay(Glance, time, cancellationToken))
        {
            found = (await LogAsync(["--table", "patients", "--key", $"{patient}", "--limit", "5"], cancellationToken))
                .FirstOrDefault(entry => entry?["operation"]?.GetValue<string>() == "found");
        }
        JsonNode? gap = (await LogAsync(["--kind", "guard", "--limit", "20"], cancellationToken))
            .FirstOrDefault(entry => entry?["code"]?.GetValue<string>() == "gap");
        string between = gap is null ? "nothing" : $"gap from {gap["facts"]!["from"]} to {gap["facts"]!["to"]}";
        string changed = found is null
            ? "nothing found"
            : $"found that patient {patient} has another number than was sealed, by nobody known";
        Say(name, done, $"{between}; {changed}", gap is not null && found is not null);
    }

    private void Say(string name, string done, string record, bool isCaught)
    {
        narrator.Say($"the record says: {record}");
        summary.Add(name, done, record, isCaught);
    }

    private async Task<JsonArray> LogAsync(string[] query, CancellationToken cancellationToken) =>
        JsonNode.Parse((await self.RunAsync(["log", .. query, "--json"], cancellationToken)).Output)!["entries"]!.AsArray();

    private async Task<NpgsqlConnection> ConnectAsync(string? role, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection =
            new(server.ConnectionString(ClinicTraffic.Database, role, role) + ";Application Name=psql;Pooling=false");
        await connection.OpenAsync(cancellationToken);
        return connection;
    }

    private static async Task ExecuteAsync(NpgsqlConnection session, string sql, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = new(sql, session);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
