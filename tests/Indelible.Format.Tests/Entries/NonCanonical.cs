using System.Buffers.Binary;

namespace Indelible.Format.Tests.Entries;

/// <summary>Every way to write the same or nearly the same entry that RFC 8949 §4.2.1 and docs/format.md#bytes forbid,
/// at every item of an entry.</summary>
/// <remarks>Walks the bytes by itself: it shares no code with the reader under test.</remarks>
internal static class NonCanonical
{
    private const int Unsigned = 0, Negative = 1, Bytes = 2, Text = 3, Array = 4, Map = 5, Simple = 7;
    private static readonly byte[][] WrongUtf8 = [[0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xC3], [0x80], [0xFF]];

    /// <summary>What is done to an item, the item's major type, and the whole entry then.</summary>
    public readonly record struct Form(string Name, int Major, byte[] Entry);

    private readonly record struct Item(int Start, int Content, int End, int Major, ulong Argument);

    public static IEnumerable<Form> Of(byte[] entry)
    {
        var items = new List<Item>();
        Walk(entry, 0, items);
        foreach (Item item in items)
        {
            byte[] whole = entry[item.Start..item.End], content = entry[item.Content..item.End];
            Form Replaced(string name, params byte[] by) => new(name, item.Major, [.. entry[..item.Start], .. by, .. entry[item.End..]]);
            if (item.Major != Simple)
            {
                foreach (byte[] head in LongerHeads(item)) yield return Replaced($"head of {head.Length} bytes", [.. head, .. content]);
                for (byte low = 28; low < 31; low++)
                    yield return Replaced($"reserved length {low}", [(byte)((item.Major << 5) | low), .. content]);
            }
            yield return Replaced("tag 0", [0xC0, .. whole]);
            yield return Replaced("tag 55799", [0xD9, 0xD9, 0xF7, .. whole]);
            yield return Replaced("undefined", 0xF7);
            yield return Replaced("simple value 32", 0xF8, 0x20);
            yield return Replaced("simple value 22 in two bytes", 0xF8, 0x16);
            yield return Replaced("half float", 0xF9, 0x00, 0x00);
            yield return Replaced("single float", 0xFA, 0x00, 0x00, 0x00, 0x00);
            yield return Replaced("double float", 0xFB, 0, 0, 0, 0, 0, 0, 0, 0);
            yield return Replaced("a break", 0xFF);
            if (item.Major is Bytes or Text) yield return Replaced("indefinite length", [(byte)((item.Major << 5) | 31), .. whole, 0xFF]);
            if (item.Major is Array or Map) yield return Replaced("indefinite length", [(byte)((item.Major << 5) | 31), .. content, 0xFF]);
            if (item.Major is Bytes or Text) yield return Replaced("the other kind of string", [(byte)(whole[0] ^ 0x20), .. whole[1..]]);
            if (item.Major == Text)
                foreach (byte[] wrong in WrongUtf8)
                    yield return Replaced($"UTF-8 {Convert.ToHexStringLower(wrong)}", [(byte)(0x60 | wrong.Length), .. wrong]);
            if (item.Major == Map)
                foreach (Form form in Pairs(entry, item, items)) yield return form;
        }
    }

    /// <summary>Every two neighbouring pairs swapped, every pair twice, every pair repeated at the end.</summary>
    private static IEnumerable<Form> Pairs(byte[] entry, Item map, List<Item> items)
    {
        int[] starts = [.. PairStarts(map, items), map.End];
        byte[] With(int from, int to, params byte[] by) => [.. entry[..from], .. by, .. entry[to..]];
        byte[] Head(ulong count) => LongerHeads(map with { Argument = count }, shortest: true).First();
        for (int i = 0; i + 1 < starts.Length; i++)
        {
            byte[] pair = entry[starts[i]..starts[i + 1]];
            yield return new Form(
                "a pair twice", Map, With(map.Start, starts[i], [.. Head(map.Argument + 1), .. entry[map.Content..starts[i]], .. pair]));
            if (i + 2 < starts.Length)
            {
                yield return new Form(
                    "pairs out of order", Map, With(starts[i], starts[i + 2], [.. entry[starts[i + 1]..starts[i + 2]], .. pair]));
            }
        }
    }

    private static IEnumerable<int> PairStarts(Item map, List<Item> items)
    {
        int next = map.Content;
        for (ulong i = 0; i < map.Argument; i++)
        {
            yield return next;
            next = EndOf(items, EndOf(items, next));
        }
    }

    private static int EndOf(List<Item> items, int start) => items.Find(item => item.Start == start).End;

    private static IEnumerable<byte[]> LongerHeads(Item item, bool shortest = false)
    {
        int now = shortest ? 0 : item.Content - item.Start;
        foreach (int size in (int[])[1, 2, 3, 5, 9])
        {
            if (size <= now || (size == 1 && item.Argument > 23) || (size is > 1 and < 9 && item.Argument >> (8 * (size - 1)) != 0))
                continue;
            byte[] argument = new byte[8];
            BinaryPrimitives.WriteUInt64BigEndian(argument, item.Argument);
            byte low = size switch { 1 => (byte)item.Argument, 2 => 24, 3 => 25, 5 => 26, _ => 27 };
            yield return [(byte)((item.Major << 5) | low), .. argument[(8 - (size - 1))..]];
        }
    }

    /// <summary>Adds the item at this offset and those in it; returns where it ends.</summary>
    private static int Walk(byte[] entry, int start, List<Item> items)
    {
        int major = entry[start] >> 5, low = entry[start] & 0x1F, extra = low < 24 ? 0 : 1 << (low - 24);
        ulong argument = low < 24 ? (ulong)low : entry[(start + 1)..(start + 1 + extra)].Aggregate(0UL, (sum, b) => (sum << 8) | b);
        int content = start + 1 + extra, end = content, at = items.Count;
        items.Add(default);
        if (major is Bytes or Text) end += (int)argument;
        for (ulong i = 0; i < argument * (major switch { Array => 1UL, Map => 2UL, _ => 0UL }); i++) end = Walk(entry, end, items);
        items[at] = new Item(start, content, end, major, argument);
        return end;
    }
}
