using Indelible.Format;

namespace Indelible.Capture;

/// <summary>Plans the undoing of protection. One plan per instance.</summary>
internal sealed class UnprotectPlanner(SourceCatalog catalog, Protection protection, IReadOnlyList<ColumnRequest>? columns)
{
    private readonly List<PlanStep> _steps = [];
    private readonly List<string> _warnings = [];

    /// <summary>The plan; changes nothing.</summary>
    public async Task<ProtectPlan> PlanAsync(CancellationToken cancellationToken)
    {
        SessionFacts session = await catalog.SessionAsync(cancellationToken);
        if (session.OwnsSchema == false)
        {
            throw new IndelibleException(ExitCode.Environment,
                $"expected {session.Role} to own schema indelible, found it owned by {session.SchemaOwner}; "
                    + $"connect as {session.SchemaOwner}");
        }
        Protection remaining = await RemainingAsync(cancellationToken);
        InstalledFacts? installed = session.IsInstalled
            ? (await catalog.QueryAsync("installed", [], InstalledFacts.Read, cancellationToken)).FirstOrDefault()
            : null;
        bool last = remaining.Tables.Count == 0;
        if (last) await PlanSlotAsync(cancellationToken);
        if (installed is not null)
        {
            IEnumerable<uint> kept = remaining.Tables.Select(table => table.Id);
            await PlanTablesAsync([.. protection.Tables.ExceptBy(kept, table => table.Id)], installed, cancellationToken);
        }
        if (last) PlanRemoval(session, installed);
        return new ProtectPlan { Protection = remaining, Steps = _steps, BaselineTables = [], Warnings = _warnings };
    }

    private async Task<Protection> RemainingAsync(CancellationToken cancellationToken)
    {
        var remaining = new Protection
        {
            Source = protection.Source,
            SystemId = protection.SystemId,
            Slot = protection.Slot,
            Publication = protection.Publication,
            LastTableId = Math.Max(protection.LastTableId, protection.Tables.Select(t => t.Id).DefaultIfEmpty().Max()),
        };
        if (columns is null) return remaining;
        var dropped = new HashSet<(uint Table, short Column)>();
        foreach (ColumnRequest asked in columns) dropped.Add(await FindAsync(asked, cancellationToken));
        foreach (ProtectedTable table in protection.Tables)
        {
            List<ProtectedColumn> kept = [.. table.Columns.Where(c => !dropped.Contains((table.Id, c.Number)))];
            if (kept.Count > 0) remaining.Tables.Add(With(table, kept));
        }
        return remaining;
    }

    private async Task<(uint Table, short Column)> FindAsync(ColumnRequest asked, CancellationToken cancellationToken)
    {
        ProtectedTable? table = await TableAsync(asked, cancellationToken);
        ProtectedColumn? column = table?.Columns.Find(c => c.Name == asked.Column || c.Name == asked.Column.ToLowerInvariant());
        if (table is not null && column is not null) return (table.Id, column.Number);
        string known = string.Join(", ", protection.Tables.SelectMany(t => t.Columns.Select(c => $"{t.Schema}.{t.Name}.{c.Name}")));
        throw new IndelibleException(ExitCode.Usage, $"{asked.Table}.{asked.Column} is not protected; protected are {known}");
    }

    /// <summary>The protected table a name means: one that was dropped comes before the one that has its name now.</summary>
    private async Task<ProtectedTable?> TableAsync(ColumnRequest asked, CancellationToken cancellationToken)
    {
        List<ProtectedTable> called =
            protection.Tables.FindAll(t => t.Name == asked.Table && (asked.Schema is null || t.Schema == asked.Schema));
        Dictionary<uint, TableFacts> tables = await catalog.TablesAsync([.. called.Select(table => table.Oid)], cancellationToken);
        if (called.Find(table => !tables.ContainsKey(table.Oid)) is { } dropped) return dropped;
        RelationName? name = (await catalog.ResolveAsync([(asked.Schema, asked.Table)], cancellationToken))[0];
        return protection.Tables.Find(t => t.Oid == name?.Oid) ?? called.FirstOrDefault();
    }

    private static ProtectedTable With(ProtectedTable table, List<ProtectedColumn> kept) => new()
    {
        Id = table.Id,
        Oid = table.Oid,
        Schema = table.Schema,
        Name = table.Name,
        Key = table.Key,
        Subject = table.Subject,
        Columns = kept,
        Partitioned = table.Partitioned,
        DefaultIdentity = table.DefaultIdentity,
    };

