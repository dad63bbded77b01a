using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Indelible.Format.Sealing;

/// <summary>SHA-256 (FIPS 180-4) of 16 messages at once: in every 512-bit register each message has one of the
/// 16 words, its lane.</summary>
/// <remarks>A message is one byte, the same for all, and a body: so are leaves and nodes of the tree (RFC 6962 §2.1).
/// Bodies are read where they lie.</remarks>
[SkipLocalsInit]
internal static unsafe class Sha2Lanes
{
    /// <summary>Messages at once.</summary>
    public const int Count = 16;

    // Code that is compiled quickly first keeps vectors in memory: it would take most of the time of a short verification.
    private const MethodImplOptions CompiledAtOnce = MethodImplOptions.AggressiveOptimization;
    private const int Rounds = 64;
    private const int TailLength = 2 * Sha2.BlockLength;

    /// <summary>True where the processor has AVX-512; elsewhere <see cref="Sha256"/> must not be called.</summary>
    public static bool IsSupported => Avx512BW.IsSupported;

    /// <summary>Round constants. FIPS 180-4 §4.2.2.</summary>
    private static ReadOnlySpan<uint> K =>
    [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    ];

    /// <summary>Blocks of a message with this body.</summary>
    public static int Blocks(int bodyLength) => Sha2.PaddedLength(1 + bodyLength) / Sha2.BlockLength;

