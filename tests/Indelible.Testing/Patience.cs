namespace Indelible.Testing;

/// <summary>How long a test waits for what must come. Nothing passes by being slow and nothing fails by a busy machine:
/// only what never comes uses it up.</summary>
public static class Patience
{
    /// <summary>For one thing.</summary>
    public static readonly TimeSpan Max = TimeSpan.FromMinutes(3);
}
