using System.Text;
using Xunit;

namespace Indelible.Capture.Tests.Reading;

/// <summary>COPY's text form. https://www.postgresql.org/docs/current/sql-copy.html.</summary>
public sealed class CopyRowsTests
{
    [Theory]
    [InlineData("1\ta\n", "1|a")]
    [InlineData("1\t\\N\n", "1|NULL")]
    [InlineData("\\N\t\n", "NULL|")]
    [InlineData("\\\\N\tx\\\\N\n", "\\N|x\\N")]
    [InlineData("a\\tb\\nc\\rd\\be\\ff\\vg\\\\h\té\n", "a\tb\nc\rd\be\ff\vg\\h|é")]
    [InlineData("1\ta\n2\tb\\\\\n", "1|a/2|b\\")]
    public void Rows_read_as_they_were_written(string text, string expected) => Assert.Equal(expected, Read(text, 2));

    [Theory]
    [InlineData("1\n", 2)]
    [InlineData("1\t2\t3\n", 2)]
    [InlineData("1\t2", 2)]
    [InlineData("1\t2\\", 2)]
    [InlineData("1\t\\Nx\n", 2)]
    [InlineData("\n", 2)]
    public void What_is_no_row_is_refused(string text, int columns) => Assert.Throws<FormatException>(() => Read(text, columns));

    private static string Read(string text, int columns)
    {
        CopyRows rows = new(Encoding.UTF8.GetBytes(text), new (int, int)[columns]);
        List<string> read = [];
        while (rows.Next())
        {
            List<string> fields = [];
            for (int i = 0; i < columns; i++) fields.Add(rows.IsNull(i) ? "NULL" : Encoding.UTF8.GetString(rows[i]));
            read.Add(string.Join('|', fields));
        }
        return string.Join('/', read);
    }
}
