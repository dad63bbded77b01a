namespace Indelible.Format;

/// <summary>How the command ends; the number is the process's exit code.</summary>
public enum ExitCode
{
    /// <summary>Nothing to report.</summary>
    Fine = 0,
    /// <summary>Something is wrong with what was examined: verification failed, a difference, a gap, a blind spot.</summary>
    Finding = 1,
    /// <summary>Wrong usage or configuration.</summary>
    Usage = 2,
    /// <summary>Disk, network or database failed.</summary>
    Environment = 3,
}

/// <summary>A failure meant for the person at the terminal.
/// The message says what was expected, what was found, where, and what to do.</summary>
public sealed class IndelibleException : Exception
{
    /// <param name="exitCode">What the process exits with.</param>
    /// <param name="message">Never holds a protected value or a key.</param>
    /// <param name="cause">What failed underneath; null if nothing did.</param>
    public IndelibleException(ExitCode exitCode, string message, Exception? cause = null) : base(message, cause) => ExitCode = exitCode;

    /// <summary>What the process exits with.</summary>
    public ExitCode ExitCode { get; }

    /// <summary>True if another process has what was asked for: it may be free in a moment, or answer itself.</summary>
    public bool IsBusy { get; init; }
}
