using System.Security.Cryptography;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;

namespace Indelible.Format.Tests.Notes;

public sealed class NoteTextTests
{
    [Fact]
    public void Base64_is_read_in_its_one_spelling_and_in_no_other()
    {
        for (int length = 0; length <= 40; length++)
        {
            byte[] bytes = RandomNumberGenerator.GetBytes(length);
            string text = Convert.ToBase64String(bytes);
            Check(text, bytes);
            for (int i = 0; i < text.Length; i++)
            {
                foreach (char other in "AQgw+/=-_ \t\r\n\0\u00e9\u0141")
                {
                    Check(text[..i] + other + text[(i + 1)..]);
                    Check(text[..i] + other + text[i..]);
                }
                Check(text[..i]);
                Check(text.Remove(i, 1));
            }
            foreach (string more in (string[])["=", "==", "===", "====", " ", "\n", "A", "AAAA", "AA=="]) Check(text + more);
        }
    }

    [Fact]
    public void A_long_text_is_read_likewise()
    {
        byte[] bytes = RandomNumberGenerator.GetBytes(10_000);
        string text = Convert.ToBase64String(bytes);
        Check(text, bytes);
        Check(text.Insert(5_000, "\n\n\n\n"));
        Check(text[..5_000] + "====" + text[5_004..]);
        Check(text[..5_000] + "\u0141" + text[5_001..]);
    }

    /// <summary>It is canonical exactly if .NET's decoder and encoder lead back to it.</summary>
    private static void Check(string text, byte[]? expected = null)
    {
        byte[] buffer = new byte[text.Length];
        bool isCanonical = Convert.TryFromBase64String(text, buffer, out int length) && Convert.ToBase64String(buffer, 0, length) == text;
        if (expected is not null) Assert.Equal(expected, buffer[..length]);
        Assert.Equal(isCanonical, NoteText.TryParseBase64(text, out byte[] bytes));
        Assert.Equal(isCanonical ? buffer[..length] : [], bytes);
        Assert.Equal(isCanonical && length == Hash.Size, NoteText.TryParseHash(text, out Hash hash));
        if (isCanonical && length == Hash.Size) Assert.Equal(bytes, hash.Bytes.ToArray());
    }
}
