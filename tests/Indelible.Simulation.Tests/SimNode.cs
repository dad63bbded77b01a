using System.Buffers;

namespace Indelible.Simulation.Tests;

/// <summary>A file or directory as the system sees it, and how much of it is on the disk. Files of a ledger only ever grow.</summary>
internal sealed class SimNode(bool isDirectory, UnixFileMode mode)
{
    private readonly ArrayBufferWriter<byte> _content = new();
    private readonly List<(int From, int To)> _lost = [];

    public bool IsDirectory => isDirectory;
    public UnixFileMode Mode => mode;
    /// <summary>Names in a directory, as a process sees them.</summary>
    public SortedDictionary<string, SimNode> Names { get; } = new(StringComparer.Ordinal);
    /// <summary>Names that a power cut leaves.</summary>
    public SortedDictionary<string, SimNode> DurableNames { get; private set; } = new(StringComparer.Ordinal);
    /// <summary>Bytes written.</summary>
    public int Length => _content.WrittenCount;
    /// <summary>Bytes that a power cut leaves.</summary>
    public int Durable { get; private set; }

    public void Append(ReadOnlySpan<byte> bytes) => _content.Write(bytes);

    public void Flush()
    {
        Durable = Length;
        DurableNames = new SortedDictionary<string, SimNode>(Names, StringComparer.Ordinal);
    }

    /// <summary>A flush that failed: the system may call what was not on the disk clean, and never write it.</summary>
    public void Lose()
    {
        if (Length > Durable) _lost.Add((Durable, Length));
    }

    /// <summary>What the disk holds after a power cut: all that was flushed, and of the rest whatever it
    /// happened to have written.</summary>
    public byte[] AfterPowerCut(Random random)
    {
        int kept = random.Next(4) switch { 0 => Length, 1 => random.Next(Durable, Length + 1), _ => Durable };
        byte[] bytes = _content.WrittenSpan[..kept].ToArray();
        // the length was written, the bytes were not
        if (kept > Durable && random.Next(3) == 0) bytes.AsSpan(random.Next(Durable, kept)).Clear();
        foreach ((int from, int to) in _lost)
        {
            if (from < kept) bytes.AsSpan(from, Math.Min(to, kept) - from).Clear();
        }
        return bytes;
    }
}
