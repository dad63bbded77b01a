using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Indelible.Cli;

/// <summary>What people type, at the end of each command's help.</summary>
internal static class Examples
{
    private static readonly Dictionary<string, string[]> ByCommand = new(StringComparer.Ordinal)
    {
        ["init"] = ["indelible init --origin example.org/crm"],
        ["protect"] =
        [
            "indelible protect --source 'Host=db;Database=crm;Username=owner' --dry-run patients.ssn   # prints the SQL",
            "indelible protect --source 'Host=db;Database=crm;Username=owner' patients.ssn patients.phone=digest",
            "indelible protect --source 'Host=db;Database=crm;Username=owner' --password-file owner.password "
                + "hr.staff.salary '\"Billing Dept\".Invoice.IBAN'",
            "indelible protect --source 'Host=db;Database=crm;Username=owner'   # after an upgrade or a migration: "
                + "what is protected already",
        ],
        ["unprotect"] =
        [
            "indelible unprotect --source 'Host=db;Database=crm;Username=owner' --reason 'column dropped' patients.phone",
            "indelible unprotect --source 'Host=db;Database=crm;Username=owner' --reason 'system retired'   # all of it",
        ],
        ["run"] = ["indelible run", "indelible run --listen 127.0.0.1:0 --config /etc/indelible.json"],
        ["status"] = ["indelible status", "indelible status --json | jq '.sources[] | {source, state, lagBytes}'"],
        ["coverage"] = ["indelible coverage", "indelible coverage --source crm --json"],
        ["doctor"] = ["indelible doctor", "indelible doctor --source 'Host=db;Database=crm;Username=owner'   # before protecting"],
        ["log"] =
        [
            "indelible log --operator anna --since 2h",
            "indelible log --table patients --column ssn --grade none --since 2026-11-01 --until 2026-12-01",
            "indelible log --grade none --verify --verifier-key crm.vkey --json",
            "echo 987-65-4321 | indelible log --table patients --column ssn --value -",
        ],
        ["history"] =
        [
            "indelible history patients 17 --column ssn",
            "indelible history billing.pay 'region=eu, id=4'",
            "indelible history patients 17 --as-of 2026-11-23T09:00Z --reason 'complaint 881'",
        ],
        ["show"] = ["indelible show 811"],
        ["prove"] = ["indelible prove 811 -o entry.tlog-proof"],
        ["verify"] =
        [
            "indelible verify --key example.org/crm+b5788aea+AaSV…",
            "indelible verify https://audit.example.org/crm --key crm.vkey --older last-month.checkpoint",
            "indelible verify entry.tlog-proof --key crm.vkey",
        ],
        ["crosscheck"] = ["indelible crosscheck", "indelible crosscheck --table people --key 17 --reveal --reason \"ticket 4711\"",
            "indelible crosscheck --mirror /srv/copy/ledger --json"],
        ["reveal"] = ["indelible reveal 811 --column ssn --side after --reason 'complaint 881'"],
        ["index rebuild"] = ["indelible index rebuild"],
        ["keys export"] = ["indelible keys export /mnt/vault/crm.keyring"],
        ["keys rotate"] = ["indelible keys rotate --reason 'the old key was on a laptop'"],
        ["keys rotate-master"] = ["indelible keys rotate-master --reason 'yearly'"],
        ["rotate"] =
            ["indelible rotate --successor example.org/crm-2027 --to /srv/audit-2027 --target vault=crm-2027/ --reason 'end of the year'"],
        ["hold"] = ["indelible hold example.org/crm --reason 'case 4711'"],
        ["release"] = ["indelible release example.org/crm --reason 'case 4711 is closed'"],
        ["dispose"] = ["indelible dispose example.org/crm --reason 'ten years are over'"],
        ["alerts test"] = ["indelible alerts test"],
        ["mirror run"] =
        [
            "indelible mirror run   # the ledgers that the configuration names under mirror",
            "indelible mirror run --from https://audit.example.org/crm --key crm.vkey --to /srv/copies/crm --name mirror.example.net/one",
            "indelible mirror run --once --from /mnt/audit/ledger --key crm.vkey --to /srv/copies/crm",
        ],
        ["copies forget"] = ["indelible copies forget vault"],
        ["mirror restore"] =
        [
            "indelible mirror restore --from /srv/copies/crm/ledger --key crm.vkey --heads https://witness.example.net",
            "indelible mirror restore --from https://mirror.example.net/crm --key crm.vkey --successor example.org/crm-2 --to /srv/audit2",
        ],
        ["witness run"] = ["indelible witness run   # as the configuration says under witness",
            "indelible witness run --name witness.example.net/one --log crm.vkey --to /srv/witness"],
        ["demo"] = ["indelible demo", "indelible demo --once --dir /tmp/demo --json", "indelible demo --copies"],
    };

    /// <summary>Adds them to the help of every command below.</summary>
    public static void AddTo(RootCommand root)
    {
        if (root.Options.OfType<HelpOption>().FirstOrDefault() is { Action: HelpAction plain } help) help.Action = new WithExamples(plain);
    }

    /// <summary>The help as the library prints it, then the examples.</summary>
    internal sealed class WithExamples(HelpAction plain) : SynchronousCommandLineAction
    {
        /// <summary>Whoever asks for help need not have typed the rest.</summary>
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            int exitCode = plain.Invoke(parseResult);
            if (!ByCommand.TryGetValue(UsageError.Words(parseResult.CommandResult), out string[]? examples)) return exitCode;
            TextWriter output = parseResult.InvocationConfiguration.Output;
            output.WriteLine("Examples:");
            foreach (string example in examples) output.WriteLine($"  {example}");
            output.WriteLine();
            return exitCode;
        }
    }
}
