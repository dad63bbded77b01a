using Indelible.Format;

namespace Indelible.Capture.Slots;

/// <summary>Compares server and slot with what is protected and how far it is sealed.</summary>
internal static class SlotCheck
{
    /// <summary>Everything missed. Throws <see cref="IndelibleException"/> if the slot is somebody else's.</summary>
    public static IReadOnlyList<CaptureGap> Check(Protection protection, SourceIdentity server, SlotState? slot, ResumePoint? resume)
    {
        if (slot is not null) Refuse(protection, slot);
        List<CaptureGap> gaps = [];
        Lsn from = resume?.Confirmable ?? Lsn.None;
        Lsn to = slot is null || slot.IsLost ? Lsn.None : slot.Confirmed;
        AddServer(gaps, protection, server, resume, from, to);
        AddSlot(gaps, protection, slot, resume, from, to);
        return gaps;
    }

    /// <summary>False if the gap is such that this source's record cannot go on.</summary>
    public static bool CanGoOn(IReadOnlyList<CaptureGap> gaps) => !gaps.Any(gap => gap.Code is "log-behind" or "system-changed");

    /// <summary>True if there is no slot to read from.</summary>
    public static bool NeedsSlot(IReadOnlyList<CaptureGap> gaps) => gaps.Any(gap => gap.Code is "slot-missing" or "slot-lost");

    /// <summary>The error for a slot that another process reads from.</summary>
    public static IndelibleException InUse(string slot, string by) => new(
        ExitCode.Environment,
        $"replication slot '{slot}' is in use by {by}; expected it to be free. Is another 'indelible run' reading this source? "
            + "Stop it, or end that process with pg_terminate_backend, then try again.");

    private static void Refuse(Protection protection, SlotState slot)
    {
        if (slot.Plugin != "pgoutput" || !slot.IsHere)
        {
            throw new IndelibleException(ExitCode.Environment,
                $"replication slot '{protection.Slot}' belongs to plugin '{slot.Plugin}' in database '{slot.Database}'; "
                    + "expected a pgoutput slot in this database. Drop that slot or protect under another source name.");
        }
        if (slot.ActivePid is int pid) throw InUse(protection.Slot, $"server process {pid}");
    }

    private static void AddServer(
        List<CaptureGap> gaps, Protection protection, SourceIdentity server, ResumePoint? resume, Lsn from, Lsn to)
    {
        if (protection.SystemId != 0 && protection.SystemId != server.SystemId)
        {
            gaps.Add(new CaptureGap("system-changed", from, to,
                $"expected the cluster with system identifier {protection.SystemId}, found {server.SystemId}: "
                    + "a restored dump, an upgrade or another server. Check the connection; if the change is meant, protect again."));
        }
        if (resume is null) return;
        bool isBehind = server.FlushedTo < resume.Confirmable;
        if (resume.Timeline != 0 && resume.Timeline != server.Timeline)
        {
            string undone = isBehind
                ? $" Its log ends at {server.FlushedTo}, the ledger is sealed up to {resume.Confirmable}: "
                    + "what lies between is not in this server."
                : "";
            gaps.Add(new CaptureGap("timeline-changed", from, to,
                $"expected timeline {resume.Timeline}, found {server.Timeline}: a standby was promoted or a backup restored. "
                    + $"Transactions may have been lost or undone.{undone}"));
        }
        else if (isBehind)
        {
            gaps.Add(new CaptureGap("log-behind", from, Lsn.None,
                $"the ledger is sealed up to {resume.Confirmable}, the server's log ends at {server.FlushedTo}: "
                    + "the database was set back to an earlier state. Protect it as a new source."));
        }
    }

    private static void AddSlot(List<CaptureGap> gaps, Protection protection, SlotState? slot, ResumePoint? resume, Lsn from, Lsn to)
    {
        if (slot is null)
        {
            gaps.Add(new CaptureGap("slot-missing", from, to,
                $"replication slot '{protection.Slot}' does not exist: what was changed since {from} cannot be read. It is made again."));
        }
        else if (slot.IsLost)
        {
            gaps.Add(new CaptureGap("slot-lost", from, to,
                $"replication slot '{protection.Slot}' was invalidated (max_slot_wal_keep_size): "
                    + $"what was changed since {from} cannot be read. It is made again."));
        }
        else if (resume is not null && slot.Confirmed > resume.Confirmable)
        {
            gaps.Add(new CaptureGap("slot-ahead", from, to,
                $"replication slot '{protection.Slot}' stands at {slot.Confirmed}, the ledger is sealed up to {resume.Confirmable}: "
                    + "the slot was advanced or made anew, or the ledger is an old copy. Changes in between cannot be read."));
        }
    }
}
