using Indelible.Format;
using Npgsql;

namespace Indelible.Capture;

/// <summary>Compares what is asked with what is there, and plans the difference. One plan per instance.</summary>
internal sealed class ProtectPlanner(SourceCatalog catalog, ProtectRequest request)
{
    private const int SourceNameMax = 32;

    private readonly List<PlanStep> _steps = [];
    private readonly List<string> _warnings = [];
    private readonly HashSet<uint> _baselines = [];
    private readonly List<ProtectedTable> _replaced = [];

    /// <summary>The plan; throws <see cref="IndelibleException"/> for whatever cannot be protected, before anything is changed.</summary>
    public async Task<ProtectPlan> PlanAsync(CancellationToken cancellationToken)
    {
        CheckRequest();
        SessionFacts session = await catalog.SessionAsync(cancellationToken);
        SessionChecks.Check(session);
        List<Target> targets = await TargetsAsync(session, cancellationToken);
        Protection protection = Merge(session, targets);
        InstalledFacts? installed = await InstalledAsync(session, cancellationToken);
        bool roleExists = await PlanRoleAsync(session, targets, cancellationToken);
        PlanInstall(session, installed, protection, roleCreated: !roleExists);
        PublicationFacts? publication = await PlanPublicationAsync(protection, targets, cancellationToken);
        await PlanTablesAsync(targets, protection, publication, roleExists, cancellationToken);
        await PlanSlotAsync(session, installed, protection, cancellationToken);
        return new ProtectPlan { Protection = protection, Steps = _steps, BaselineTables = [.. _baselines.Order()], Warnings = _warnings };
    }

    private void CheckRequest()
    {
        bool named = request.Source.Length is > 0 and <= SourceNameMax
            && request.Source.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_');
        if (!named)
        {
            throw new IndelibleException(ExitCode.Usage,
                $"expected a source name of at most {SourceNameMax} lowercase letters, digits and underscores, found '{request.Source}'");
        }
        if (request.Columns.Count == 0 && request.Existing is null)
            throw new IndelibleException(ExitCode.Usage, "expected at least one TABLE.COLUMN to protect, found none");
    }

    /// <summary>Every table named, and every table protected already: both are brought to the state they should be in.</summary>
    private async Task<List<Target>> TargetsAsync(SessionFacts session, CancellationToken cancellationToken)
    {
        List<ProtectedTable> known = request.Existing?.Tables ?? [];
        RelationName[] asked = await ResolveAsync([.. request.Columns, .. request.Subjects], cancellationToken);
        uint[] oids = [.. known.Select(table => table.Oid).Concat(asked.Select(name => name.Oid)).Distinct()];
        Dictionary<uint, TableFacts> tables = await catalog.TablesAsync(oids, cancellationToken);
        ILookup<uint, MemberFacts> members = await catalog.MembersAsync(oids, cancellationToken);
        var targets = new Dictionary<uint, Target>();
        foreach (ProtectedTable table in known.Where(table => tables.ContainsKey(table.Oid))) TargetOf(table.Oid);
        for (int i = 0; i < request.Columns.Count; i++)
        {
            ColumnRequest wanted = request.Columns[i];
            Target target = TargetOf(asked[i].Oid);
            ColumnFacts column = TableChecks.Column(target.Table, wanted.Column, session);
            target.Columns.RemoveAll(c => c.Facts.Number == column.Number);
            target.Columns.Add((column, wanted.Policy));
            target.DefaultIdentity = request.DefaultIdentity;
        }
        for (int i = 0; i < request.Subjects.Count; i++)
        {
            RelationName name = asked[request.Columns.Count + i];
            if (!targets.TryGetValue(name.Oid, out Target? target))
                throw new IndelibleException(ExitCode.Usage, $"{name} has a subject column but no protected one; name a column to protect");
            target.Subject = TableChecks.Column(target.Table, request.Subjects[i].Column, session).Name;
        }
        foreach (ProtectedTable table in known.Where(table => !tables.ContainsKey(table.Oid))) Replace(table, targets.Values);
        return [.. targets.Values];

        Target TargetOf(uint oid)
        {
            if (targets.TryGetValue(oid, out Target? target)) return target;
            if (!tables.TryGetValue(oid, out TableFacts? table))
                throw new IndelibleException(ExitCode.Usage, $"the table with oid {oid} was dropped this moment; run this again");
            target = new Target(table, [.. members[oid]]);
            TableChecks.Check(table, target.Members, session);
            if (table.HasChildren)
                _warnings.Add($"{table.Name} has tables that inherit from it; their rows are not covered. Protect them by name");
            return targets[oid] = target;
        }
    }

    /// <summary>A table that was dropped is protected no longer once another of its name is.</summary>
    private void Replace(ProtectedTable dropped, IEnumerable<Target> targets)
    {
        string name = $"{dropped.Schema}.{dropped.Name}";
        bool isReplaced = targets.Any(target => (target.Table.Name.Schema, target.Table.Name.Name) == (dropped.Schema, dropped.Name));
        if (isReplaced) _replaced.Add(dropped);
        _warnings.Add(isReplaced
            ? $"{name} was dropped, and the table of that name takes its place"
            : $"{name} is protected and was dropped; protect what has its place now, or unprotect it");
    }

