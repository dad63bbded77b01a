using Indelible.Cli.Output;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>Tables as a person sees them.</summary>
public sealed class TerminalTests
{
    private static readonly IReadOnlyList<string> Headings = ["INDEX", "TIME", "WHAT", "ROW"];
    private static readonly IReadOnlyList<IReadOnlyList<string>> Rows =
    [
        ["7", "2026-11-30T03:06:53.595944Z", "update", "clinic.observation patient_id=100, kind=bp"],
        ["12", "2026-11-30T03:06:53.595945Z", "delete", "clinic.patient patient_id=19"],
    ];

    [Theory]
    [InlineData(true, 120)]
    [InlineData(false, 40)]
    public void A_table_that_fits_or_is_not_for_a_terminal_has_a_line_for_each_row(bool isTerminal, int width) => Assert.Equal(
        """
        INDEX  TIME                         WHAT    ROW
        7      2026-11-30T03:06:53.595944Z  update  clinic.observation patient_id=100, kind=bp
        12     2026-11-30T03:06:53.595945Z  delete  clinic.patient patient_id=19

        """, Drawn(isTerminal, width));

    [Fact]
    public void On_a_narrow_terminal_a_row_goes_on_in_indented_lines_and_no_word_is_torn() => Assert.Equal(
        """
        INDEX  TIME
            WHAT
            ROW
        7      2026-11-30T03:06:53.595944Z
            update
            clinic.observation patient_id=100,
            kind=bp
        12     2026-11-30T03:06:53.595945Z
            delete
            clinic.patient patient_id=19

        """, Drawn(isTerminal: true, 40));

    [Fact]
    public void What_is_written_wide_takes_two_columns_and_a_very_wide_cell_widens_only_its_own_line()
    {
        string wide = new('x', 73);
        Assert.Equal(
            $"""
            ROW         WHAT    WHO
            id=漢字, 6  update  anna
            id=é, 7     delete  {wide}
            id={wide}  update  bob

            """, Drawn(isTerminal: false, 40, ["ROW", "WHAT", "WHO"],
            [["id=漢字, 6", "update", "anna"], ["id=e\u0301, 7", "delete", wide], [$"id={wide}", "update", "bob"]])
                .Replace("e\u0301", "é", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(true, false, "0 1 2 3 4 5 30 35 60")]
    [InlineData(false, false, "30 60")]
    [InlineData(true, true, "30 60")]
    public void How_far_something_is_is_told_a_person_each_second_and_a_log_every_half_minute(bool isTerminal, bool json, string told)
    {
        StringWriter output = new(), error = new();
        Clock clock = new();
        Action<string> pace = new Terminal(output, error, json, isTerminal, 80).Pace(clock);
        foreach (double at in (double[])[0, 0.5, 1, 1.9, 2, 3, 4, 5, 5.9, 30, 35, 60])
        {
            clock.Seconds = at;
            pace($"{at}");
        }
        Assert.Equal((told, ""), (error.ToString().TrimEnd('\n').Replace('\n', ' '), output.ToString()));
    }

    private sealed class Clock : TimeProvider
    {
        public double Seconds { get; set; }

        public override long GetTimestamp() => (long)(Seconds * TimestampFrequency);
    }

    private static string Drawn(bool isTerminal, int width) => Drawn(isTerminal, width, Headings, Rows);

    private static string Drawn(bool isTerminal, int width, IReadOnlyList<string> headings, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        StringWriter output = new();
        new Terminal(output, TextWriter.Null, json: false, isTerminal, width).Table(headings, rows);
        return output.ToString();
    }
}
