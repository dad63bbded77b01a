using System.Text;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Server;

namespace Indelible.Cli;

/// <summary>The blind token of a value somebody looks for: the index holds tokens, never values.</summary>
internal static class ValueTokens
{
    public static byte[] Of(LedgerView ledger, IndelibleConfig config, string? source, TableName? table, string? column, string value)
    {
        if (table is null || column is null) throw new IndelibleException(ExitCode.Usage, "--value: expected --table and --column with it: tokens are made per column");
        (string name, ProtectedTable found) = ProtectedTables.Find(config, source, table.Schema, table.Name);
        return ledger.Keyring.BlindToken(name, found.Id, column, Encoding.UTF8.GetBytes(value));
    }
}
