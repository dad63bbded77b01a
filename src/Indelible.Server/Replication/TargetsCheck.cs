using Indelible.Format;

namespace Indelible.Server.Replication;

/// <summary>Checks the part of the configuration that copies are kept by.</summary>
internal static class TargetsCheck
{
    private const int NameLengthMax = 32;

    /// <summary>Throws a usage error at the first value that cannot be.</summary>
    public static void Check(string path, IndelibleConfig config)
    {
        foreach ((string name, TargetConfig target) in config.Targets) Check($"{path}: targets.{name}", name, target);
        ConfigFile.Range(path, "confirmAfter", config.ConfirmAfter, 0, config.Targets.Count);
    }

    private static void Check(string where, string name, TargetConfig target)
    {
        Expect(name.Length is > 0 and <= NameLengthMax && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_'),
            $"{where}: expected a name of 1 to {NameLengthMax} of a-z, 0-9 and _, found '{name}'");
        ConfigFile.Range(where, "everySeconds", target.EverySeconds, 0, 3_600);
        Expect(target.Path is { Length: > 0 }, $"{where}: expected path for kind directory, found none");
    }

    private static void Expect(bool holds, string message)
    {
        if (!holds) throw new IndelibleException(ExitCode.Usage, message);
    }
}
