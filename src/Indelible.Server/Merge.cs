namespace Indelible.Server;

/// <summary>Puts two rising sequences of entry indexes together.</summary>
internal static class Merge
{
    /// <summary>Both in one order; no index is in both.</summary>
    public static IEnumerable<long> InOrder(IEnumerable<long> one, IEnumerable<long> other)
    {
        using IEnumerator<long> a = one.GetEnumerator(), b = other.GetEnumerator();
        bool hasA = a.MoveNext(), hasB = b.MoveNext();
        while (hasA || hasB)
        {
            bool isA = hasA && (!hasB || a.Current < b.Current);
            yield return isA ? a.Current : b.Current;
            if (isA) hasA = a.MoveNext();
            else hasB = b.MoveNext();
        }
    }
}
