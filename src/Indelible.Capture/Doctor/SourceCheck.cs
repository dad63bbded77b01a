namespace Indelible.Capture;

/// <summary>One thing the doctor looked at.</summary>
/// <param name="Name">What.</param>
/// <param name="Status">How it stands.</param>
/// <param name="Found">What was found.</param>
/// <param name="Expected">What should be.</param>
/// <param name="Fix">SQL or shell to copy; null if there is nothing to do.</param>
public sealed record SourceCheck(string Name, CheckStatus Status, string Found, string Expected, string? Fix)
{
    /// <summary>Tables of which the log does not show everything while this is not as it should be; empty if it hides nothing.</summary>
    public IReadOnlyList<ProtectedTable> Hides { get; init; } = [];
    /// <summary>The table whose values may have got another text when this changed; null if it says nothing of values.</summary>
    public ProtectedTable? Rewrites { get; init; }

    /// <summary>The table that is not there any more, if this says so; else null.</summary>
    public ProtectedTable? Gone { get; init; }

    /// <summary>All is well.</summary>
    internal static SourceCheck Ok(string name, string found) => new(name, CheckStatus.Ok, found, found, null);

    /// <summary>Fine if the condition holds, otherwise as bad as told.</summary>
    internal static SourceCheck Of(string name, bool isFine, CheckStatus otherwise, string found, string expected, string? fix) =>
        new(name, isFine ? CheckStatus.Ok : otherwise, found, expected, isFine ? null : fix);
}

/// <summary>How a check stands.</summary>
public enum CheckStatus
{
    /// <summary>Fine.</summary>
    Ok,
    /// <summary>Not as when it was protected, and nothing is lost by it.</summary>
    Note,
    /// <summary>Works, but something should be known or done.</summary>
    Warn,
    /// <summary>Capture does not work, or something goes unseen.</summary>
    Fail,
}
