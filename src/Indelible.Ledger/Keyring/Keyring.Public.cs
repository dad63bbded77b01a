namespace Indelible.Ledger;

/// <content>What a keyring tells without its master key.</content>
public sealed partial class Keyring
{
    /// <summary>Origin and verifier key, read without opening anything secret.</summary>
    /// <exception cref="Format.IndelibleException">There is no keyring, or its file is damaged.</exception>
    public static (string Origin, string VerifierKey) ReadPublic(string directory)
    {
        KeyringFile file = Load(directory);
        return (file.Origin, file.VerifierKey);
    }
}
