namespace Indelible.Ledger;
public sealed partial class LedgerReader { internal IReadOnlyList<SourceMark> RecoverMarks() => []; }
