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

    /// <summary>All words, for messages.</summary>
    public static string All<T>() where T : struct, Enum => string.Join(", ", Enum.GetValues<T>().Select(Of));
}
