namespace Indelible.Ledger.Tests.KeyringTests;

/// <summary>A keyring directory of its own, with a master key; gone when disposed.</summary>
internal sealed class KeyringDirectory : IDisposable
{
    public const string Origin = "keyring.example/test";

    private readonly string _root = Directory.CreateTempSubdirectory("indelible-keyring-").FullName;

    public MasterKey MasterKey { get; } = MasterKey.Generate();

    public string Path => System.IO.Path.Combine(_root, "keyring");

    public string Beside(string name) => System.IO.Path.Combine(_root, name);

    public Keyring Create() => Keyring.Create(Path, Origin, MasterKey);

    public Keyring Open() => Keyring.Open(Path, MasterKey);

    public void Dispose()
    {
        MasterKey.Dispose();
        Directory.Delete(_root, recursive: true);
    }
}
