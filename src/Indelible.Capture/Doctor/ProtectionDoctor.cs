namespace Indelible.Capture;

/// <summary>Compares what should be protected with the catalog. One check per instance.</summary>
internal sealed class ProtectionDoctor(SourceCatalog catalog, SessionFacts session, SourceConnection source, Protection protection)
{
    private const string RunAgain = "indelible run # it seals the gap, makes the slot again and states the tables anew";

    private readonly ProtectAgain _again = new(source, session, protection);
    private readonly List<SourceCheck> _checks = [];

    /// <summary>Every check.</summary>
    public async Task<List<SourceCheck>> CheckAsync(CancellationToken cancellationToken)
    {
        string otherSource = $"{_again.As("OTHER-NAME")} # a cluster restored from a dump is another source; "
            + "or put the connection in the configuration right";
        Add("system identifier", session.SystemId == protection.SystemId, CheckStatus.Fail,
            $"{session.SystemId}", $"{protection.SystemId}", otherSource);
        await SlotAsync(cancellationToken);
        return await CatalogAsync(cancellationToken);
    }

    /// <summary>Only what the catalog says: nothing that moves by itself.</summary>
    public async Task<List<SourceCheck>> CatalogAsync(CancellationToken cancellationToken)
    {
        uint[] oids = [.. protection.Tables.Select(table => table.Oid)];
        Dictionary<uint, TableFacts> tables = await catalog.TablesAsync(oids, cancellationToken);
        await PublicationAsync(tables, cancellationToken);
        Add(SourceDoctor.EventTriggers, session.EventTriggerCount == InstallSteps.EventTriggerCount, CheckStatus.Warn,
            $"{session.EventTriggerCount} of {InstallSteps.EventTriggerCount} on",
            "3 on, ENABLE ALWAYS: without them DDL is noticed only by comparing the catalog at intervals, and its statement is not sealed",
            _again.AsSuperuser);
        string functions = await OwnFunctions.DifferencesAsync(catalog, session.EventTriggerCount > 0, cancellationToken);
        Add("functions", functions.Length == 0, CheckStatus.Fail, functions.Length == 0 ? "as installed" : functions, "as installed",
            session.EventTriggerCount > 0 ? _again.AsSuperuser : _again.AsOwner);
        RelationName?[] named =
            await catalog.ResolveAsync([.. protection.Tables.Select(table => ((string?)table.Schema, table.Name))], cancellationToken);
        ILookup<uint, MemberFacts> members = await catalog.MembersAsync(oids, cancellationToken);
        Dictionary<uint, (bool Usage, bool Select)> grants = await catalog.GrantsAsync(session.Role, oids, cancellationToken);
        for (int i = 0; i < protection.Tables.Count; i++)
        {
            ProtectedTable table = protection.Tables[i];
            if (!tables.TryGetValue(table.Oid, out TableFacts? now) || (named[i] is { } found && found.Oid != table.Oid))
                AddGone(table, named[i], now);
            else AddTable(table, named[i], now, [.. members[table.Oid]], grants.GetValueOrDefault(table.Oid));
        }
        return _checks;
    }

    private async Task SlotAsync(CancellationToken cancellationToken)
    {
        SlotFacts? slot = (await catalog.QueryAsync("slot", [protection.Slot], SlotFacts.Read, cancellationToken)).FirstOrDefault();
        Add("slot", slot is not null, CheckStatus.Fail, slot is null ? $"{protection.Slot} is missing" : protection.Slot, protection.Slot,
            RunAgain);
        if (slot is null) return;
        bool healthy = slot.WalStatus is "reserved" or "extended", lost = slot.WalStatus == "lost";
        Add("slot read", slot.Active, CheckStatus.Warn,
            slot.Active ? $"by process {slot.ActivePid}" : "by nobody: nothing is captured, and the log is kept until it is",
            "by indelible run", "indelible run");
        Add("slot health", healthy, lost ? CheckStatus.Fail : CheckStatus.Warn, $"{slot.WalStatus}", "reserved", RunAgain);
        string lag = lost
            ? "nothing to measure: the slot is lost, see slot health"
            : $"{slot.LagBytes} bytes{(slot.SafeBytes is { } safe ? $", {safe} until it is lost" : "")}";
        Add("slot lag", healthy && !SourceDoctor.IsLagging(slot), CheckStatus.Warn, lag, "below 1 GiB, all of it kept",
            lost ? RunAgain : "indelible run # and see in indelible status that the lag shrinks");
    }

