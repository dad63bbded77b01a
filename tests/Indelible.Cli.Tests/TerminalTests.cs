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

    private static string Drawn(bool isTerminal, int width)
    {
        StringWriter output = new();
        new Terminal(output, TextWriter.Null, json: false, isTerminal, width).Table(Headings, Rows);
        return output.ToString();
    }
}
