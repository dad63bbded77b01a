using Indelible.Format;

namespace Indelible.Capture;

/// <summary>What makes the capture role able to capture, and no more.</summary>
internal sealed record RolePlan(IReadOnlyList<PlanStep> Steps, IReadOnlyList<string> Warnings)
{
    private const int RoleAttributesByCreatorSince = 160000;

    /// <summary>Plans the role; throws <see cref="IndelibleException"/> with the statement a superuser has to run if we may not.</summary>
    public static RolePlan Of(SessionFacts session, ProtectRequest request, RoleFacts? role, bool needsBypass)
    {
        string name = PgIdentifier.Quote(request.CaptureRole);
        bool bypass = needsBypass && role is not { IsSuperuser: true } and not { BypassesRowSecurity: true };
        var statements = new List<PlanStatement>();
        if (role is null) statements.Add(Create(request, name, bypass));
        else if (Alter(role, name, bypass) is { } alter) statements.Add(alter);
        if (statements.Count > 0) CheckMay(session, request, statements[0], role is null, bypass);
        if (role is { CanConnect: false } || role is null)
            statements.Add(PlanStatement.Of($"GRANT CONNECT ON DATABASE {PgIdentifier.Quote(session.Database)} TO {name}"));
        List<PlanStep> steps = statements.Count == 0 ? [] : [new PlanStep("capture role", statements)];
        if (role is null or { ReadsStatistics: false, IsSuperuser: false })
        {
            steps.Add(
                new PlanStep("login roles of sessions (without it the login role behind a change stays unknown)",
                    [PlanStatement.Of($"GRANT pg_read_all_stats TO {name}")], PlanStepKind.Optional));
        }
        return new RolePlan(steps, []);
    }

    private static PlanStatement Create(ProtectRequest request, string name, bool bypass)
    {
        string attributes = $"LOGIN REPLICATION{(bypass ? " BYPASSRLS" : "")}";
        string create = $"CREATE ROLE {name} {attributes}";
        return request.CapturePassword is null
            ? PlanStatement.Of(create)
            : new PlanStatement(
                $"{create} PASSWORD '{ScramVerifier.Of(request.CaptureRole, request.CapturePassword)}'", $"{create} PASSWORD '…'", []);
    }

    private static PlanStatement? Alter(RoleFacts role, string name, bool bypass)
    {
        string replication = role.CanReplicate || role.IsSuperuser ? "" : " REPLICATION";
        string attributes = $"{(role.CanLogin ? "" : " LOGIN")}{replication}{(bypass ? " BYPASSRLS" : "")}";
        return attributes.Length == 0 ? null : PlanStatement.Of($"ALTER ROLE {name}{attributes}");
    }

    private static void CheckMay(SessionFacts session, ProtectRequest request, PlanStatement statement, bool isNew, bool bypass)
    {
        bool byCreator = session.VersionNumber >= RoleAttributesByCreatorSince && session.MayCreateRoles && session.MayReplicate
            && (!bypass || session.MayBypassRowSecurity);
        if (session.IsSuperuser || byCreator) return;
        string found = isNew ? "no such role" : bypass ? "it may not bypass row-level security, which a protected table has" : "it may not";
        throw new IndelibleException(
            ExitCode.Environment,
            $"expected role {request.CaptureRole} to log in and replicate, found {found}, and {session.Role} may not change that; "
            + $"run as a superuser: {statement.Shown};"
            + (isNew ? " then run this again with --capture-password-file FILE, whose first line is that password" : ""));
    }
}
