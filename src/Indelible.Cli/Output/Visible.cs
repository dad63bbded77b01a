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

    private static bool IsUnfit(char c) =>
        char.IsControl(c)
            || c is '\u2028' or '\u2029' or (>= '\u200e' and <= '\u200f') or (>= '\u202a' and <= '\u202e') or (>= '\u2066' and <= '\u2069');
}
