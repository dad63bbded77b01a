using Indelible.Format;

namespace Indelible.Server.Anchoring;

/// <summary>Checks the part of the configuration that time stamps are asked for by.</summary>
internal static class TimeStampCheck
{
    private const int NameLengthMax = 32;

    /// <summary>Throws a usage error at the first value that cannot be.</summary>
    public static void Check(string path, TimeStampConfig config)
    {
        ConfigFile.Range(path, "timestamps.intervalMinutes", config.IntervalMinutes, 1, 525_600);
        ConfigFile.Range(path, "timestamps.renewDays", config.RenewDays, 1, 3_650);
        foreach ((string name, TimeStampAuthorityConfig authority) in config.Authorities)
        {
            string where = $"{path}: timestamps.authorities.{name}";
            Expect(name.Length is > 0 and <= NameLengthMax && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_'),
                $"{where}: expected a name of 1 to {NameLengthMax} of a-z, 0-9 and _, found '{name}'");
            Expect(Uri.TryCreate(authority.Url, UriKind.Absolute, out Uri? url) && url.Scheme is "http" or "https",
                $"{where}: url: expected an http or https address, found '{authority.Url}'");
            Expect(authority.Certificates.Length > 0,
                $"{where}: expected certificates: a PEM file with those that are trusted to vouch for it");
        }
    }

    private static void Expect(bool holds, string message)
    {
        if (!holds) throw new IndelibleException(ExitCode.Usage, message);
    }
}
