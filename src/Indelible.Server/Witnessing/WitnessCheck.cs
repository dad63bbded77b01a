using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Ledger;

namespace Indelible.Server.Witnessing;

/// <summary>Checks what the configuration says about witnesses, and makes its paths absolute.</summary>
internal static class WitnessCheck
{
    /// <summary>Throws a usage error at the first value that cannot be.</summary>
    public static void Check(string path, IndelibleConfig config)
    {
        if (config.Witness is { } witness)
        {
            Expect(Checkpoint.IsOrigin(witness.Name),
                $"{path}: witness.name: expected the name of a key without spaces and plus signs, found '{witness.Name}'");
            foreach (WitnessedLogConfig log in witness.Logs)
            {
                Expect(VerifierKey.Parse(log.Key, out VerifierKey? key).IsNone && !key!.IsCosigner,
                    $"{path}: witness.logs: expected a ledger's verifier key, <name>+<hex id>+<base64>, found '{log.Key}'");
            }
        }
        if (config.Witnesses is not { } witnesses) return;
        ConfigFile.Range(path, "witnesses.intervalSeconds", witnesses.IntervalSeconds, 1, 3_600);
        ConfigFile.Range(path, "witnesses.staleSeconds", witnesses.StaleSeconds, 1, 86_400);
        Expect(witnesses.Policy.Length > 0, $"{path}: witnesses.policy: expected a policy file, found nothing");
    }

    /// <summary>Relative paths are relative to <paramref name="home"/>.</summary>
    public static void Resolve(IndelibleConfig config, string home)
    {
        if (config.Witness is { } witness)
        {
            witness.Directory = Path.GetFullPath(witness.Directory ?? "witness", home);
            witness.KeyFile = Path.GetFullPath(witness.KeyFile ?? "witness.key", home);
        }
        if (config.Witnesses is { } witnesses) witnesses.Policy = Path.GetFullPath(witnesses.Policy, home);
    }

    /// <summary>The policy that a ledger's heads are to meet.</summary>
    /// <exception cref="IndelibleException">Usage: no such file, no policy, one without this ledger,
    /// or one whose quorum can never be met.</exception>
    public static Policy ReadPolicy(string path, VerifierKey ledgerKey)
    {
        byte[] bytes = DurableFile.TryReadAll(path, Policy.LengthMax)
            ?? throw new IndelibleException(ExitCode.Usage, $"witnesses.policy: expected a file, found nothing at {path}");
        TextFault fault = Policy.Parse(bytes, out Policy? policy);
        if (!fault.IsNone) throw new IndelibleException(ExitCode.Usage, $"{path}: {fault}");
        string known = policy!.Ledgers.Count == 0 ? "no log" : string.Join(", ", policy.Ledgers);
        Expect(policy.Ledgers.Contains(ledgerKey), $"{path}: expected this ledger, 'log {ledgerKey}', found {known}");
        Expect(policy.AsksForCosignatures, $"{path}: expected a quorum of witnesses, found 'quorum none'");
        foreach ((string name, VerifierKey _, string? address) in policy.WitnessAddresses)
        {
            Expect(address is null || (Uri.TryCreate(address, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https"),
                $"{path}: witness {name}: expected an http or https address, found '{address}'");
        }
        Expect(policy.WitnessAddresses.Any(witness => witness.Address is not null),
            $"{path}: expected an address with a witness, 'witness <name> <vkey> <url>', found none: nobody could be asked");
        return policy;
    }

    private static void Expect(bool holds, string message)
    {
        if (!holds) throw new IndelibleException(ExitCode.Usage, message);
    }
}
