using System.Reflection;
using Amazon;

namespace Indelible.Testing;

/// <summary>The clock that the storage's SDK signs by, wrong until disposed of: it has no seam for it. Of the whole process.</summary>
public sealed class ClockOfRequests : IDisposable
{
    private static readonly FieldInfo Source = typeof(AWSConfigs).GetField("utcNowSource", BindingFlags.NonPublic | BindingFlags.Static)!;
    private readonly object _right = Source.GetValue(null)!;

    /// <summary>From now on it is wrong.</summary>
    public ClockOfRequests(TimeSpan wrongBy) =>
        Source.SetValue(null, (Func<DateTime>)(() => (TimeProvider.System.GetUtcNow() + wrongBy).UtcDateTime));

    /// <inheritdoc/>
    public void Dispose() => Source.SetValue(null, _right);
}
