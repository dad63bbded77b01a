using Indelible.Format;
using Indelible.Format.Notes;

namespace Indelible.Server.Mirroring;

/// <summary>Checks what the configuration says about mirrors, and makes its paths absolute.</summary>
internal static class MirrorCheck
{
    private const int NameLengthMax = 32;

    /// <summary>Throws a usage error at the first value that cannot be.</summary>
    public static void Check(string path, MirrorConfig mirror)
    {
        ConfigFile.Range(path, "mirror.intervalSeconds", mirror.IntervalSeconds, 1, 3_600);
        ConfigFile.Range(path, "mirror.staleSeconds", mirror.StaleSeconds, 1, 86_400);
        Expect(mirror.Name is null || Checkpoint.IsOrigin(mirror.Name),
            $"{path}: mirror.name: expected the name of a key without spaces and plus signs, found '{mirror.Name}'");
        foreach ((string name, MirroredLedgerConfig ledger) in mirror.Ledgers)
        {
            Expect(IsName(name), $"{path}: mirror.ledgers: expected names of 1 to {NameLengthMax} of a-z, 0-9, - and _, found '{name}'");
            Expect(ledger.From.Length > 0,
                $"{path}: mirror.ledgers.{name}.from: expected an http or https address or a directory, found nothing");
            Expect(VerifierKey.Parse(ledger.Key, out VerifierKey? key).IsNone && !key!.IsCosigner,
                $"{path}: mirror.ledgers.{name}.key: expected the ledger's verifier key, <name>+<hex id>+<base64>, found '{ledger.Key}'");
        }
    }

    /// <summary>Relative paths are relative to <paramref name="home"/>.</summary>
    public static void Resolve(MirrorConfig mirror, string home)
    {
        mirror.Directory = Path.GetFullPath(mirror.Directory ?? "mirrors", home);
        mirror.KeyFile = Path.GetFullPath(mirror.KeyFile ?? "mirror.key", home);
        for (int i = 0; i < mirror.Compare.Count; i++) mirror.Compare[i] = Place(mirror.Compare[i], home);
        foreach ((string name, MirroredLedgerConfig ledger) in mirror.Ledgers)
        {
            ledger.From = Place(ledger.From, home);
            ledger.To = Path.GetFullPath(ledger.To ?? name, mirror.Directory);
        }
    }

    private static string Place(string place, string home) => place.Contains("://", StringComparison.Ordinal)
        ? place : Path.GetFullPath(place, home);

    private static bool IsName(string name) =>
        name.Length is > 0 and <= NameLengthMax && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '_')
            && name is not ("healthz" or "readyz" or "metrics");

    private static void Expect(bool holds, string message)
    {
        if (!holds) throw new IndelibleException(ExitCode.Usage, message);
    }
}
