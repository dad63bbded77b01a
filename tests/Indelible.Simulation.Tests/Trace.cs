using System.Globalization;

namespace Indelible.Simulation.Tests;

/// <summary>Everything that happened in a run, in its order, as one number: two runs of one seed must agree in it.</summary>
/// <remarks>INDELIBLE_SIM_TRACE names a file that receives it line by line.</remarks>
internal sealed class Trace : IDisposable
{
    private readonly StreamWriter? _lines = Environment.GetEnvironmentVariable("INDELIBLE_SIM_TRACE") is { } path
        ? new StreamWriter(path) : null;

    /// <summary>FNV-1a over what was noted.</summary>
    public ulong Hash { get; private set; } = 14_695_981_039_346_656_037;

    /// <summary>Notes one thing.</summary>
    public void Note(FormattableString what)
    {
        string line = what.ToString(CultureInfo.InvariantCulture);
        foreach (char c in line) Hash = unchecked((Hash ^ c) * 1_099_511_628_211);
        _lines?.WriteLine(line);
    }

    /// <inheritdoc/>
    public void Dispose() => _lines?.Dispose();
}
