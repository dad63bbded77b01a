using System.Globalization;
using System.Text;

namespace Indelible.Cli.Output;

/// <summary>Text from a database, fit for a terminal: nobody's key or name may clear the screen,
/// recolour it or reverse its order.</summary>
internal static class Visible
{
    /// <summary>Control characters, and those that turn the direction of writing, as escapes such as <c>\n</c> or <c>\u001b</c>.</summary>
    public static string Of(string text)
    {
        if (!text.Any(IsUnfit)) return text;
        StringBuilder visible = new(text.Length + 16);
        foreach (char c in text)
        {
            if (!IsUnfit(c)) visible.Append(c);
            else if (c is '\n' or '\r' or '\t') visible.Append('\\').Append(c switch { '\n' => 'n', '\r' => 'r', _ => 't' });
            else visible.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
        }
        return visible.ToString();
    }

    /// <summary>Columns of a terminal that the text takes: two for what East Asian scripts write wide, none for what is put on
    /// the character before. Unicode Standard Annex 11, to the blocks that matter.</summary>
    public static int Width(string text)
    {
        int width = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool isOnAnother = Rune.GetUnicodeCategory(rune)
                is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format;
            width += isOnAnother ? 0 : IsWide(rune.Value) ? 2 : 1;
        }
        return width;
    }

    /// <summary>The text with blanks up to this many columns.</summary>
    public static string Pad(string text, int width) => text + new string(' ', Math.Max(0, width - Width(text)));

    private static bool IsWide(int character) => character
        is (>= 0x1100 and <= 0x115f) or (>= 0x2e80 and <= 0x303e) or (>= 0x3041 and <= 0xa4cf) or (>= 0xac00 and <= 0xd7a3)
        or (>= 0xf900 and <= 0xfaff) or (>= 0xfe30 and <= 0xfe6f) or (>= 0xff00 and <= 0xff60) or (>= 0xffe0 and <= 0xffe6)
        or (>= 0x1f300 and <= 0x1f64f) or (>= 0x1f900 and <= 0x1f9ff) or (>= 0x20000 and <= 0x3fffd);

    private static bool IsUnfit(char c) =>
        char.IsControl(c)
            || c is '\u2028' or '\u2029' or (>= '\u200e' and <= '\u200f') or (>= '\u202a' and <= '\u202e') or (>= '\u2066' and <= '\u2069');
}
