namespace Indelible.Capture;

/// <summary>Guesses what a person meant.</summary>
internal static class Nearest
{
    /// <summary>The candidate with the fewest edits, unless it takes more than a third of the name.</summary>
    public static string? Of(string name, IEnumerable<string> candidates)
    {
        string? best = null;
        int least = Math.Max(2, name.Length / 3) + 1;
        foreach (string candidate in candidates)
        {
            int edits = Edits(name.ToLowerInvariant(), candidate.ToLowerInvariant());
            if (edits < least) (best, least) = (candidate, edits);
        }
        return best;
    }

    private static int Edits(string from, string to)
    {
        int[] previous = [.. Enumerable.Range(0, to.Length + 1)];
        foreach (char c in from)
        {
            int[] current = new int[to.Length + 1];
            current[0] = previous[0] + 1;
            for (int i = 1; i <= to.Length; i++)
            {
                int replaced = previous[i - 1] + (to[i - 1] == c ? 0 : 1);
                current[i] = Math.Min(replaced, Math.Min(previous[i], current[i - 1]) + 1);
            }
            previous = current;
        }
        return previous[^1];
    }
}
