using System.Globalization;
using System.Text;
using Indelible.Ledger;

namespace Indelible.Server.Alerts;

/// <summary>Remembers, beside the journal, up to which entry one target was told everything. The ledger itself is the queue.</summary>
/// <param name="journalDirectory">The ledger's journal.</param>
/// <param name="target">Name of the target.</param>
internal sealed class AlertCursor(string journalDirectory, string target)
{
    private const string Header = "indelible alerts v1";
    private const int LengthMax = 1024;

    private readonly string _path = Path.Combine(journalDirectory, "alerts", target);

    /// <summary>The first entry not told of. Where that is not known, because the file is missing (the target is new, or it was lost),
    /// another ledger's or damaged, it is the ledger's first: nothing proves that anything was told.</summary>
    /// <param name="origin">The ledger.</param>
    /// <param name="fault">What is wrong with a file that is there, in words; else null.</param>
    public long Read(string origin, out string? fault)
    {
        fault = null;
        byte[]? content = DurableFile.TryReadAll(_path, LengthMax);
        if (content is null) return 0;
        string[] lines = Encoding.UTF8.GetString(content).Split('\n');
        if (lines.Length == 4 && lines[0] == Header && lines[1] == origin
            && long.TryParse(lines[2], NumberStyles.None, CultureInfo.InvariantCulture, out long index)) return index;
        fault = $"expected '{Header}', the ledger's origin and the number of an entry in {_path}, found something else";
        return 0;
    }

    /// <summary>Durable when it returns.</summary>
    public void Write(string origin, long index)
    {
        DurableFile.MakeSecretDirectory(Path.GetDirectoryName(_path)!);
        DurableFile.ReplaceSecret(
            _path, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Header}\n{origin}\n{index}\n")));
    }
}