    private async Task PlanSlotAsync(CancellationToken cancellationToken)
    {
        SlotFacts? slot = (await catalog.QueryAsync("slot", [protection.Slot], SlotFacts.Read, cancellationToken)).FirstOrDefault();
        if (slot is null) return;
        _steps.Add(
            new PlanStep("replication slot",
                [PlanStatement.Of($"SELECT pg_drop_replication_slot({PgIdentifier.Literal(protection.Slot)})")], PlanStepKind.Slot));
    }

    private async Task PlanTablesAsync(List<ProtectedTable> tables, InstalledFacts installed, CancellationToken cancellationToken)
    {
        ILookup<uint, RecordedFacts> recorded = (await catalog.QueryAsync("recorded", [], static r => new RecordedFacts(
            r.GetFieldValue<uint>(0), new RelationName(r.GetFieldValue<uint>(1), r.GetString(2), r.GetString(3)),
            r.GetString(4)[0], r.IsDBNull(5) ? null : r.GetString(5), r.GetBoolean(6)), cancellationToken))
            .ToLookup(relation => relation.Root);
        PublicationFacts? publication =
            (await catalog.QueryAsync("publication", [protection.Publication], PublicationFacts.Read, cancellationToken)).FirstOrDefault();
        Dictionary<uint, TableFacts> now = await catalog.TablesAsync([.. tables.Select(table => table.Oid)], cancellationToken);
        foreach (ProtectedTable table in tables)
        {
            // First forget the relations, so that the event triggers do not take our own undoing for tampering or
            // adopt what was just released.
            List<string> statements = [$"DELETE FROM indelible.relation WHERE root = {table.Oid}"];
            foreach (RecordedFacts relation in recorded[table.Oid]) statements.AddRange(Restore(relation, installed.Role));
            if (publication?.Relations.Contains(table.Oid) == true && now.TryGetValue(table.Oid, out TableFacts? facts))
            {
                statements.Add($"ALTER PUBLICATION {PgIdentifier.Quote(protection.Publication)} DROP TABLE ONLY {facts.Name.Quoted}");
            }
            _steps.Add(new PlanStep($"table {table.Schema}.{table.Name}", [.. statements.Select(PlanStatement.Of)], PlanStepKind.Table));
        }
    }

    private static IEnumerable<string> Restore(RecordedFacts relation, string role)
    {
        string name = relation.Name.Quoted;
        yield return $"DROP TRIGGER IF EXISTS {TableSteps.Trigger} ON {name}";
        yield return $"ALTER TABLE ONLY {name} REPLICA IDENTITY {Identity(relation)}";
        if (relation.SelectGranted) yield return $"REVOKE SELECT ON {name} FROM {PgIdentifier.Quote(role)}";
    }

    private static string Identity(RecordedFacts relation) => relation.IdentityBefore switch
    {
        'f' => "FULL",
        'n' => "NOTHING",
        'i' when relation.IndexBefore is not null => $"USING INDEX {relation.IndexBefore}",
        _ => "DEFAULT",
    };

    private void PlanRemoval(SessionFacts session, InstalledFacts? installed)
    {
        var statements = new List<string>();
        if (session.EventTriggerCount > 0)
        {
            statements.Add("DROP EVENT TRIGGER IF EXISTS indelible_ddl");
            statements.Add("DROP EVENT TRIGGER IF EXISTS indelible_rewrite");
            statements.Add("DROP EVENT TRIGGER IF EXISTS indelible_drop");
        }
        statements.Add($"DROP PUBLICATION IF EXISTS {PgIdentifier.Quote(protection.Publication)}");
        statements.Add("DROP SCHEMA IF EXISTS indelible CASCADE");
        _steps.Add(new PlanStep("publication and schema indelible", [.. statements.Select(PlanStatement.Of)]));
        if (installed is not { RoleCreated: true }) return;
        string role = PgIdentifier.Quote(installed.Role);
        PlanStatement[] drop = [PlanStatement.Of($"DROP OWNED BY {role}"), PlanStatement.Of($"DROP ROLE {role}")];
        _steps.Add(new PlanStep($"role {installed.Role}", drop, PlanStepKind.Optional));
    }

    private sealed record RecordedFacts(uint Root, RelationName Name, char IdentityBefore, string? IndexBefore, bool SelectGranted);
}
