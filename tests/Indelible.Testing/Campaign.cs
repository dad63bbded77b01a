using System.Globalization;

namespace Indelible.Testing;

/// <summary>Many random rounds from one seed, and what came of them in one line that a script can read. docs/reliability.md.</summary>
/// <remarks>INDELIBLE_ROUNDS says how many, INDELIBLE_SEED which; <c>./test --campaign NAME [ROUNDS]</c> sets the first.</remarks>
public static class Campaign
{
    /// <summary>The trait that a campaign's tests carry, with its name.</summary>
    public const string Trait = "Campaign";

    /// <summary>Rounds asked for; <paramref name="usual"/> if nobody asked.</summary>
    public static int Rounds(int usual) => Number("INDELIBLE_ROUNDS") ?? usual;

    /// <summary>The seed asked for; <paramref name="usual"/> if nobody asked.</summary>
    public static int Seed(int usual) => Number("INDELIBLE_SEED") ?? usual;

    /// <summary>Randomness of one round: the same whichever rounds are run beside it.</summary>
    public static Random Of(int seed, int round) => new(unchecked((seed * 1_000_003) + round));

    /// <summary>Prints <c>campaign=NAME figure=value …</c>.</summary>
    public static void Tell(string name, params (string Figure, object Value)[] figures) => Console.WriteLine(
        string.Join(' ',
            figures.Select(figure => string.Create(CultureInfo.InvariantCulture, $"{figure.Figure}={figure.Value}"))
                .Prepend($"campaign={name}")));

    private static int? Number(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out int number) ? number : null;
}
