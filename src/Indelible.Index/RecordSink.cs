namespace Indelible.Index;

/// <summary>Takes one record; both spans are valid during the call only.</summary>
internal delegate void RecordSink(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value);
