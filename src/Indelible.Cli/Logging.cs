using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Indelible.Cli;

/// <summary>Logs go to standard error: a line each for people, JSON when nobody watches.</summary>
internal static class Logging
{
    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss.ffffff'Z' ";

    public static ILoggerFactory Create(bool isTerminal) => LoggerFactory.Create(logging =>
    {
        logging.SetMinimumLevel(LogLevel.Information).AddFilter("Microsoft", LogLevel.Warning);
        logging.AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        if (isTerminal)
        {
            logging.AddSimpleConsole(
                format => (format.SingleLine, format.UseUtcTimestamp, format.TimestampFormat) = (true, true, TimeFormat));
        }
        else
        {
            logging.AddJsonConsole(format => (format.UseUtcTimestamp, format.TimestampFormat) = (true, TimeFormat));
        }
    });

    /// <summary>For commands that answer and end: warnings only.</summary>
    public static ILoggerFactory Quiet() => LoggerFactory.Create(logging =>
    {
        logging.SetMinimumLevel(LogLevel.Warning);
        logging.AddSimpleConsole(format => format.SingleLine = true);
        logging.AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    });
}
