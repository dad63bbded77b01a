using Indelible.Format.Merkle;

namespace Indelible.Server.Succeeding;

/// <summary>What a rotation came to.</summary>
/// <param name="ClosedOrigin">Origin of the ledger that is closed.</param>
/// <param name="ClosedSize">Its entries, the one that closes it included.</param>
/// <param name="ClosedRoot">Its root.</param>
/// <param name="Origin">Origin of its successor.</param>
/// <param name="VerifierKey">The successor's verifier key.</param>
/// <param name="ConfigPath">The successor's configuration file.</param>
/// <param name="Rows">Living rows restated in it.</param>
/// <param name="Unknown">As far as this attempt went: values of those rows that the closed ledger does not say:
/// digests, and values whose keys are destroyed.</param>
/// <param name="WasDone">True if everything was done already: rows were not counted.</param>
public sealed record RotatedLedger(
    string ClosedOrigin, long ClosedSize, Hash ClosedRoot, string Origin, string VerifierKey,
    string ConfigPath, long Rows, long Unknown, bool WasDone);
