using Indelible.Format;

namespace Indelible.Server.Alerts;

/// <summary>Counts rows per operator over a sliding window, in slices: a mass change is never missed,
/// and what took up to a sixteenth longer may count as one.</summary>
/// <remarks>Times are commit times; what comes a little out of order counts as of now. One caller.</remarks>
internal sealed class MassChange(int rowsMax, TimeSpan window)
{
    private const int Slices = 17;
    /// <summary>Operators remembered; beyond it those are forgotten that did nothing within the window.</summary>
    private const int OperatorsMax = 4096;

    private readonly long _sliceMicros = Math.Max(1, (long)window.TotalMicroseconds / (Slices - 1));
    private readonly Dictionary<string, Window> _windows = new(StringComparer.Ordinal);

    /// <summary>How long rows count.</summary>
    public TimeSpan Memory => window;

    /// <summary>Adds rows; true when they reach the limit. Then not again before there were fewer.</summary>
    public bool Add(string who, MicroTime at, long rows)
    {
        long slice = Math.DivRem(at.Micros, _sliceMicros).Quotient;
        if (!_windows.TryGetValue(who, out Window? of))
        {
            if (_windows.Count >= OperatorsMax) Forget(slice);
            _windows[who] = of = new Window(slice);
        }
        return of.Add(slice, rows, rowsMax);
    }

    private void Forget(long slice)
    {
        foreach (string idle in (string[])[.. _windows.Where(of => of.Value.Newest + Slices <= slice).Select(of => of.Key)])
            _windows.Remove(idle);
        if (_windows.Count >= OperatorsMax) _windows.Remove(_windows.MinBy(of => of.Value.Newest).Key);
    }

    /// <summary>One operator's rows, by slice of time.</summary>
    private sealed class Window(long newest)
    {
        private readonly long[] _rows = new long[Slices];
        private long _sum;
        private bool _isTold;

        public long Newest { get; private set; } = newest;

        public bool Add(long slice, long rows, int rowsMax)
        {
            for (long next = Math.Max(Newest + 1, slice - Slices + 1); next <= slice; next++) Drop(next);
            Newest = Math.Max(Newest, slice);
            if (_sum < rowsMax) _isTold = false;
            _rows[Newest % Slices] += rows;
            _sum += rows;
            if (_sum < rowsMax || _isTold) return false;
            return _isTold = true;
        }

        private void Drop(long slice)
        {
            _sum -= _rows[slice % Slices];
            _rows[slice % Slices] = 0;
        }
    }
}
