using System.Text.RegularExpressions;
using Indelible.Format;
using Npgsql;

namespace Indelible.Capture;

/// <summary>A change that the server cannot deliver, however often it is asked:
/// both versions of the row together are longer than its text form can be (1 GB).</summary>
public sealed partial class UndeliverableChangeException : Exception
{
    private UndeliverableChangeException(Lsn at, PostgresException cause)
        : base($"the server cannot deliver the change at {at} ({ServerWords.Of(cause)}): "
            + "the row's old and new version together pass 1 GB of text", cause) => At = at;

    /// <summary>Where the change lies in the log; none if the server does not say.</summary>
    public Lsn At { get; }

    /// <summary>The failure of a stream as such an exception; null if it is another failure.</summary>
    internal static UndeliverableChangeException? From(PostgresException failure)
    {
        bool isTooLong = failure.SqlState == PostgresErrorCodes.ProgramLimitExceeded
            || (failure.SqlState == PostgresErrorCodes.InternalError
                && failure.MessageText.StartsWith("invalid memory alloc request size", StringComparison.Ordinal));
        // The server's context names slot, plugin and position, in its own language.
        if (!isTooLong || failure.Where?.Contains("\"pgoutput\"", StringComparison.Ordinal) != true) return null;
        Match position = PositionPattern().Match(failure.Where);
        return new UndeliverableChangeException(position.Success ? Lsn.Parse(position.Value) : Lsn.None, failure);
    }

    [GeneratedRegex("[0-9A-F]{1,8}/[0-9A-F]{1,8}", RegexOptions.CultureInvariant)]
    private static partial Regex PositionPattern();
}
