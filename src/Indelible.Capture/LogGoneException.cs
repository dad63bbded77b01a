using System.Text.RegularExpressions;
using Npgsql;

namespace Indelible.Capture;

/// <summary>The server no longer has the log its slot stands at, although it still shows the slot as healthy:
/// files were removed, or it was started anew with <c>pg_resetwal</c>.</summary>
public sealed partial class LogGoneException : Exception
{
    private LogGoneException(PostgresException cause)
        : base($"the server no longer has the log to go on from ({ServerWords.Of(cause)}): files were removed from it, "
            + "or pg_resetwal began a new one", cause) { }

    /// <summary>The failure of a stream as such an exception; null if it is another failure.</summary>
    internal static LogGoneException? From(PostgresException failure) =>
        failure.SqlState == PostgresErrorCodes.UndefinedFile && SegmentPattern().IsMatch(failure.MessageText)
            ? new LogGoneException(failure) : null;

    /// <summary>Name of a segment; the words around it are in the server's own language.</summary>
    [GeneratedRegex("[0-9A-F]{24}", RegexOptions.CultureInvariant)]
    private static partial Regex SegmentPattern();
}
