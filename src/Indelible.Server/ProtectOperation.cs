using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Ledger;

namespace Indelible.Server;

/// <summary>What protecting came to.</summary>
/// <param name="Protection">What is protected now.</param>
/// <param name="BaselineRows">Rows sealed as they stood.</param>
/// <param name="SlotStart">Where the slot's reading starts.</param>
/// <param name="IsCapturing">True if this process captures the source from now on.</param>
/// <param name="Warnings">Things a person should know.</param>
public sealed record ProtectResult(
    Protection Protection, long BaselineRows, Lsn SlotStart, bool IsCapturing, IReadOnlyList<string> Warnings);

/// <summary>Protects columns of one source: database first, then the guard entry, then the baseline, then the configuration.
/// Idempotent: stopped anywhere, it can be run again.</summary>
/// <param name="host">Holds the ledger.</param>
/// <param name="configPath">The configuration file; the source's section is written there.</param>
/// <param name="progress">Told each step.</param>
public sealed class ProtectOperation(LedgerHost host, string configPath, Action<string> progress)
{
    private const string CaptureRoleDefault = "indelible_capture";
    private const string WrongPassword = "28P01";

    /// <summary>Short name of the source.</summary>
    public required string Source { get; init; }
    /// <summary>Connection with the owner's rights.</summary>
    public required SourceConnection Owner { get; init; }
    /// <summary>Columns to protect besides those that are.</summary>
    public required IReadOnlyList<ColumnRequest> Columns { get; init; }
    /// <summary>Columns that name the person a row is about.</summary>
    public IReadOnlyList<ColumnRequest> Subjects { get; init; } = [];
    /// <summary>Role that captures; null: <c>indelible_capture</c>.</summary>
    public string? CaptureRole { get; init; }
    /// <summary>File with its password; null: one is made and kept in the keyring directory.</summary>
    public string? CapturePasswordFile { get; init; }
    /// <summary>Whether the tables named keep replica identity DEFAULT; null: as they are protected already, FULL for new ones.</summary>
    public bool? DefaultIdentity { get; init; }
    /// <summary>How long one attempt waits for a table's lock.</summary>
    public TimeSpan LockTimeout { get; init; } = TimeSpan.FromSeconds(2);
    /// <summary>Who protects; goes into the guard entry.</summary>
    public required string By { get; init; }

    private SourceConfig? Existing => host.Config.Sources.GetValueOrDefault(Source);

    /// <summary>What would be done.</summary>
    public Task<ProtectPlan> PlanAsync(CancellationToken cancellationToken) =>
        Protector.PlanAsync(Owner, Request(PasswordOf(PasswordFileOf())), cancellationToken);

    /// <summary>Protects. Everything is durable when it returns.</summary>
    public async Task<ProtectResult> RunAsync(CancellationToken cancellationToken)
    {
        string passwordFile = PasswordFileOf();
        ProtectRequest request = Request(PasswordOf(passwordFile));
        // what cannot be done is said before anything is written or stopped
        ProtectPlan plan = await Protector.PlanAsync(Owner, request, cancellationToken);
        if (!Path.Exists(passwordFile)) DurableFile.ReplaceSecret(passwordFile, Encoding.UTF8.GetBytes(request.CapturePassword + "\n"));
        await host.StopSourceAsync(Source);
        try
        {
            ProtectOutcome outcome = await Protector.CarryOutAsync(Owner, request, plan, progress, host.Time, cancellationToken);
            SourceConfig config = ConfigOf(outcome, passwordFile);
            await RequireLoginAsync(config, outcome.CaptureRole, cancellationToken);
            if (outcome.StepCount > 0 || IsOther(outcome.Protection)) await SealGuardAsync(outcome, cancellationToken);
            long rows = await SealBaselineAsync(config, outcome, cancellationToken);
            await new CatalogMemory(host, Source, SourceConnections.Of(config), outcome.Protection).RememberAsync(cancellationToken);
            host.Config.Sources[Source] = config;
            ConfigFile.Save(configPath, host.Config);
            return new ProtectResult(outcome.Protection, rows, outcome.SlotStart, host.IsRunning, outcome.Warnings);
        }
        finally
        {
            await host.StartSourceAsync(Source);
        }
    }

    /// <summary>True if something is protected otherwise than before: a policy or a name may change without a statement.</summary>
    private bool IsOther(Protection protection) =>
        Existing is not { } existing || !ProtectionDigest.Of(existing.Protection).AsSpan().SequenceEqual(ProtectionDigest.Of(protection));

    private ProtectRequest Request(string password) => new()
    {
        Source = Source,
        Columns = Columns,
        Subjects = Subjects,
        AttributionSecret = host.Keyring.GetOrCreateAttributionSecret(Source),
        CaptureRole = Role,
        CapturePassword = password,
        Capture = Existing is { } existing ? SourceConnections.Of(existing) : Owner.As(Role, password),
        Existing = Existing?.Protection,
        Remembered = Existing is null ? Remembered() : new Dictionary<(string, string), uint>(),
        DefaultIdentity = DefaultIdentity,
        LockTimeout = LockTimeout,
    };

    /// <summary>The numbers of tables that were protected before everything was unprotected, or before a first <c>protect</c> was stopped:
    /// as their baselines name them.</summary>
    private Dictionary<(string Schema, string Name), uint> Remembered()
    {
        Dictionary<(string, string), uint> numbers = [];
        IEnumerable<EntryHeader> headers = host.View.NewestFirst(Source, EntryKind.Guard)
            .Concat(host.View.NewestFirst(Source, EntryKind.Baseline).Take(1));
        foreach (Relation relation in headers.Where(header => header.Code is null or GuardCode.BaselineComplete)
            .Select(header => header.Relation).OfType<Relation>())
        {
            numbers.TryAdd((relation.Schema, relation.Name), relation.Id);
        }
        return numbers;
    }