    private async Task PublicationAsync(Dictionary<uint, TableFacts> tables, CancellationToken cancellationToken)
    {
        PublicationFacts? publication =
            (await catalog.QueryAsync("publication", [protection.Publication], PublicationFacts.Read, cancellationToken)).FirstOrDefault();
        if (publication is null)
        {
            _checks.Add(
                new SourceCheck("publication", CheckStatus.Fail, $"{protection.Publication} is missing", protection.Publication,
                    _again.AsOwner) { Hides = protection.Tables });
            return;
        }
        // of one that was dropped its own check speaks
        List<ProtectedTable> absent =
            protection.Tables.FindAll(t => !publication.AllTables && !publication.Relations.Contains(t.Oid) && tables.ContainsKey(t.Oid));
        List<ProtectedTable> filtered = protection.Tables.FindAll(t => publication.Filtered.Contains(t.Oid));
        List<ProtectedTable> listed = protection.Tables.FindAll(t => publication.Listed.Contains(t.Oid));
        List<string> faults = [.. absent.Select(t => $"without {t.Schema}.{t.Name}")];
        if (!publication.PublishesAll) faults.Add($"only {publication.Operations}");
        if (publication.ViaRoot) faults.Add("via root");
        bool isOfAll = faults.Count > absent.Count;
        faults.AddRange(filtered.Select(t => $"{t.Schema}.{t.Name} with a row filter"));
        faults.AddRange(listed.Select(t => $"{t.Schema}.{t.Name} with a column list"));
        List<ProtectedTable> computed = publication.PublishesGenerated
            ? []
            : protection.Tables.FindAll(t => tables.TryGetValue(t.Oid, out TableFacts? now) && HasGenerated(t, now));
        faults.AddRange(computed.Select(t => $"{t.Schema}.{t.Name} without its generated columns"));
        string found = faults.Count > 0 ? string.Join(", ", faults) : $"{protection.Tables.Count} tables";
        _checks.Add(
            SourceCheck.Of("publication", faults.Count == 0, CheckStatus.Fail, found,
                "every protected table, all operations, not via root, whole rows", _again.AsOwner) with
        {
            Hides = isOfAll ? protection.Tables : [.. absent.Concat(filtered).Concat(listed).Concat(computed)],
        });
    }

    private static bool HasGenerated(ProtectedTable table, TableFacts now) =>
        table.Columns.Any(column => now.Columns.Any(one => one.Number == column.Number && one.Generated == "s"));

    private void AddGone(ProtectedTable table, RelationName? found, TableFacts? now)
    {
        string fix = found is null ? _again.Unprotect(table)
            : now is null ? _again.Successor(table)
            : $"{_again.AsOwner} # the protected table is {now.Name} now; "
                + "name the columns of the other one too, if they are to be protected";
        string there = found is null ? "no such table" : "another table of that name";
        _checks.Add(new SourceCheck(
            $"{table.Schema}.{table.Name}", CheckStatus.Fail, there, $"the table with oid {table.Oid}", fix) { Gone = table });
    }

