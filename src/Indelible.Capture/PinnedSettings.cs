using Npgsql;

namespace Indelible.Capture;

/// <summary>Session settings that change how values print as text: pinned, so that the same value always gives the same bytes.</summary>
internal static class PinnedSettings
{
    /// <summary>Startup options; a later <c>-c</c> wins over an earlier one, so ours come last.
    /// client_encoding and TimeZone are startup parameters of their own.</summary>
    private const string Options =
        "-c DateStyle=ISO,YMD -c IntervalStyle=postgres -c extra_float_digits=3 -c bytea_output=hex -c lc_monetary=C -c xmloption=content";

    /// <summary>regclass, regproc, regtype and their like print a schema only where the search path does not lead to it.</summary>
    private const string SearchPath = "pg_catalog";

    private const int ReadBufferSize = 128 * 1024;

    /// <summary>Connection string with everything pinned. Holds the password.</summary>
    /// <param name="settings">As the user gave them.</param>
    /// <param name="pooling">Whether Npgsql may keep the connection.</param>
    /// <param name="ownSearchPath">Leaves the role's search path in force, to find tables by the names that people use;
    /// then no value may be read.</param>
    public static string Apply(NpgsqlConnectionStringBuilder settings, bool pooling, bool ownSearchPath = false) =>
        new NpgsqlConnectionStringBuilder(settings.ConnectionString)
        {
            Options = string.IsNullOrEmpty(settings.Options) ? Options : $"{settings.Options} {Options}",
            SearchPath = ownSearchPath ? settings.SearchPath : SearchPath,
            Timezone = "UTC",
            ClientEncoding = "UTF8",
            ReadBufferSize = ReadBufferSize,
            Pooling = pooling,
        }.ConnectionString;
}
