namespace Indelible.Capture;

/// <summary>Gives the key of 16 bytes that a protected column's values are fingerprinted under;
/// the same for the same column always.</summary>
/// <param name="table"><see cref="ProtectedTable.Id"/>.</param>
/// <param name="column"><see cref="ProtectedColumn.Number"/>.</param>
public delegate byte[] FingerprintKeys(uint table, short column);
