using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Indelible.Format.Merkle;

namespace Indelible.Format.Notes;

/// <summary>The small rules that notes, checkpoints, policies and evidence share: lines, numbers, base64, names.</summary>
internal static class NoteText
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private const int OnStackMax = 128;

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
        byte[] decoded = new byte[DecodedLength(text)];
        bool isCanonical = TryDecode(text, decoded);
        bytes = isCanonical ? decoded : [];
        return isCanonical;
    }

    /// <summary>The same of exactly 32 bytes.</summary>
    public static bool TryParseHash(ReadOnlySpan<char> text, out Hash hash)
    {
        Span<byte> decoded = stackalloc byte[Hash.Size];
        bool isHash = DecodedLength(text) == Hash.Size && TryDecode(text, decoded);
        hash = isHash ? Hash.Read(decoded) : default;
        return isHash;
    }

    private static int DecodedLength(ReadOnlySpan<char> text) =>
        Math.Max(0, (text.Length / 4 * 3) - (text.EndsWith("==") ? 2 : text.EndsWith("=") ? 1 : 0));

    private static bool TryDecode(ReadOnlySpan<char> text, Span<byte> bytes)
    {
        if (text.Length % 4 != 0 || text.ContainsAny(" \t\r\n")) return false;       // the decoder would pass over spaces
        Span<byte> ascii = text.Length <= OnStackMax ? stackalloc byte[OnStackMax] : new byte[text.Length];
        if (Ascii.FromUtf16(text, ascii, out int count) != OperationStatus.Done) return false;
        if (Base64.DecodeFromUtf8(ascii[..count], bytes, out _, out int length) != OperationStatus.Done || length != bytes.Length)
            return false;
        // Only the last four characters can have bits that are not used.
        Span<char> last = stackalloc char[4];
        int rest = length == 0 ? 0 : ((length - 1) % 3) + 1;
        Convert.TryToBase64Chars(bytes[(length - rest)..], last, out int written);
        return text.EndsWith(last[..written]);
    }
}
