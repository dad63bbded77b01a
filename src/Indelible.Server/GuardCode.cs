namespace Indelible.Server;

/// <summary>What a guard entry is about. Words of docs/format.md#codes: never renamed.</summary>
public static class GuardCode
{
    /// <summary>The source's log was not seen between two positions, or did not show all that happened to one table.</summary>
    public const string Gap = "gap";
    /// <summary>DDL on a protected table.</summary>
    public const string Ddl = "ddl";
    /// <summary>Protection began.</summary>
    public const string ProtectionStarted = "protection-started";
    /// <summary>Other columns are protected now.</summary>
    public const string ProtectionChanged = "protection-changed";
    /// <summary>Protection ended.</summary>
    public const string ProtectionStopped = "protection-stopped";
    /// <summary>A table's values are sealed as they stand, or were compared after a gap: from here on the record of it is whole.</summary>
    public const string BaselineComplete = "baseline-complete";
    /// <summary>Replica identity, publication or triggers are not as protected.</summary>
    public const string IdentityChanged = "identity-changed";
    /// <summary>Owners, row security and privileged roles as they stand; what changes of them later is told apart.</summary>
    public const string Rights = "rights";
    /// <summary>A value that the database could not deliver.</summary>
    public const string ValueTooLarge = "value-too-large";
    /// <summary>A change does not follow from what the ledger holds of its row.</summary>
    public const string Continuity = "continuity";
    /// <summary>The memory of the highest published head was lost, and somebody vouched for the head as it stood.</summary>
    public const string HeadAccepted = "head-accepted";
    /// <summary>A session acted under a session_user other than the role that logged in.</summary>
    public const string LoginMismatch = "login-mismatch";
    /// <summary>Published bytes are not what was sealed.</summary>
    public const string VerificationFailed = "verification-failed";
    /// <summary>What a crosscheck found.</summary>
    public const string Crosscheck = "crosscheck";
    /// <summary>Which transactions wrote the source's catalog, to compare later looks with.</summary>
    public const string Catalog = "catalog";
}
