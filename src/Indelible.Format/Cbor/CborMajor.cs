namespace Indelible.Format.Cbor;

/// <summary>Major types (RFC 8949 §3.1).</summary>
internal enum CborMajor
{
    Unsigned = 0,
    Negative = 1,
    Bytes = 2,
    Text = 3,
    Array = 4,
    Map = 5,
    Tag = 6,
    Simple = 7,
}

/// <summary>The simple values in use, as encoded (RFC 8949 §3.3).</summary>
internal static class CborSimple
{
    public const byte False = 0xF4;
    public const byte True = 0xF5;
    public const byte Null = 0xF6;
}