    private async Task<RelationName[]> ResolveAsync(IReadOnlyList<ColumnRequest> asked, CancellationToken cancellationToken)
    {
        RelationName?[] found = await catalog.ResolveAsync([.. asked.Select(one => (one.Schema, one.Table))], cancellationToken);
        int missing = Array.IndexOf(found, null);
        return missing < 0 ? [.. found.OfType<RelationName>()] : throw await NoTableAsync(asked[missing], cancellationToken);
    }

    private async Task<IndelibleException> NoTableAsync(ColumnRequest asked, CancellationToken cancellationToken)
    {
        string wanted = asked.Schema is null ? asked.Table : $"{asked.Schema}.{asked.Table}";
        List<RelationName> names = await catalog.NamesAsync(cancellationToken);
        RelationName? whole = asked.Schema is null ? names.Find(known => (known.Schema, known.Name) == (asked.Table, asked.Column)) : null;
        if (whole is not null)
            return new IndelibleException(ExitCode.Usage, $"{whole} is a table; expected one of its columns: {whole}.COLUMN");
        string Typed(RelationName known) => asked.Schema is null ? known.Name : known.ToString();
        string? near = Nearest.Of(wanted, names.Select(Typed));
        return new IndelibleException(ExitCode.Usage,
            $"there is no table {wanted}{(asked.Schema is null ? " on the role's search path" : "")}; "
                + $"{(near is null ? "check the database and schema" : $"did you mean {names.Find(known => Typed(known) == near)}?")}");
    }

    private Protection Merge(SessionFacts session, List<Target> targets)
    {
        Protection? existing = request.Existing;
        var protection = new Protection
        {
            Source = request.Source,
            SystemId = session.SystemId,
            Slot = existing?.Slot ?? $"indelible_{request.Source}",
            Publication = existing?.Publication ?? $"indelible_{request.Source}",
            LastTableId = (existing?.Tables ?? []).Select(table => table.Id).Concat(request.Remembered.Values)
                .Append(existing?.LastTableId ?? 0).Max(),
        };
        Dictionary<uint, ProtectedTable> known = (existing?.Tables ?? []).ToDictionary(table => table.Oid);
        HashSet<uint> taken = [.. known.Values.Select(table => table.Id)];
        foreach (Target target in targets)
        {
            ProtectedTable? before = known.GetValueOrDefault(target.Table.Name.Oid);
            uint id = before?.Id ?? Remembered(target, taken) ?? (protection.LastTableId = checked(protection.LastTableId + 1));
            taken.Add(id);
            target.Protected = ProtectionMerge.Table(before, target, id, out bool needsBaseline);
            protection.Tables.Add(target.Protected);
            if (needsBaseline) _baselines.Add(id);
            known.Remove(target.Table.Name.Oid);
        }
        protection.Tables.AddRange(known.Values.Where(table => !_replaced.Contains(table)));
        protection.Tables.Sort((a, b) => a.Id.CompareTo(b.Id));
        return protection;
    }

    /// <summary>The number a table of this name had before; null if it had none, or another protected table has it.</summary>
    private uint? Remembered(Target target, HashSet<uint> taken) =>
        request.Remembered.TryGetValue((target.Table.Name.Schema, target.Table.Name.Name), out uint id) && !taken.Contains(id) ? id : null;

    private async Task<InstalledFacts?> InstalledAsync(SessionFacts session, CancellationToken cancellationToken)
    {
        if (!session.IsInstalled) return null;
        InstalledFacts? installed =
            (await catalog.QueryAsync("installed", [], InstalledFacts.Read, cancellationToken)).FirstOrDefault();
        if (installed is null) return null;
        bool ours = installed.Name == request.Source
            && installed.InnerPad.AsSpan().SequenceEqual(AttributionPads.Of(request.AttributionSecret.Span).Inner);
        if (ours) return installed;
        throw new IndelibleException(
            ExitCode.Environment,
            $"expected database {session.Database} to be unprotected or protected as source {request.Source} by this ledger, "
            + $"found it protected as source {installed.Name} by another ledger; "
            + "run `unprotect` there first, or, if this database is a copy that was restored from a dump, remove what came with it: "
            + $"DROP SCHEMA indelible CASCADE; DROP PUBLICATION IF EXISTS {PgIdentifier.Quote(installed.Publication)};");
    }

    private async Task<bool> PlanRoleAsync(SessionFacts session, List<Target> targets, CancellationToken cancellationToken)
    {
        RoleFacts? role = (await catalog.QueryAsync("role", [request.CaptureRole], RoleFacts.Read, cancellationToken)).FirstOrDefault();
        if (role is { CanLogin: true, CanConnect: true } && request.Capture is { } capture)
            await CheckLoginAsync(capture, cancellationToken);
        bool needsBypass = targets.Exists(t => t.Table.HasRowSecurity);
        RolePlan plan = RolePlan.Of(session, request, role, needsBypass);
        _steps.AddRange(plan.Steps);
        _warnings.AddRange(plan.Warnings);
        return role is not null;
    }

