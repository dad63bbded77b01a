using System.Globalization;
using Indelible.Format;
using Npgsql;

namespace Indelible.Capture;

/// <summary>Carries out the steps of a plan over one connection. Used by one caller.</summary>
internal sealed class StepRunner(NpgsqlConnection connection, SourceConnection owner, SourceConnection? capture, TimeSpan lockTimeout,
    int lockAttempts, Action<string> progress, TimeProvider time)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private const int SlotTimeoutSeconds = 60;

    private readonly List<string> _warnings = [];

    /// <summary>Optional steps that were not to be had.</summary>
    public IReadOnlyList<string> Warnings => _warnings;

    /// <summary>Runs one step; all of it is committed when this returns, or none of it.</summary>
    public Task RunAsync(PlanStep step, CancellationToken cancellationToken) => step.Kind switch
    {
        PlanStepKind.Table => TableAsync(step, cancellationToken),
        PlanStepKind.Optional => OptionalAsync(step, cancellationToken),
        PlanStepKind.Slot => SlotAsync(step, cancellationToken),
        _ => TransactionAsync(step, isTimed: false, cancellationToken),
    };

    private async Task TableAsync(PlanStep step, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                await AtOnceAsync(step, cancellationToken);
                return;
            }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected)
            {
                if (attempt >= lockAttempts) throw Locked(step, attempt, e);
                progress($"{step.Title}: others hold its lock; attempt {attempt + 1} of {lockAttempts} follows");
            }
            await Task.Delay(Pause, time, cancellationToken);
        }
    }

    private IndelibleException Locked(PlanStep step, int attempts, PostgresException cause) => new(
        ExitCode.Environment,
        $"{step.Title}: expected its lock within {lockTimeout.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s, {attempts} times, "
        + "found it held by others; nothing of this table was changed. "
        + "End the long transactions (SELECT pid, xact_start, state FROM pg_stat_activity WHERE xact_start IS NOT NULL ORDER BY 2;) "
        + "and run this again",
        cause);

    private async Task OptionalAsync(PlanStep step, CancellationToken cancellationToken)
    {
        try
        {
            await TransactionAsync(step, isTimed: true, cancellationToken);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            _warnings.Add($"left out for want of privilege ({ServerWords.Of(e)}): {step.Title}; run this again as a superuser");
        }
    }

    /// <summary>All statements of a table on one way to the server and back: others wait for it while its lock is held.</summary>
    private async Task AtOnceAsync(PlanStep step, CancellationToken cancellationToken)
    {
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using NpgsqlBatch batch = new(connection, transaction) { Timeout = 0 };
        batch.BatchCommands.Add(new NpgsqlBatchCommand(SetTimeout));
        foreach (PlanStatement statement in step.Statements) batch.BatchCommands.Add(new NpgsqlBatchCommand(statement.Sql));
        await batch.ExecuteNonQueryAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    private string SetTimeout =>
        string.Create(CultureInfo.InvariantCulture, $"SET LOCAL lock_timeout = {(int)lockTimeout.TotalMilliseconds}");

    private async Task TransactionAsync(PlanStep step, bool isTimed, CancellationToken cancellationToken)
    {
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
        if (isTimed) await ExecuteAsync(connection, PlanStatement.Of(SetTimeout), cancellationToken);
        foreach (PlanStatement statement in step.Statements) await ExecuteAsync(connection, statement, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>A session of its own: a slot cannot be made in a transaction that has written.
    /// It waits for open writers of every database.</summary>
    private async Task SlotAsync(PlanStep step, CancellationToken cancellationToken)
    {
        bool mayReplicate =
            await ScalarAsync("SELECT rolsuper OR rolreplication FROM pg_roles WHERE rolname = current_user", cancellationToken);
        await using NpgsqlConnection session = await (mayReplicate || capture is null ? owner : capture).OpenAsync(cancellationToken);
        await ExecuteAsync(session, PlanStatement.Of($"SET statement_timeout = '{SlotTimeoutSeconds}s'"), cancellationToken);
        try
        {
            foreach (PlanStatement statement in step.Statements) await ExecuteAsync(session, statement, cancellationToken);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.QueryCanceled)
        {
            throw new IndelibleException(
                ExitCode.Environment,
                $"{step.Title}: not ready after {SlotTimeoutSeconds} s, "
                    + "because a transaction that was open when it began still is (in any database of the server); "
                + "end it (SELECT pid, datname, xact_start FROM pg_stat_activity WHERE backend_xid IS NOT NULL; "
                + "SELECT gid, database FROM pg_prepared_xacts;) and run this again",
                e);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ObjectInUse)
        {
            throw new IndelibleException(ExitCode.Environment, $"{step.Title}: {ServerWords.Of(e)}; stop `indelible run` first", e);
        }
    }

    private async Task<bool> ScalarAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    private static async Task ExecuteAsync(NpgsqlConnection session, PlanStatement statement, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(statement.Sql, session) { CommandTimeout = 0 };
        foreach (object? parameter in statement.Parameters) command.Parameters.Add(SourceCatalog.Parameter(parameter));
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
