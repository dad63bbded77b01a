using Npgsql;

namespace Indelible.Capture;

/// <summary>What a server says of a failure, cut: it may be of any length, and it goes into logs, status and guard entries.</summary>
public static class ServerWords
{
    private const int LengthMax = 1_000;

    /// <summary>Its message.</summary>
    public static string Of(PostgresException failure) => Cut(failure.MessageText);

    /// <summary>A text that holds such a message: its beginning, and an ellipsis where something is left out.</summary>
    public static string Cut(string text) => text.Length <= LengthMax ? text : $"{text.AsSpan(0, LengthMax)}…";
}
