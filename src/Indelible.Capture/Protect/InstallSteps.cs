using System.Security.Cryptography;
using System.Text;

namespace Indelible.Capture;

/// <summary>The steps that put schema <c>indelible</c> into a source.</summary>
internal static class InstallSteps
{
    /// <summary>Event triggers that report DDL.</summary>
    public const int EventTriggerCount = 3;

    /// <summary>Says which text of the SQL files is installed; kept as the schema's comment.</summary>
    public static string Version { get; } = MakeVersion();

    /// <summary>Schema, secret, functions.</summary>
    public static PlanStep Install(Protection protection, ProtectRequest request, bool roleCreated)
    {
        (byte[] inner, byte[] outer) = AttributionPads.Of(request.AttributionSecret.Span);
        string insert = $"""
            INSERT INTO indelible.source AS s (name, publication, slot, role, role_created, inner_pad, outer_pad)
            VALUES ({PgIdentifier.Literal(protection.Source)}, {PgIdentifier.Literal(protection.Publication)},
                {PgIdentifier.Literal(protection.Slot)}, {PgIdentifier.Literal(request.CaptureRole)},
                {(roleCreated ? "true" : "false")}, $1, $2)
            ON CONFLICT (single) DO UPDATE SET role = EXCLUDED.role, role_created = s.role_created OR EXCLUDED.role_created
            """;
        return new PlanStep("attribution", [
            .. SqlFile.Parts("install").Select(PlanStatement.Of),
            new PlanStatement(insert, $"-- $1 and $2: the attribution secret, padded\n{insert}", [inner, outer]),
            PlanStatement.Of($"COMMENT ON SCHEMA indelible IS {PgIdentifier.Literal(Version)}"),
        ]);
    }

    /// <summary>Reports of DDL and care of new partitions.</summary>
    public static PlanStep EventTriggers() => new(
        "event triggers (without them new partitions are not protected by themselves, and DDL is noticed only by comparing the catalog)",
        [.. SqlFile.Parts("events").Select(PlanStatement.Of)],
        PlanStepKind.Optional);

    /// <summary>Gives the schema to the superuser who is connected.
    /// What event triggers call, they call with a superuser's rights: a role that could replace it could become one.</summary>
    public static PlanStep TakeOver(SessionFacts session) => new(
        $"schema indelible, which goes from {session.SchemaOwner} to {session.Role}: "
            + "event triggers run its functions with a superuser's rights",
        [.. SqlFile.Parts("takeover").Select(PlanStatement.Of)]);

    private static string MakeVersion()
    {
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(SqlFile.Read("install") + SqlFile.Read("events")));
        return $"Indelible attribution {Convert.ToHexStringLower(hash.AsSpan(0, 6))}";
    }
}