    /// <summary>A role that exists must let us in as it is: what it is used for elsewhere is not ours to break.</summary>
    private static async Task CheckLoginAsync(SourceConnection capture, CancellationToken cancellationToken)
    {
        try
        {
            await using NpgsqlConnection session = await capture.OpenAsync(cancellationToken);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InvalidPassword)
        {
            throw new IndelibleException(
                ExitCode.Environment,
                $"expected role {capture.User}, which exists, to log in with the password this ledger has for it, found it refused; "
                + "give its password with --capture-password-file, or let another role capture: --capture-role",
                e);
        }
        catch (NpgsqlException e)
        {
            throw SourceFailure.From(e, capture);
        }
    }

    private void PlanInstall(SessionFacts session, InstalledFacts? installed, Protection protection, bool roleCreated)
    {
        bool takesOver = session.IsSuperuser && session.SchemaOwner is not null && !session.IsSchemaSuperusers;
        // what the owner may have put there is replaced, whatever it says it is
        bool isInstalled = installed?.Version == InstallSteps.Version && !takesOver;
        if (takesOver) _steps.Add(InstallSteps.TakeOver(session));
        if (!isInstalled) _steps.Add(InstallSteps.Install(protection, request, roleCreated));
        if (isInstalled && session.EventTriggerCount == InstallSteps.EventTriggerCount) return;
        if (session.IsSuperuser || session.EventTriggerCount == 0) _steps.Add(InstallSteps.EventTriggers());
    }

    private async Task<PublicationFacts?> PlanPublicationAsync(
        Protection protection, List<Target> targets, CancellationToken cancellationToken)
    {
        PublicationFacts? publication =
            (await catalog.QueryAsync("publication", [protection.Publication], PublicationFacts.Read, cancellationToken)).FirstOrDefault();
        string name = PgIdentifier.Quote(protection.Publication);
        bool generated = targets.Exists(t => t.Columns.Exists(c => c.Facts.Generated == "s"));
        string extra = generated ? ", publish_generated_columns = stored" : "";
        if (publication is null)
        {
            _steps.Add(
                new PlanStep("publication",
                    [PlanStatement.Of($"CREATE PUBLICATION {name} WITH (publish = 'insert, update, delete, truncate'{extra})")]));
            return null;
        }
        if (!publication.IsOwned)
        {
            throw new IndelibleException(ExitCode.Environment,
                $"expected publication {protection.Publication} to be absent or owned by us, found another owner; "
                    + "drop it or connect as its owner");
        }
        if (!publication.PublishesAll || publication.ViaRoot || (generated && !publication.PublishesGenerated))
        {
            string options = $"publish = 'insert, update, delete, truncate', publish_via_partition_root = false{extra}";
            _steps.Add(new PlanStep("publication options", [PlanStatement.Of($"ALTER PUBLICATION {name} SET ({options})")]));
        }
        return publication;
    }

    private async Task PlanTablesAsync(
        List<Target> targets, Protection protection, PublicationFacts? publication, bool roleExists, CancellationToken cancellationToken)
    {
        Dictionary<uint, (bool Usage, bool Select)> grants = roleExists
            ? await catalog.GrantsAsync(request.CaptureRole, [.. targets.Select(target => target.Table.Name.Oid)], cancellationToken)
            : [];
        HashSet<string> usable = [];    // schemas that the role may use by then
        foreach (Target target in targets)
        {
            RelationName name = target.Table.Name;
            (bool usage, bool select) = grants.GetValueOrDefault(name.Oid);
            bool published = publication is not null && (publication.AllTables || publication.Relations.Contains(name.Oid));
            PlanStep? step = TableSteps.Protect(
                target, protection.Publication, request.CaptureRole, published, usage || usable.Contains(name.Schema), select);
            if (step is null) continue;
            _steps.Add(step);
            usable.Add(name.Schema);
        }
    }

    private async Task PlanSlotAsync(
        SessionFacts session, InstalledFacts? installed, Protection protection, CancellationToken cancellationToken)
    {
        SlotFacts? slot = (await catalog.QueryAsync("slot", [protection.Slot], SlotFacts.Read, cancellationToken)).FirstOrDefault();
        if (slot is not null)
        {
            SlotFacts.CheckOurs(slot, protection.Slot, session, isOurs: installed is not null || request.Existing is not null,
                inUse: request.Existing is null && slot.Active);
            return;
        }
        SessionChecks.CheckSlotRoom(session);
        if (!session.IsSuperuser && !session.MayReplicate && request.Capture is null)
        {
            throw new IndelibleException(
                ExitCode.Environment,
                $"expected {session.Role} to have the right to replicate, or a capture connection that has, found neither; "
                    + $"run as a superuser: ALTER ROLE {PgIdentifier.Quote(session.Role)} REPLICATION;");
        }
        string name = PgIdentifier.Literal(protection.Slot);
        PlanStatement create = PlanStatement.Of($"SELECT pg_create_logical_replication_slot({name}, 'pgoutput')");
        _steps.Add(new PlanStep("replication slot", [create], PlanStepKind.Slot));
    }
}
