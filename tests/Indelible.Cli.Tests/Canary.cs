using System.Text;

namespace Indelible.Cli.Tests;

/// <summary>A word that stands in every protected value of a test, and every form in which it could be found again
/// where it must not be.</summary>
internal static class Canary
{
    /// <summary>Nine bytes: enough for each of base64's three alignments to leave a stretch that depends on nothing else.</summary>
    public const string Word = "Zq7kCanry";

    private static readonly (string Form, byte[] Bytes)[] Forms = [.. AllForms()];

    /// <summary>The forms in which the word stands in these bytes; none, one hopes.</summary>
    public static IEnumerable<string> FoundIn(byte[] bytes) =>
        Forms.Where(form => bytes.AsSpan().IndexOf(form.Bytes) >= 0).Select(form => form.Form);

    private static IEnumerable<(string, byte[])> AllForms()
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(Word);
        yield return ("UTF-8", utf8);
        yield return ("UTF-8 in capitals", Encoding.UTF8.GetBytes(Word.ToUpperInvariant()));
        yield return ("UTF-8 in small letters", Encoding.UTF8.GetBytes(Word.ToLowerInvariant()));
        yield return ("UTF-8 backwards", [.. utf8.Reverse()]);
        yield return ("UTF-16 little-endian", Encoding.Unicode.GetBytes(Word));
        yield return ("UTF-16 big-endian", Encoding.BigEndianUnicode.GetBytes(Word));
        yield return ("UTF-32", Encoding.UTF32.GetBytes(Word));
        yield return ("hex", Encoding.ASCII.GetBytes(Convert.ToHexStringLower(utf8)));
        yield return ("hex in capitals", Encoding.ASCII.GetBytes(Convert.ToHexString(utf8)));
        yield return ("hex in UTF-16", Encoding.Unicode.GetBytes(Convert.ToHexStringLower(utf8)));
        for (int before = 0; before < 3; before++)
        {
            string whole = Convert.ToBase64String([.. new byte[before], .. utf8, 0, 0, 0]);
            int first = ((8 * before) + 5) / 6, end = 8 * (before + utf8.Length) / 6;
            yield return ($"base64 after {before} bytes", Encoding.ASCII.GetBytes(whole[first..end]));
        }
    }
}
