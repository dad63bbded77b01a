using Npgsql;

namespace Indelible.Capture;

/// <summary>Session settings that change how values print as text: pinned, so that the same value always gives the same bytes.</summary>
internal static class PinnedSettings
{
    /// <summary>Startup options; a later <c>-c</c> wins over an earlier one, so ours come last. client_encoding and TimeZone are startup parameters of their own.</summary>
    private const string Options =
        "-c DateStyle=ISO,YMD -c IntervalStyle=postgres -c extra_float_digits=3 -c bytea_output=hex -c lc_monetary=C -c xmloption=content";

    private const int ReadBufferSize = 128 * 1024;

    /// <summary>Connection string with everything pinned. Holds the password.</summary>
    public static string Apply(NpgsqlConnectionStringBuilder settings, bool pooling) =>
        new NpgsqlConnectionStringBuilder(settings.ConnectionString)
        {
            Options = string.IsNullOrEmpty(settings.Options) ? Options : $"{settings.Options} {Options}",
            Timezone = "UTC",
            ClientEncoding = "UTF8",
            ReadBufferSize = ReadBufferSize,
            Pooling = pooling,
        }.ConnectionString;
}
