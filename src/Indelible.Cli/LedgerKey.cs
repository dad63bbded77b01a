using System.Text;
using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Ledger;

namespace Indelible.Cli;

/// <summary>A ledger's verifier key as typed: the key itself, or a file that holds it.</summary>
internal static class LedgerKey
{
    /// <exception cref="IndelibleException">Usage: it is no key, or that of a witness, or there is no such file.</exception>
    public static VerifierKey Read(string given, string option, Invocation invocation)
    {
        string path = invocation.Resolve(given);
        string text = given.Contains('+', StringComparison.Ordinal) && !Path.Exists(path)
            ? given
            : Encoding.UTF8.GetString(DurableFile.TryReadAll(path, VerifierKey.TextLengthMax)
                ?? throw new IndelibleException(ExitCode.Usage, $"{option}: expected a file, found nothing at {path}")).Trim();
        TextFault fault = VerifierKey.Parse(text, out VerifierKey? key);
        if (fault.IsNone && key!.IsCosigner) fault = new TextFault("expected the key of a ledger (type 1), found that of a witness");
        return fault.IsNone ? key! : throw new IndelibleException(ExitCode.Usage, $"{option}: {fault}");
    }
}
