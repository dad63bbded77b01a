using Indelible.Ledger.Stores;

namespace Indelible.Server.Replication;

/// <summary>The places that the configuration names.</summary>
internal static class TargetStores
{
    public static ILedgerStore Of(TargetConfig config) => new DirectoryStore(config.Path!);

    public static string PlaceOf(TargetConfig config) => config.Path!;
}
