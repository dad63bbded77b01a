using System.Globalization;
using System.Text;
using Indelible.Format;
using Indelible.Ledger;
using Indelible.Ledger.Stores;

namespace Indelible.Server.Replication;

/// <summary>Remembers, beside the journal, how far one copy is: that it lost something is noticed,
/// and what was stored is not stored again.</summary>
/// <param name="journalDirectory">The ledger's journal.</param>
/// <param name="target">Name of the target.</param>
public sealed class TargetMemory(string journalDirectory, string target)
{
    private const string Header = "indelible copy v1";
    private const string Held = "held";
    private const int LengthMax = 1024;

    private readonly string _path = Path.Combine(journalDirectory, "targets", target);

    /// <summary>What is known; nothing, of another ledger or at the beginning.</summary>
    internal TargetRecord Read(string origin)
    {
        string[] lines = Encoding.UTF8.GetString(DurableFile.TryReadAll(_path, LengthMax) ?? []).Split('\n');
        return lines.Length is 7 or 8 && lines[0] == Header && lines[1] == origin && Number(lines[2], out long size)
            && Number(lines[3], out long copied) && Number(lines[4], out long at) && Number(lines[5], out long locked)
            ? new TargetRecord(new CopyProgress(size, copied), new MicroTime(at), new MicroTime(locked), lines[6] == Held) : default;
    }

    /// <summary>Durable when it returns.</summary>
    internal void Write(string origin, TargetRecord known)
    {
        DurableFile.MakeSecretDirectory(Path.GetDirectoryName(_path)!);
        DurableFile.ReplaceSecret(_path, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $"{Header}\n{origin}\n{known.Progress.Size}\n{known.Progress.Copied}\n{known.At.Micros}\n{known.LockedAt.Micros}\n"
                + $"{(known.IsHeld ? Held : "not-held")}\n")));
    }

    /// <summary>Forgets it; false if there was nothing to forget.</summary>
    public bool Forget()
    {
        bool known = Path.Exists(_path);
        DurableFile.Delete(_path);
        return known;
    }

    private static bool Number(string text, out long number) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}

/// <summary>What is known of a copy.</summary>
/// <param name="Progress">How far it is.</param>
/// <param name="At">When that was so.</param>
/// <param name="LockedAt">When all its locks were begun to be extended last.</param>
/// <param name="IsHeld">Whether the storage's own legal hold was laid on all of it.</param>
internal readonly record struct TargetRecord(CopyProgress Progress, MicroTime At, MicroTime LockedAt, bool IsHeld);
