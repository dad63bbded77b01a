namespace Indelible.Format;

/// <summary>The first rule that a text breaks, and the line it breaks it on. <see cref="None"/> if it breaks none.</summary>
/// <param name="Rule">What was expected, in words; null for none.</param>
/// <param name="Line">1-based line; 0 if it concerns the text as a whole.</param>
public readonly record struct TextFault(string? Rule, int Line = 0)
{
    /// <summary>No rule is broken.</summary>
    public static readonly TextFault None = new(null);

    /// <summary>True if no rule is broken.</summary>
    public bool IsNone => Rule is null;

    /// <summary>The rule, with its line.</summary>
    public override string ToString() => Rule is null ? "none" : Line == 0 ? Rule : $"line {Line}: {Rule}";
}
