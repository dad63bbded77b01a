using System.Buffers.Binary;
using System.Text;

namespace Indelible.Ledger;

/// <summary>Names rows of one table as <see cref="Keyring.RowKeyToken"/> does, from the bytes of their keys, for whoever names millions.
/// One user at a time.</summary>
public sealed class RowTokens
{
    private const int TokenLength = 16;

    private readonly KeyedHash _hash;
    private readonly int _prefix;
    private byte[] _name = new byte[256];
    private int _length;

    internal RowTokens(KeyedHash hash, string source, uint relation, int keyColumns)
    {
        _hash = hash;
        HashInput input = new(stackalloc byte[256]);
        input.Byte((byte)SubjectScope.Row);
        input.Text(source);
        input.UInt32(relation);
        input.UInt32((uint)keyColumns);
        Append(input.Written);
        _prefix = _length;
    }

    /// <summary>Begins the next row's name.</summary>
    public void Begin() => _length = _prefix;

    /// <summary>Adds the text of the next key column, in UTF-8.</summary>
    public void Add(ReadOnlySpan<byte> part)
    {
        Span<byte> length = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(length, (uint)part.Length);
        Append(length);
        Append(part);
    }

    /// <summary>The first 16 bytes of the token.</summary>
    public UInt128 End()
    {
        Span<byte> token = stackalloc byte[TokenLength];
        _hash.Compute(_name.AsSpan(0, _length), token);
        return BinaryPrimitives.ReadUInt128BigEndian(token);
    }

    /// <summary>The name of the row with this key, in one.</summary>
    public UInt128 Of(IReadOnlyList<string> key)
    {
        Begin();
        for (int i = 0; i < key.Count; i++) Add(Encoding.UTF8.GetBytes(key[i]));
        return End();
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        if (_length + bytes.Length > _name.Length) Array.Resize(ref _name, Math.Max(_name.Length * 2, _length + bytes.Length));
        bytes.CopyTo(_name.AsSpan(_length));
        _length += bytes.Length;
    }
}
