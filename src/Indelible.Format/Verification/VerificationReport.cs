using Indelible.Format.Entries;
using Indelible.Format.Merkle;

namespace Indelible.Format.Verification;

/// <summary>What a verifier found, and what it did not look at. Immutable.</summary>
public sealed record VerificationReport
{
    /// <summary>The outcome.</summary>
    public required Verdict Verdict { get; init; }
    /// <summary>Origin the checkpoint names; null if it could not be read.</summary>
    public string? Origin { get; init; }
    /// <summary>Tree size the checkpoint states; 0 if it could not be read.</summary>
    public long TreeSize { get; init; }
    /// <summary>Root the checkpoint states; null if it could not be read.</summary>
    public Hash? Root { get; init; }
    /// <summary>Keys whose signatures verified, in text form.</summary>
    public IReadOnlyList<string> SignedBy { get; init; } = [];
    /// <summary>The keys asked for that are this ledger's, and those that handovers link them with, in text form;
    /// empty if none was asked for.</summary>
    public IReadOnlyList<string> LinkedKeys { get; init; } = [];
    /// <summary>What is wrong, in the order it was found; at most <see cref="FindingsMax"/>.</summary>
    public required IReadOnlyList<Finding> Findings { get; init; }
    /// <summary>What is no fault but must be known, such as announced gaps; at most <see cref="FindingsMax"/>.</summary>
    public IReadOnlyList<Finding> Notices { get; init; } = [];
    /// <summary>Entries of a version that this program does not read, each where the tree says; at most
    /// <see cref="FindingsMax"/>.</summary>
    public IReadOnlyList<Finding> Unread { get; init; } = [];
    /// <summary>Entries that existed before a time, by time stamps that were checked; empty if none were.</summary>
    public IReadOnlyList<StampedTime> Times { get; init; } = [];
    /// <summary>What this verification could not or did not check, in words.</summary>
    public required IReadOnlyList<string> NotChecked { get; init; }

    /// <summary>Tree size of the older checkpoint given, in entries; null if none was, or none that could be compared.
    /// Where the report is sound, these entries are the same in both.</summary>
    public long? OlderSize { get; init; }
    /// <summary>Entries read, hashed and decoded.</summary>
    public long Entries { get; init; }
    /// <summary>Hash tiles compared.</summary>
    public long Tiles { get; init; }
    /// <summary>Blobs hashed.</summary>
    public long Blobs { get; init; }
    /// <summary>Entries of each kind.</summary>
    public IReadOnlyDictionary<EntryKind, long> Kinds { get; init; } = new Dictionary<EntryKind, long>();
    /// <summary>What the ledger says about each source, by name.</summary>
    public IReadOnlyList<SourceSummary> Sources { get; init; } = [];
    /// <summary>What the ledger succeeds, by its first entry; null if it succeeds none.</summary>
    public Predecessor? Predecessor { get; init; }
    /// <summary>What comes after the ledger, by its last entry; null if it is not closed.</summary>
    public Successor? Successor { get; init; }
    /// <summary>Ledgers before this one, the newest first, as <see cref="ChainVerifier"/> found them;
    /// empty if they were not followed.</summary>
    public IReadOnlyList<ChainedLedger> Chain { get; init; } = [];
    /// <summary>Values that evidence disclosed and that opened; empty for a ledger.</summary>
    public IReadOnlyList<DisclosedValue> Disclosed { get; init; } = [];
    /// <summary>The entry that evidence is about; null for a ledger.</summary>
    public Entry? Entry { get; init; }
    /// <summary>0-based index of that entry; null for a ledger.</summary>
    public long? EntryIndex { get; init; }
    /// <summary>The misbehaviour that is proved; null unless the file proves one.
    /// The newer of the two histories is <see cref="TreeSize"/> and <see cref="Root"/>.</summary>
    public TwoHistories? Misbehaviour { get; init; }

    /// <summary>Findings after which a verifier stops: what follows is noise.</summary>
    public const int FindingsMax = 1000;

    /// <summary>True if nothing is wrong (but perhaps nobody's key vouches for it).</summary>
    public bool IsSound => Verdict is Verdict.SelfConsistent or Verdict.Verified;

    /// <summary>What the process that verified exits with.</summary>
    public ExitCode ExitCode => Verdict switch
    {
        Verdict.Failed => ExitCode.Finding,
        Verdict.NotRead => ExitCode.Environment,
        _ => ExitCode.Fine,
    };
}

/// <summary>The outcome of a verification.</summary>
public enum Verdict
{
    /// <summary>Something is wrong: see the findings.</summary>
    Failed,
    /// <summary>Nothing is wrong, but there are entries of a version that this program does not read:
    /// a newer one must look at them.</summary>
    NotRead,
    /// <summary>Nothing is wrong, but no key was given: anybody could have made it.</summary>
    SelfConsistent,
    /// <summary>Nothing is wrong, and the keys given vouch for it.</summary>
    Verified,
}

