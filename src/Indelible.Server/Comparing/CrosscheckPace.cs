namespace Indelible.Server.Comparing;

/// <summary>How much a crosscheck reads at once, and how often it keeps what was read.</summary>
internal sealed record CrosscheckPace
{
    /// <summary>Rows of a range: its snapshot is held for as long as they take.</summary>
    public int RangeRows { get; init; } = 1 << 16;
    /// <summary>Between two savings of what was read.</summary>
    public TimeSpan SaveInterval { get; init; } = TimeSpan.FromSeconds(5);
}
