using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Indelible.Cli;

/// <summary>Logs go to standard error: a line each for people, JSON when nobody watches.</summary>
internal static class Logging
{
    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'";

    public static ILoggerFactory Create() => LoggerFactory.Create(logging =>
    {
        logging.SetMinimumLevel(LogLevel.Information).AddFilter("Microsoft", LogLevel.Warning);
        logging.AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        if (!Console.IsErrorRedirected)
        {
            logging.AddSimpleConsole(
                format => (format.SingleLine, format.UseUtcTimestamp, format.TimestampFormat) = (true, true, TimeFormat + " "));
        }
        else
        {
            // Commands in messages are to be copied: no quote in them is escaped.
            logging.AddJsonConsole(format => (format.UseUtcTimestamp, format.TimestampFormat, format.JsonWriterOptions) =
                (true, TimeFormat, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }));
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