    private void AddTable(
        ProtectedTable table, RelationName? found, TableFacts facts, List<MemberFacts> members, (bool Usage, bool Select) may)
    {
        (string name, RelationName now) = ($"{table.Schema}.{table.Name}", facts.Name);
        // renamed: captured as before
        Add(name, found is not null, CheckStatus.Note, now.ToString(), name, _again.AsOwner);
        string identity = table.DefaultIdentity ? "DEFAULT" : "FULL";
        AddMembers(table, [table], "identity", members, m => table.DefaultIdentity ? m.Identity != 'n' : m.Identity == 'f',
            m => $"ALTER TABLE ONLY {m.Name.Quoted} REPLICA IDENTITY {identity};", identity,
            m => m.Identity switch { 'd' => "DEFAULT", 'n' => "NOTHING", 'i' => "INDEX", _ => "FULL" });
        AddMembers(table, [], "trigger", members, m => m.TriggerEnabled == 'A', TriggerFix, "attribution trigger, ENABLE ALWAYS",
            m => m.TriggerEnabled switch
            {
                null => "missing", 'D' => "disabled", 'O' => "ENABLE", 'R' => "ENABLE REPLICA",
                _ => "another trigger of that name",
            });
        string role = PgIdentifier.Quote(session.Role);
        bool isReadable = may.Usage && may.Select;
        Add($"{name} readable", isReadable, CheckStatus.Fail, isReadable ? "yes" : "no", "yes, for baseline and crosscheck",
            $"GRANT USAGE ON SCHEMA {PgIdentifier.Quote(table.Schema)} TO {role}; GRANT SELECT ON {now.Quoted} TO {role};");
        bool bypasses = !facts.HasRowSecurity || session.IsSuperuser || session.MayBypassRowSecurity;
        Add($"{name} row-level security", bypasses, CheckStatus.Fail, facts.HasRowSecurity ? "on" : "off",
            "off, or a role that may bypass it", $"ALTER ROLE {role} BYPASSRLS;");
        Add($"{name} primary key", facts.Key.SequenceEqual(table.Key) && !facts.HasDeferrableKey, CheckStatus.Fail,
            string.Join(", ", facts.Key) + (facts.HasDeferrableKey ? " DEFERRABLE" : ""), string.Join(", ", table.Key),
            $"{_again.Unprotect(table, "another primary key")}\n{_again.Successor(table)}");
        Add($"{name} inheritance", !facts.HasChildren, CheckStatus.Warn,
            facts.HasChildren ? "has children, whose rows are not protected" : "none", "none",
            $"{_again.AsOwner} # and name the columns of the children; or: ALTER TABLE … NO INHERIT {now.Quoted};");
        foreach (ProtectedColumn column in table.Columns)
            AddColumn(table, column, facts.Columns.FirstOrDefault(now => now.Number == column.Number));
    }

    /// <summary>Another name or type is DDL that the record follows; only `protect` takes it over.</summary>
    private void AddColumn(ProtectedTable table, ProtectedColumn column, ColumnFacts? now)
    {
        CheckStatus otherwise = now is null ? CheckStatus.Fail : CheckStatus.Note;
        string found = now is null ? "no such column" : $"{now.Name} {now.Type}", expected = $"{column.Name} {column.Type}";
        string fix = now is null ? _again.Unprotect(table, "the column is gone", column) : _again.AsOwner;
        _checks.Add(SourceCheck.Of(
            $"{table.Schema}.{table.Name} column {column.Name}", found == expected, otherwise, found, expected, fix) with
        {
            Rewrites = table,
        });
    }

    private void AddMembers(
        ProtectedTable table, IReadOnlyList<ProtectedTable> hides, string what, List<MemberFacts> members,
        Func<MemberFacts, bool> isFine, Func<MemberFacts, string> fix, string expected, Func<MemberFacts, string> state)
    {
        List<MemberFacts> faulty = [.. members.Where(m => !isFine(m))];
        string named = string.Join(", ", faulty.Take(5).Select(m => $"{m.Name} ({state(m)})"));
        string found = faulty.Count == 0
            ? $"all {members.Count} relations"
            : $"not on {named}{(faulty.Count > 5 ? $" and {faulty.Count - 5} more" : "")}";
        string fixes = string.Join(" ", faulty.Select(fix));
        _checks.Add(SourceCheck.Of(
            $"{table.Schema}.{table.Name} {what}", faulty.Count == 0, CheckStatus.Fail, found, expected, fixes) with { Hides = hides });
    }

    private void Add(string name, bool isFine, CheckStatus otherwise, string found, string expected, string? fix) =>
        _checks.Add(SourceCheck.Of(name, isFine, otherwise, found, expected, fix));

    private string TriggerFix(MemberFacts member) => member.TriggerEnabled is null or '?'
        ? _again.AsOwner
        : $"ALTER TABLE ONLY {member.Name.Quoted} ENABLE ALWAYS TRIGGER {TableSteps.Trigger};";
}
