using Indelible.Format;
using Indelible.Format.Entries;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>Row keys as people type them, and as they are printed to be typed again.</summary>
public sealed class KeyTextTests
{
    [Theory]
    [InlineData("17", "id", "17")]
    [InlineData("id=17", "id", "17")]
    [InlineData("ID = 17", "id", "17")]
    [InlineData("other=17", "id", "other=17")]
    [InlineData("a,b", "id", "a,b")]
    [InlineData("\"a,b\"", "id", "a,b")]
    [InlineData("", "id", "")]
    [InlineData("it's \"q\"", "id", "it's \"q\"")]
    [InlineData("\"say \"\"hi\"\"\"", "id", "say \"hi\"")]
    [InlineData("c:\\x", "id", "c:\\x")]
    [InlineData("id=x=y", "id", "x=y")]
    [InlineData("\"the id\"=5", "the id", "5")]
    [InlineData("eu,4", "region,id", "eu|4")]
    [InlineData("eu, 4", "region,id", "eu|4")]
    [InlineData("id=4, region=eu", "region,id", "eu|4")]
    [InlineData("id=4, eu", "region,id", "id=4|eu")]
    [InlineData("\"Smith, John\",4", "name,id", "Smith, John|4")]
    [InlineData("name=\"Smith, John\", id=\" 4\"", "name,id", "Smith, John| 4")]
    [InlineData(",", "a,b", "|")]
    public void A_typed_key_is_taken_apart_by_the_keys_columns(string typed, string columns, string values) =>
        Assert.Equal(values.Split('|'), KeyText.Typed(typed).ValuesFor(columns.Split(',')));

    [Theory]
    [InlineData("4", "region,id", "expected 2 values for region, id, found 1")]
    [InlineData("1,2,3", "region,id", "expected 2 values for region, id, found 3")]
    [InlineData("\"4", "id", "expected a closing double quote")]
    [InlineData("\"4\"5", "id", "expected a comma after the quoted value")]
    public void A_key_that_does_not_fit_is_refused_with_words(string typed, string columns, string says)
    {
        IndelibleException refused = Assert.Throws<IndelibleException>(() => KeyText.Typed(typed).ValuesFor(columns.Split(',')));
        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.Contains(says, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_printed_can_be_typed_again()
    {
        string[] values = ["17", "", " a ", "a,b", "\"", "\"a\"", "a\"b", "x=y", "a, \"b\"", "=", ",", "ключ", "C:\\"];
        foreach (string first in values)
        {
            foreach (string second in values)
            {
                RowKey key = new() { Columns = [new KeyColumn("a", first), new KeyColumn("b", second)] };
                Assert.Equal([first, second], KeyText.Typed(KeyText.Of(key)).ValuesFor(["a", "b"]));
            }
            RowKey alone = new() { Columns = [new KeyColumn("a", first)] };
            Assert.Equal([first], KeyText.Typed(KeyText.Of(alone)).ValuesFor(["a"]));
        }
    }
}