    /// <summary>Hashes of up to 16 messages. It takes as long as sixteen of the longest.</summary>
    /// <param name="prefix">First byte of each message.</param>
    /// <param name="source">Where the bodies are.</param>
    /// <param name="bodies">Where each is: at most 16 ranges.</param>
    /// <param name="hashes">Receives 32 bytes for each.</param>
    [MethodImpl(CompiledAtOnce)]
    public static void Sha256(byte prefix, ReadOnlySpan<byte> source, ReadOnlySpan<Range> bodies, Span<byte> hashes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bodies.Length, Count);
        byte* room = stackalloc byte[((2 * Count) + 1) * sizeof(Vector512<uint>)];
        var state = (Vector512<uint>*)((nuint)(room + sizeof(Vector512<uint>) - 1) & ~(nuint)(sizeof(Vector512<uint>) - 1));
        Vector512<uint>* words = state + Count;
        byte* tails = stackalloc byte[Count * TailLength];
        uint** from = stackalloc uint*[Count];
        int* whole = stackalloc int[Count], blocks = stackalloc int[Count];
        (int least, int most) = (int.MaxValue, 0);
        fixed (byte* first = source)
        {
            for (int lane = 0; lane < Count; lane++)
            {
                (int offset, int length) = lane < bodies.Length ? bodies[lane].GetOffsetAndLength(source.Length) : default;
                from[lane] = (uint*)(first + offset);
                whole[lane] = length / Sha2.BlockLength;
                blocks[lane] = lane < bodies.Length ? Blocks(length) : 0;
                (least, most) = (Math.Min(least, whole[lane]), Math.Max(most, blocks[lane]));
                WriteTail(source.Slice(offset, length), new Span<byte>(tails + (lane * TailLength), TailLength));
            }
            for (int i = 0; i < 8; i++) state[i] = Vector512.Create(Sha2.First[i]);
            Vector512<int> ends = Vector512.Load(blocks);
            Vector512<uint> before = Vector512.Create((uint)prefix);
            for (int block = 0; block < most; block++)
            {
                if (block >= least) TurnToTails(block, whole, tails, from);
                Transpose(from, words);
                before = Shift(words, before);
                Compress(state, words, Vector512.GreaterThan(ends, Vector512.Create(block)).AsUInt32());
                for (int lane = 0; lane < Count; lane++) from[lane] += Sha2.BlockLength / sizeof(uint);
            }
        }
        Write(state, words, hashes, bodies.Length);
    }

    /// <summary>What is read in place of a body's last bytes that fill no block: they, and the padding,
    /// as far as they are after the message's first byte.</summary>
    private static void WriteTail(ReadOnlySpan<byte> body, Span<byte> tail)
    {
        int left = body.Length % Sha2.BlockLength;
        tail.Clear();
        body[^left..].CopyTo(tail);
        tail[left] = 0x80;
        int length = (Blocks(body.Length) - (body.Length / Sha2.BlockLength)) * Sha2.BlockLength;
        BinaryPrimitives.WriteUInt64BigEndian(tail[(length - 1 - sizeof(ulong))..], 8 * (ulong)(1 + body.Length));
    }

    /// <summary>Lanes whose body has no whole block left read their tails; those that are done read on in them, to no end.</summary>
    private static void TurnToTails(int block, int* whole, byte* tails, uint** from)
    {
        for (int lane = 0; lane < Count; lane++)
        {
            int inTail = Math.Min(block - whole[lane], 1);
            if (inTail >= 0) from[lane] = (uint*)(tails + (lane * TailLength) + (inTail * Sha2.BlockLength));
        }
    }

    /// <summary>Rows become columns: word i of each of 16 rows comes to be in vector i.</summary>
    [MethodImpl(CompiledAtOnce)]
    private static void Transpose(uint** rows, Vector512<uint>* x)
    {
        for (int i = 0; i < Count; i += 4)
        {
            Vector512<uint> r0 = Vector512.Load(rows[i]), r1 = Vector512.Load(rows[i + 1]);
            Vector512<uint> r2 = Vector512.Load(rows[i + 2]), r3 = Vector512.Load(rows[i + 3]);
            Vector512<ulong> a = Avx512F.UnpackLow(r0, r1).AsUInt64(), b = Avx512F.UnpackHigh(r0, r1).AsUInt64();
            Vector512<ulong> c = Avx512F.UnpackLow(r2, r3).AsUInt64(), d = Avx512F.UnpackHigh(r2, r3).AsUInt64();
            x[i] = Avx512F.UnpackLow(a, c).AsUInt32();
            x[i + 1] = Avx512F.UnpackHigh(a, c).AsUInt32();
            x[i + 2] = Avx512F.UnpackLow(b, d).AsUInt32();
            x[i + 3] = Avx512F.UnpackHigh(b, d).AsUInt32();
        }
        for (int i = 0; i < 4; i++)
        {
            const byte Even = 0b10_00_10_00, Odd = 0b11_01_11_01;
            Vector512<uint> a = Avx512F.Shuffle4x128(x[i], x[i + 4], Even), b = Avx512F.Shuffle4x128(x[i], x[i + 4], Odd);
            Vector512<uint> c = Avx512F.Shuffle4x128(x[i + 8], x[i + 12], Even), d = Avx512F.Shuffle4x128(x[i + 8], x[i + 12], Odd);
            x[i] = Avx512F.Shuffle4x128(a, c, Even);
            x[i + 4] = Avx512F.Shuffle4x128(b, d, Even);
            x[i + 8] = Avx512F.Shuffle4x128(a, c, Odd);
            x[i + 12] = Avx512F.Shuffle4x128(b, d, Odd);
        }
    }

    /// <summary>Makes words of a message out of 16 words of its body: they begin a byte earlier.
    /// Returns the last word, whose last byte begins the next block.</summary>
    [MethodImpl(CompiledAtOnce)]
    private static Vector512<uint> Shift(Vector512<uint>* words, Vector512<uint> before)
    {
        for (int i = 0; i < Count; i++)
        {
            Vector512<uint> word = Swap(words[i]);
            words[i] = (before << 24) | (word >> 8);
            before = word;
        }
        return before;
    }

    /// <summary>Big-endian words become numbers, and the other way round.</summary>
    private static Vector512<uint> Swap(Vector512<uint> words)
    {
        return Avx512BW.Shuffle(words.AsByte(), Vector512.Create(
            (byte)3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12,
            3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12)).AsUInt32();
    }

    /// <summary>Adds a block to the states of those lanes that are all ones in <paramref name="active"/>. FIPS 180-4 §6.2.2.</summary>
    /// <remarks>Written out so that everything stays in registers: 8 of the state, 16 of the schedule, of 32.</remarks>
    [MethodImpl(CompiledAtOnce)]
    private static void Compress(Vector512<uint>* state, Vector512<uint>* words, Vector512<uint> active)
    {
        Vector512<uint> a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
        Vector512<uint> w0 = words[0], w1 = words[1], w2 = words[2], w3 = words[3];
        Vector512<uint> w4 = words[4], w5 = words[5], w6 = words[6], w7 = words[7];
        Vector512<uint> w8 = words[8], w9 = words[9], w10 = words[10], w11 = words[11];
        Vector512<uint> w12 = words[12], w13 = words[13], w14 = words[14], w15 = words[15];
        fixed (uint* first = K)
        {
            for (uint* k = first; ; k += Count)
            {
                Round(a, b, c, ref d, e, f, g, ref h, w0, k[0]);
                Round(h, a, b, ref c, d, e, f, ref g, w1, k[1]);
                Round(g, h, a, ref b, c, d, e, ref f, w2, k[2]);
                Round(f, g, h, ref a, b, c, d, ref e, w3, k[3]);
                Round(e, f, g, ref h, a, b, c, ref d, w4, k[4]);
                Round(d, e, f, ref g, h, a, b, ref c, w5, k[5]);
                Round(c, d, e, ref f, g, h, a, ref b, w6, k[6]);
                Round(b, c, d, ref e, f, g, h, ref a, w7, k[7]);
                Round(a, b, c, ref d, e, f, g, ref h, w8, k[8]);
                Round(h, a, b, ref c, d, e, f, ref g, w9, k[9]);
                Round(g, h, a, ref b, c, d, e, ref f, w10, k[10]);
                Round(f, g, h, ref a, b, c, d, ref e, w11, k[11]);
                Round(e, f, g, ref h, a, b, c, ref d, w12, k[12]);
                Round(d, e, f, ref g, h, a, b, ref c, w13, k[13]);
                Round(c, d, e, ref f, g, h, a, ref b, w14, k[14]);
                Round(b, c, d, ref e, f, g, h, ref a, w15, k[15]);
                if (k == first + (Rounds - Count)) break;
                w0 = Next(w0, w1, w9, w14);
                w1 = Next(w1, w2, w10, w15);
                w2 = Next(w2, w3, w11, w0);
                w3 = Next(w3, w4, w12, w1);
                w4 = Next(w4, w5, w13, w2);
                w5 = Next(w5, w6, w14, w3);
                w6 = Next(w6, w7, w15, w4);
                w7 = Next(w7, w8, w0, w5);
                w8 = Next(w8, w9, w1, w6);
                w9 = Next(w9, w10, w2, w7);
                w10 = Next(w10, w11, w3, w8);
                w11 = Next(w11, w12, w4, w9);
                w12 = Next(w12, w13, w5, w10);
                w13 = Next(w13, w14, w6, w11);
                w14 = Next(w14, w15, w7, w12);
                w15 = Next(w15, w0, w8, w13);
            }
        }
        state[0] += a & active;
        state[1] += b & active;
        state[2] += c & active;
        state[3] += d & active;
        state[4] += e & active;
        state[5] += f & active;
        state[6] += g & active;
        state[7] += h & active;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Round(
        Vector512<uint> a, Vector512<uint> b, Vector512<uint> c, ref Vector512<uint> d, Vector512<uint> e, Vector512<uint> f,
        Vector512<uint> g, ref Vector512<uint> h, Vector512<uint> word, uint k)
    {
        const byte Choice = 0xCA, Majority = 0xE8;
        h = h + (word + Vector512.Create(k)) + Avx512F.TernaryLogic(e, f, g, Choice)
            + Xor(Avx512F.RotateRight(e, 6), Avx512F.RotateRight(e, 11), Avx512F.RotateRight(e, 25));
        d += h;
        h = h + Avx512F.TernaryLogic(a, b, c, Majority)
            + Xor(Avx512F.RotateRight(a, 2), Avx512F.RotateRight(a, 13), Avx512F.RotateRight(a, 22));
    }

    /// <summary>The word of the schedule 16 after <paramref name="word"/>, from those 1, 9 and 14 after it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Next(Vector512<uint> word, Vector512<uint> after1, Vector512<uint> after9, Vector512<uint> after14) =>
        word + after9
        + Xor(Avx512F.RotateRight(after1, 7), Avx512F.RotateRight(after1, 18), after1 >> 3)
        + Xor(Avx512F.RotateRight(after14, 17), Avx512F.RotateRight(after14, 19), after14 >> 10);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Xor(Vector512<uint> a, Vector512<uint> b, Vector512<uint> c) => Avx512F.TernaryLogic(a, b, c, 0x96);

    /// <summary>States are written out, each as the 32 bytes of a hash.</summary>
    private static void Write(Vector512<uint>* state, Vector512<uint>* words, Span<byte> hashes, int count)
    {
        uint** rows = stackalloc uint*[Count];
        for (int i = 0; i < Count; i++) rows[i] = (uint*)(state + Math.Min(i, 7));
        Transpose(rows, words);
        for (int lane = 0; lane < count; lane++) Swap(words[lane]).GetLower().AsByte().CopyTo(hashes[(lane * Sha2.Size)..]);
    }
}
