using Indelible.Format.Entries;

namespace Indelible.Server;

/// <summary>The words the format's numbers stand for, as commands and metrics spell them.</summary>
public static class Words
{
    /// <summary>Lowercase word of a kind, operation, grade or policy.</summary>
    public static string Of<T>(T value) where T : struct, Enum => value.ToString().ToLowerInvariant();

    /// <summary>The value a word stands for; null if none.</summary>
    public static T? Parse<T>(string word) where T : struct, Enum =>
        Enum.TryParse(word, ignoreCase: true, out T value) && Enum.IsDefined(value) && !char.IsAsciiDigit(word[0]) ? value : null;

    /// <summary>A number and what it counts: <c>1 table</c>, <c>2 tables</c>.</summary>
    /// <param name="count">How many.</param>
    /// <param name="one">The word for one.</param>
    /// <param name="many">The word for several; null: with an s.</param>
    public static string Count(long count, string one, string? many = null) => $"{count} {(count == 1 ? one : many ?? one + "s")}";

    /// <summary>All words, for messages.</summary>
    public static string All<T>() where T : struct, Enum => string.Join(", ", Enum.GetValues<T>().Select(Of));
}