/// <summary>One thing that is wrong, or must be known, and its place.</summary>
/// <param name="Rule">Short name of the rule, such as <c>entry-hash</c>; see <see cref="Rules"/>.</param>
/// <param name="File">Path below the ledger directory; empty if it concerns no one file.</param>
/// <param name="EntryIndex">0-based index of the entry; -1 if it concerns no one entry.</param>
/// <param name="Message">What was expected and what was found, with source, transaction and row where known.
/// Never a protected value.</param>
public readonly record struct Finding(string Rule, string File, long EntryIndex, string Message)
{
    /// <summary>One line for people.</summary>
    public override string ToString() => $"{Rule}: {Place}{Message}";

    private string Place =>
        (File.Length > 0 ? File + (EntryIndex >= 0 ? ", " : ": ") : "") + (EntryIndex >= 0 ? $"entry {EntryIndex}: " : "");
}

/// <summary>Names of the rules that findings cite.</summary>
public static class Rules
{
    /// <summary>The checkpoint is missing or is not a signed checkpoint.</summary>
    public const string Checkpoint = "checkpoint";
    /// <summary>Signatures do not satisfy the key or policy given.</summary>
    public const string Signature = "signature";
    /// <summary>A file that the checkpoint covers is missing.</summary>
    public const string Missing = "missing-file";
    /// <summary>A bundle or tile does not have the shape its place demands.</summary>
    public const string Shape = "file-shape";
    /// <summary>An entry does not hash to what the tile says.</summary>
    public const string EntryHash = "entry-hash";
    /// <summary>A tile's hash is not that of the subtree below it.</summary>
    public const string TileHash = "tile-hash";
    /// <summary>The entries do not lead to the signed root.</summary>
    public const string Root = "root";
    /// <summary>A ledger and its successor do not name each other, or one does not go on where the other ended.</summary>
    public const string Succession = "succession";
    /// <summary>An older checkpoint is not a prefix of this tree.</summary>
    public const string Consistency = "consistency";
    /// <summary>Bytes are not an entry in its one canonical form.</summary>
    public const string Canonical = "entry-form";
    /// <summary>An entry is of a version that this program does not read: no fault, and not verified either.</summary>
    public const string Version = "entry-version";
    /// <summary>An entry was made for another ledger.</summary>
    public const string Origin = "entry-origin";
    /// <summary>Two changes of a source have the same position.</summary>
    public const string Duplicate = "duplicate";
    /// <summary>A change of a source comes before one that is already there.</summary>
    public const string Order = "order";
    /// <summary>A part of a split change is missing.</summary>
    public const string Parts = "parts";
    /// <summary>Coverage does not go on where it ended, and no gap was announced.</summary>
    public const string Coverage = "coverage";
    /// <summary>The ledger itself announces a gap.</summary>
    public const string Gap = "gap";
    /// <summary>A blob is missing or is not what the entry names.</summary>
    public const string Blob = "blob";
    /// <summary>A time stamp is missing, or is not what its entry says.</summary>
    public const string TimeStamp = "time-stamp";
    /// <summary>Storage that keeps versions holds others beside the one that was read, or a delete marker.</summary>
    public const string OtherVersion = "other-version";
    /// <summary>An evidence file does not prove what it should.</summary>
    public const string Evidence = "evidence";
    /// <summary>A file does not prove the misbehaviour it should.</summary>
    public const string Misbehaviour = "misbehaviour";
    /// <summary>A disclosed value does not open.</summary>
    public const string Disclosure = "disclosure";
}

/// <summary>The older of two histories that one key signed.</summary>
/// <param name="Size">Its tree size.</param>
/// <param name="Root">The root it states for that size.</param>
/// <param name="Prefix">The root the newer history has at that size; null if the sizes are equal.</param>
public sealed record TwoHistories(long Size, Hash Root, Hash? Prefix);

/// <summary>What a ledger says about one source.</summary>
/// <param name="Source">Its short name.</param>
/// <param name="Changes">Changes from its log.</param>
/// <param name="First">Position of the first change; null if there is none.</param>
/// <param name="Last">Position of the last change; null if there is none.</param>
/// <param name="CoveredFrom">Where unbroken coverage begins (exclusive); <see cref="Lsn.None"/> if there is none.</param>
/// <param name="CoveredTo">Where it ends (inclusive).</param>
/// <param name="Gaps">Gaps announced.</param>
public sealed record SourceSummary(string Source, long Changes, Position? First, Position? Last, Lsn CoveredFrom, Lsn CoveredTo, long Gaps)
{
    /// <summary>The first stretch that is covered; null if there is none.</summary>
    public Coverage? FirstCoverage { get; init; }
    /// <summary>The last one.</summary>
    public Coverage? LastCoverage { get; init; }
}

/// <summary>A closed ledger of a chain.</summary>
/// <param name="Ledger">As its successor names it.</param>
/// <param name="Report">What verifying it came to, by itself; null if it is not at hand.</param>
public sealed record ChainedLedger(Predecessor Ledger, VerificationReport? Report);

/// <summary>What a time stamp proves.</summary>
/// <param name="Size">The entries before this one existed.</param>
/// <param name="Before">Before this time.</param>
/// <param name="Authority">By which authority.</param>
public sealed record StampedTime(long Size, MicroTime Before, string Authority);

/// <summary>A value that evidence disclosed.</summary>
/// <param name="Scope">What the name names.</param>
/// <param name="Name">The field.</param>
/// <param name="Side">Before or after.</param>
/// <param name="IsNull">True for NULL.</param>
/// <param name="Text">The source's text, UTF-8; empty for NULL.</param>
public sealed record DisclosedValue(FieldScope Scope, string Name, Side Side, bool IsNull, ReadOnlyMemory<byte> Text);
