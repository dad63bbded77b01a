using Indelible.Format;
using Npgsql;

namespace Indelible.Capture;

/// <summary>Protects tables of a source and undoes it, over the owner's connection.</summary>
public static class Protector
{
    private const int SlotAttempts = 20;
    private static readonly TimeSpan SlotPause = TimeSpan.FromMilliseconds(250);

    /// <summary>Checks everything and says what would be done; changes nothing.</summary>
    /// <exception cref="IndelibleException">Something cannot be protected, or the source cannot be reached;
    /// the message says what to do.</exception>
    public static Task<ProtectPlan> PlanAsync(SourceConnection owner, ProtectRequest request, CancellationToken cancellationToken) =>
        AskAsync(owner, catalog => new ProtectPlanner(catalog, request).PlanAsync(cancellationToken), cancellationToken);

    /// <summary>Carries a plan out. A table is protected whole or not at all.</summary>
    /// <param name="owner">Connection of the tables' owner or a superuser.</param>
    /// <param name="request">What to protect.</param>
    /// <param name="plan">What <see cref="PlanAsync"/> made of that request.</param>
    /// <param name="progress">Told the title of each step before it starts.</param>
    /// <param name="time">Clock for pauses between attempts.</param>
    /// <param name="cancellationToken">Stops between and inside steps; what was committed stays.</param>
    /// <exception cref="IndelibleException">A lock was not to be had, or something is no longer as it was planned for;
    /// planning again goes on.</exception>
    public static async Task<ProtectOutcome> CarryOutAsync(
        SourceConnection owner, ProtectRequest request, ProtectPlan plan, Action<string> progress, TimeProvider time,
        CancellationToken cancellationToken)
    {
        try
        {
            await using NpgsqlConnection connection = await owner.OpenAsync(cancellationToken);
            var runner = new StepRunner(connection, owner, request.Capture, request.LockTimeout, request.LockAttempts, progress, time);
            foreach (PlanStep step in plan.Steps)
            {
                progress(step.Title);
                await runner.RunAsync(step, cancellationToken);
            }
            List<SlotFacts> slots = await new SourceCatalog(connection)
                .QueryAsync("slot", [plan.Protection.Slot], SlotFacts.Read, cancellationToken);
            return new ProtectOutcome
            {
                Protection = plan.Protection,
                CaptureRole = request.CaptureRole,
                CaptureRoleCreated = plan.Steps.Any(s => s.Statements.Any(p => p.Sql.StartsWith("CREATE ROLE", StringComparison.Ordinal))),
                SlotStart = slots.FirstOrDefault()?.ConfirmedFlush is { } start ? Lsn.Parse(start) : Lsn.None,
                BaselineTables = plan.BaselineTables,
                StepCount = plan.Steps.Count - runner.Warnings.Count,
                Warnings = [.. plan.Warnings, .. runner.Warnings],
            };
        }
        catch (NpgsqlException e)
        {
            throw SourceFailure.From(e, owner);
        }
    }

    /// <summary>End of the source's log: nothing committed by now lies beyond it.</summary>
    public static Task<Lsn> LogEndAsync(SourceConnection owner, CancellationToken cancellationToken) =>
        AskAsync(owner, catalog => catalog.LogEndAsync(cancellationToken), cancellationToken);

    /// <summary>Waits a moment for the slot to be let go of, if it is still held.</summary>
    /// <exception cref="IndelibleException">Another process reads from it.</exception>
    public static Task SlotFreeAsync(
        SourceConnection owner, Protection protection, TimeProvider time, CancellationToken cancellationToken) =>
        AskAsync(owner, async catalog =>
        {
            for (int attempt = 1; ; attempt++)
            {
                SlotFacts? slot = (await catalog.QueryAsync("slot", [protection.Slot], SlotFacts.Read, cancellationToken)).FirstOrDefault();
                if (slot is not { Active: true }) return true;
                if (attempt == SlotAttempts) throw Slots.SlotCheck.InUse(protection.Slot, $"server process {slot.ActivePid}");
                await Task.Delay(SlotPause, time, cancellationToken);
            }
        }, cancellationToken);

    private static async Task<T> AskAsync<T>(SourceConnection owner, Func<SourceCatalog, Task<T>> ask, CancellationToken cancellationToken)
    {
        try
        {
            await using NpgsqlConnection connection = await owner.OpenForNamesAsync(cancellationToken);
            return await ask(new SourceCatalog(connection));
        }
        catch (NpgsqlException e)
        {
            throw SourceFailure.From(e, owner);
        }
    }

    /// <summary>What <see cref="UnprotectAsync"/> would do.</summary>
    /// <param name="owner">Connection of the tables' owner or a superuser.</param>
    /// <param name="protection">What is protected.</param>
    /// <param name="columns">What to stop protecting; null for everything.</param>
    /// <param name="cancellationToken">Stops.</param>
    public static Task<ProtectPlan> PlanUnprotectAsync(
        SourceConnection owner, Protection protection, IReadOnlyList<ColumnRequest>? columns, CancellationToken cancellationToken) =>
        AskAsync(owner, catalog => new UnprotectPlanner(catalog, protection, columns).PlanAsync(cancellationToken), cancellationToken);

    /// <summary>Undoes protection exactly: identities, grants, publication; and, when nothing is left, slot, schema and the role we made.
    /// Returns what remains protected.</summary>
    /// <exception cref="IndelibleException">The slot is in use, a lock was not to be had, or a privilege is missing.</exception>
    public static async Task<Protection> UnprotectAsync(
        SourceConnection owner, Protection protection, IReadOnlyList<ColumnRequest>? columns, Action<string> progress, TimeProvider time,
        CancellationToken cancellationToken)
    {
        ProtectPlan plan = await PlanUnprotectAsync(owner, protection, columns, cancellationToken);
        try
        {
            await using NpgsqlConnection connection = await owner.OpenAsync(cancellationToken);
            var runner = new StepRunner(connection, owner, capture: null, TimeSpan.FromSeconds(2), 10, progress, time);
            foreach (PlanStep step in plan.Steps)
            {
                progress(step.Title);
                await runner.RunAsync(step, cancellationToken);
            }
            return plan.Protection;
        }
        catch (NpgsqlException e)
        {
            throw SourceFailure.From(e, owner);
        }
    }
}
