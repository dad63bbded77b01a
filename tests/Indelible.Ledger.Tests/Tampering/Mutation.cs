namespace Indelible.Ledger.Tests.Tampering;

/// <summary>One random piece of damage to a ledger's files.</summary>
internal static class Mutation
{
    /// <summary>Damages one file, or two against each other; says what it did and which files it touched.</summary>
    public static (string What, Dictionary<string, byte[]> Changed, string[] Touched) Of(
        Dictionary<string, byte[]> files, string[] paths, string path, Random random)
    {
        Dictionary<string, byte[]> changed = new(files);
        string other = paths[random.Next(paths.Length)];
        switch (random.Next(12))
        {
            case 0:
                changed.Remove(path);
                return ("removal", changed, [path]);
            case 1:
                (changed[path], changed[other]) = (files[other], files[path]);
                return ("swap", changed, [path, other]);
            case 2:
                changed[path] = files[other];
                return ($"replacement by {other}", changed, [path]);
            default:
                changed[path] = Bytes(files[path], random, out string what);
                return (what, changed, [path]);
        }
    }

    /// <summary>Damages some bytes.</summary>
    public static byte[] Bytes(byte[] whole, Random random, out string what)
    {
        int at = random.Next(whole.Length), length = 1 + random.Next(Math.Min(64, whole.Length - at)),
            to = random.Next(whole.Length - length + 1);
        byte[] changed = [.. whole];
        switch (random.Next(9))
        {
            case 0 or 1 or 2:
                changed[at] ^= (byte)(1 << random.Next(8));
                what = $"flip in byte {at}";
                return changed;
            case 3:
                random.NextBytes(changed.AsSpan(at, length));
                what = $"{length} random bytes at {at}";
                return changed;
            case 4:
                changed.AsSpan(at, length).Clear();
                what = $"{length} zeros at {at}";
                return changed;
            case 5:
                what = $"cut at {at}";
                return whole[..at];
            case 6:
                what = $"{length} bytes more";
                return [.. whole, .. whole[at..(at + length)]];
            case 7:
                what = $"{length} bytes at {at} taken out";
                return [.. whole[..at], .. whole[(at + length)..]];
            default:
                whole.AsSpan(at, length).CopyTo(changed.AsSpan(to));
                what = $"{length} bytes from {at} copied to {to}";
                return changed;
        }
    }
}