    private string Role =>
        CaptureRole ?? (Existing is { } existing ? SourceConnection.Parse(existing.Connection).User : CaptureRoleDefault);

    /// <summary>A role that was there before has a password of its own.</summary>
    private async Task RequireLoginAsync(SourceConfig config, string role, CancellationToken cancellationToken)
    {
        try
        {
            await using DbConnection connection = await SourceConnections.Of(config).OpenAsync(cancellationToken);
        }
        catch (DbException e) when (e.SqlState == WrongPassword)
        {
            throw new IndelibleException(ExitCode.Environment,
                $"role {role} is there already, and its password is not the one in {config.PasswordFile}: "
                    + "give it with --capture-password-file FILE, "
                    + $"name another role with --capture-role, or set it: ALTER ROLE {role} PASSWORD '…'; then run this again", e);
        }
        catch (DbException e)
        {
            throw SourceFailure.From(e, SourceConnections.Of(config));
        }
    }

    private string PasswordFileOf() =>
        CapturePasswordFile ?? Existing?.PasswordFile ?? SharedPasswordFile() ?? Path.Combine(host.Paths.Keyring, $"{Source}.password");

    /// <summary>A role is known to all databases of its server: a source there that uses it already has its password.</summary>
    private string? SharedPasswordFile() =>
        host.Config.Sources.Values.Where(source => source.PasswordFile is not null && IsSameRole(SourceConnection.Parse(source.Connection)))
            .Select(source => source.PasswordFile).FirstOrDefault();

    private bool IsSameRole(SourceConnection other) => (other.Host, other.Port, other.User) == (Owner.Host, Owner.Port, Role);

    /// <summary>The password in the file; a new one if there is no file yet.</summary>
    private static string PasswordOf(string file) =>
        Path.Exists(file) ? SourceConnections.ReadPassword(file) : Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24));

    private SourceConfig ConfigOf(ProtectOutcome outcome, string passwordFile) => new()
    {
        Connection = Existing?.Connection ?? Owner.As(outcome.CaptureRole, null).ToText(),
        PasswordFile = Existing?.PasswordEnvironment is null ? passwordFile : null,
        PasswordEnvironment = Existing?.PasswordEnvironment,
        Protection = outcome.Protection,
    };

    /// <summary>States tables as they stand. Where the slot begins beyond what is sealed (it was dropped,
    /// or everything was unprotected for a while), that gap comes first,
    /// and tables the ledger knows are left to be compared once the source is captured: what differs in them is found.</summary>
    private async Task<long> SealBaselineAsync(SourceConfig config, ProtectOutcome outcome, CancellationToken cancellationToken)
    {
        Lsn sealedTo = host.Writer.MarkOf(Source)?.Confirmable ?? outcome.SlotStart;
        IReadOnlyCollection<uint> tables = outcome.BaselineTables;
        if (outcome.SlotStart > sealedTo)
        {
            EntryBatch gap = new() { Mark = new SourceMark(Source, new Position(outcome.SlotStart, 0), outcome.SlotStart) };
            host.NewMaker(Source).AddGap(gap, "slot-ahead", sealedTo, outcome.SlotStart,
                $"replication slot '{outcome.Protection.Slot}' begins at {outcome.SlotStart}, the ledger is sealed up to {sealedTo}: "
                    + "what was changed in between was not protected, or cannot be read");
            HashSet<uint> stated = [.. host.View.NewestFirst(Source, EntryKind.Guard)
                .Where(header => header.Code == GuardCode.BaselineComplete)
                .Select(header => header.Relation!.Id)];
            await host.SealAsync(gap, cancellationToken);
            tables = [.. tables.Where(table => !stated.Contains(table))];
            progress("a gap is sealed: what was changed meanwhile is found once `indelible run` captures the source");
        }
        BaselineSealer sealer = new(host, Source, SourceConnections.Of(config), outcome.Protection, progress);
        return await sealer.SealAsync(tables, cancellationToken);
    }

    /// <summary>Says in the ledger what is protected from here on; for a new slot with the mark where its reading starts.</summary>
    private async Task SealGuardAsync(ProtectOutcome outcome, CancellationToken cancellationToken)
    {
        // else the slot is compared with the mark when capture begins: one made anew is a gap
        bool isNew = host.Writer.MarkOf(Source) is null;
        SortedDictionary<string, string> facts = new(StringComparer.Ordinal)
        {
            ["by"] = By,
            ["columns"] = string.Join(", ",
                outcome.Protection.Tables.SelectMany(
                    table => table.Columns.Select(column => $"{table.Schema}.{table.Name}.{column.Name}"))),
            ["slot"] = outcome.Protection.Slot,
            ["slotStart"] = outcome.SlotStart.ToString(),
        };
        EntryBatch entries = new();
        host.NewMaker(Source)
            .AddGuard(entries, isNew || Existing is null ? GuardCode.ProtectionStarted : GuardCode.ProtectionChanged, facts);
        if (isNew) entries.Mark = new SourceMark(Source, new Position(outcome.SlotStart, 0), outcome.SlotStart);
        await host.SealAsync(entries, cancellationToken);
    }
}
