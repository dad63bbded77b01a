using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Indelible.Format.Notes;

/// <summary>The small rules that notes, checkpoints, policies and evidence share: lines, numbers, base64, names.</summary>
internal static class NoteText
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Decodes UTF-8 without control characters other than newline, ending in a newline. c2sp.org/signed-note.</summary>
    public static TextFault Decode(ReadOnlySpan<byte> bytes, int lengthMax, out string text)
    {
        text = "";
        if (bytes.Length > lengthMax) return new TextFault($"expected at most {lengthMax} bytes, found {bytes.Length}");
        if (!System.Text.Unicode.Utf8.IsValid(bytes)) return new TextFault("expected valid UTF-8");
        int control = bytes.IndexOfAnyInRange((byte)0x00, (byte)0x09);
        if (control < 0) control = bytes.IndexOfAnyInRange((byte)0x0B, (byte)0x1F);
        if (control >= 0)
            return new TextFault($"expected no control characters, found 0x{bytes[control]:x2}", 1 + bytes[..control].Count((byte)'\n'));
        if (bytes.IsEmpty || bytes[^1] != '\n') return new TextFault("expected a newline at the end");
        text = Strict.GetString(bytes);
        return TextFault.None;
    }

    /// <summary>A key or origin name: not empty, no Unicode space, no plus sign. c2sp.org/signed-note.</summary>
    public static bool IsName(ReadOnlySpan<char> name)
    {
        foreach (char c in name)
            if (c == '+' || char.IsWhiteSpace(c) || char.IsControl(c)) return false;
        return name.Length > 0;
    }

    /// <summary>A decimal number from 0 to <paramref name="max"/>, without sign, leading zeros or spaces.</summary>
    public static bool TryParseNumber(ReadOnlySpan<char> text, long max, out long number)
    {
        bool isNumber = long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
        return isNumber && number <= max && (text.Length == 1 || text[0] != '0');
    }

    /// <summary>Base64 (RFC 4648 §4) in its one canonical spelling: padded, no spaces, unused bits zero.</summary>
    public static bool TryParseBase64(ReadOnlySpan<char> text, out byte[] bytes)
    {
        bytes = [];
        if (text.Length % 4 != 0 || !Base64.IsValid(text)) return false;
        byte[] buffer = new byte[text.Length / 4 * 3];
        if (!Convert.TryFromBase64Chars(text, buffer, out int length)) return false;
        Array.Resize(ref buffer, length);
        if (!text.SequenceEqual(Convert.ToBase64String(buffer))) return false;
        bytes = buffer;
        return true;
    }
}
