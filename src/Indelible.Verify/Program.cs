using System.Text;
using Indelible.Format;
using Indelible.Format.Verification;
using Indelible.Verify;

try
{
    Arguments arguments = Arguments.Parse(args);
    if (arguments.IsHelp)
    {
        Console.Write(Arguments.Help);
        return (int)ExitCode.Fine;
    }
    VerificationReport report = Verification.Run(arguments);
    Console.Write(arguments.IsJson ? Encoding.UTF8.GetString(ReportText.ToJson(report)) + "\n" : ReportText.ToText(report));
    return (int)report.ExitCode;
}
catch (IndelibleException failure)
{
    Console.Error.WriteLine($"indelible-verify: {failure.Message}");
    return (int)failure.ExitCode;
}
catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine($"indelible-verify: {failure.Message}");
    return (int)ExitCode.Environment;
}
