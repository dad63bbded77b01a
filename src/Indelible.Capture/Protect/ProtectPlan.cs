namespace Indelible.Capture;

/// <summary>What <c>protect</c> will do, statement by statement. Making one changes nothing in the database.</summary>
public sealed record ProtectPlan
{
    /// <summary>What is protected once the plan is carried out.</summary>
    public required Protection Protection { get; init; }
    /// <summary>In order; each is one transaction. Empty when everything is in place.</summary>
    public required IReadOnlyList<PlanStep> Steps { get; init; }
    /// <summary>Tables that need a baseline: new ones, and those with new columns. Ids of <see cref="ProtectedTable"/>.</summary>
    public required IReadOnlyList<uint> BaselineTables { get; init; }
    /// <summary>Things a person should know: what will not be covered, and how to change that.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>The exact SQL, without secrets: <c>protect --dry-run</c>.</summary>
    public string ToSql() => string.Join("\n", Steps.Select(step => step.ToSql()));
}

/// <summary>One transaction of a plan.</summary>
/// <param name="Title">What it does, for progress.</param>
/// <param name="Statements">In order.</param>
/// <param name="Kind">How it runs.</param>
public sealed record PlanStep(string Title, IReadOnlyList<PlanStatement> Statements, PlanStepKind Kind = PlanStepKind.Transaction)
{
    /// <summary>The exact SQL, without secrets.</summary>
    public string ToSql()
    {
        string body = string.Join("\n", Statements.Select(statement => statement.Shown.TrimEnd().TrimEnd(';') + ";"));
        return Kind == PlanStepKind.Slot ? $"-- {Title}\n{body}\n" : $"-- {Title}\nBEGIN;\n{body}\nCOMMIT;\n";
    }
}

/// <summary>How a step runs.</summary>
public enum PlanStepKind
{
    /// <summary>One transaction.</summary>
    Transaction,
    /// <summary>One transaction that waits for table locks only so long, and is tried again.
    /// Each of its statements is a single one, without parameters.</summary>
    Table,
    /// <summary>One transaction that may fail for want of privilege; that is then a warning.</summary>
    Optional,
    /// <summary>In a session of its own that has written nothing, by whoever may replicate.</summary>
    Slot,
}

/// <summary>One or several SQL statements of a step.</summary>
/// <param name="Sql">What is sent.</param>
/// <param name="Shown">What is shown: the same, without secrets.</param>
/// <param name="Parameters">Values for $1, $2 …; may be secret.</param>
public sealed record PlanStatement(string Sql, string Shown, IReadOnlyList<object?> Parameters)
{
    /// <summary>A statement without secrets or parameters.</summary>
    public static PlanStatement Of(string sql) => new(sql, sql, []);
}

/// <summary>What <c>protect</c> did.</summary>
public sealed record ProtectOutcome
{
    /// <summary>What is protected now; to be kept in the configuration.</summary>
    public required Protection Protection { get; init; }
    /// <summary>Role that captures.</summary>
    public required string CaptureRole { get; init; }
    /// <summary>True if the role was made now, with the password of the request.</summary>
    public required bool CaptureRoleCreated { get; init; }
    /// <summary>Where the slot's reading starts.</summary>
    public required Format.Lsn SlotStart { get; init; }
    /// <summary>Ids of the tables that need a baseline.</summary>
    public required IReadOnlyList<uint> BaselineTables { get; init; }
    /// <summary>Steps carried out; 0 when everything was in place, or not to be had (<see cref="Warnings"/>).</summary>
    public required int StepCount { get; init; }
    /// <summary>Things a person should know.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }
}
