using Indelible.Format;

namespace Indelible.Capture;

/// <summary>What makes a server or a session unfit for protection, and what to do about it.</summary>
internal static class SessionChecks
{
    /// <summary>Oldest server version: 14 brought the messages option of pgoutput.</summary>
    public const int VersionMin = 140000;

    /// <summary>Throws <see cref="IndelibleException"/> at the first fault.</summary>
    public static void Check(SessionFacts session)
    {
        Refuse(session.VersionNumber < VersionMin,
            $"expected PostgreSQL 14 or later, found {session.VersionNumber / 10000}; upgrade the server");
        Refuse(session.IsStandby, "expected a primary, found a standby (in recovery); connect to the primary");
        Refuse(session.WalLevel != "logical",
            $"expected wal_level = logical, found {session.WalLevel}; run as a superuser: ALTER SYSTEM SET wal_level = 'logical'; "
                + "then restart the server");
        Refuse(session.SenderMax == 0,
            "expected max_wal_senders above 0, found 0; run as a superuser: ALTER SYSTEM SET max_wal_senders = 10; "
                + "then restart the server");
        Refuse(session.Encoding == "SQL_ASCII",
            "expected a database with a known encoding, found SQL_ASCII; move the data to a UTF8 database");
        Refuse(session.OwnsSchema == false,
            $"expected schema indelible to be absent or owned by {session.Role}, found it owned by {session.SchemaOwner}; "
                + $"connect as {session.SchemaOwner}");
        Refuse(
            session.OwnsSchema is null && !session.MayCreateInDatabase,
            $"expected the right to create a schema and a publication in {session.Database}, found none; run as its owner: "
                + $"GRANT CREATE ON DATABASE {PgIdentifier.Quote(session.Database)} TO {PgIdentifier.Quote(session.Role)};");
    }

    /// <summary>Throws <see cref="IndelibleException"/> if one more slot does not fit.</summary>
    public static void CheckSlotRoom(SessionFacts session) => Refuse(
        session.SlotCount >= session.SlotMax,
        $"expected a free replication slot, found {session.SlotCount} of {session.SlotMax} in use; "
            + "drop one that is no longer needed (SELECT slot_name, active FROM pg_replication_slots;) "
            + "or raise max_replication_slots and restart");

    private static void Refuse(bool unfit, string message)
    {
        if (unfit) throw new IndelibleException(ExitCode.Environment, message);
    }
}
