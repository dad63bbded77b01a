using System.Text;

namespace Indelible.Cli;

/// <summary>Row keys as people type them: values in the order of the primary key, separated by commas; a backslash keeps the next character as it is.</summary>
internal static class RowKeys
{
    public static IReadOnlyList<string> Split(string text)
    {
        List<string> values = [];
        StringBuilder value = new();
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\' && i + 1 < text.Length) value.Append(text[++i]);
            else if (text[i] == ',') { values.Add(value.ToString()); value.Clear(); }
            else value.Append(text[i]);
        }
        values.Add(value.ToString());
        return values;
    }
}
