using System.Net.Sockets;
using Indelible.Format;
using Indelible.Ledger;

namespace Indelible.Cli;

/// <summary>Failures of the world, told in words with an exit code. What is not listed is a bug of ours and shows its stack.</summary>
internal static class Failure
{
    /// <summary>Null for an exception that is a bug.</summary>
    public static (ExitCode ExitCode, string Message)? Explain(Exception exception) => exception switch
    {
        IndelibleException e => (e.ExitCode, e.Message),
        LedgerCorruptException e => (ExitCode.Finding, e.Message),
        Ledger.Stores.CopyContradictsException e => (ExitCode.Finding, e.Message),
        Ledger.Stores.CopyDamagedException e => (ExitCode.Finding, e.Message),
        Index.IndexDamagedException e => (ExitCode.Environment,
            $"{e.Message}\n  make it again from the ledger with `indelible index rebuild`; if that does not last, check the disk"),
        Index.IndexDiskException e => (ExitCode.Environment, e.Message),
        FileNotFoundException e => (ExitCode.Usage,
            $"{e.Message}\n  is this a ledger? name one with --ledger DIR, or make one with `indelible init --origin NAME`"),
        UnauthorizedAccessException e => (ExitCode.Environment, $"{e.Message}\n  check the owner and mode of that path"),
        IOException e when DiskIsFull(e) =>
            (ExitCode.Environment, $"{e.Message}\n  the disk is full: free some space and run again; nothing sealed is lost"),
        IOException e => (ExitCode.Environment, e.Message),
        System.Data.Common.DbException e => (ExitCode.Environment, $"PostgreSQL: {Capture.ServerWords.Cut(e.Message)}"),
        SocketException e => (ExitCode.Environment, e.Message),
        HttpRequestException e => (ExitCode.Environment, e.Message),
        TimeoutException e => (ExitCode.Environment, e.Message),
        OutOfMemoryException => (ExitCode.Environment,
            $"expected to get along with {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 20} MiB of memory, found that more is needed\n"
                + "  one value of 1 GiB takes about eight times as much while it passes; a server that answers without end may be none: "
                + "see docs/reliability.md. Nothing sealed is lost"),
        _ => null,
    };

    private static bool DiskIsFull(IOException e) => (e.HResult & 0xFFFF) == 28
        || e.Message.Contains("No space left", StringComparison.Ordinal);
}
