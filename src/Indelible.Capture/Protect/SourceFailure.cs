using System.Net.Sockets;
using System.Security.Authentication;
using Indelible.Format;
using Npgsql;

namespace Indelible.Capture;

/// <summary>Says what a failed connection or statement means to a person, and what to do.</summary>
public static class SourceFailure
{
    /// <summary>The failure with where and what to do. The message never repeats a value or a password.</summary>
    public static IndelibleException From(NpgsqlException failure, SourceConnection connection) =>
        new(ExitCode.Environment, $"{connection}: {Explain(failure)}", failure);

    /// <inheritdoc cref="From(NpgsqlException, SourceConnection)"/>
    public static IndelibleException From(System.Data.Common.DbException failure, SourceConnection connection) =>
        From(failure as NpgsqlException ?? new NpgsqlException(failure.Message, failure), connection);

    private static string Explain(NpgsqlException failure) => failure switch
    {
        PostgresException { SqlState: PostgresErrorCodes.InvalidPassword } =>
            "the password was refused; give it in PGPASSWORD, a passfile, or --password-file",
        PostgresException { SqlState: PostgresErrorCodes.InvalidAuthorizationSpecification } e =>
            $"the server does not let this role in ({ServerWords.Of(e)}); check the role's name and pg_hba.conf",
        PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName } =>
            "there is no such database; check Database= in the connection string",
        PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } e =>
            $"a privilege is missing ({ServerWords.Of(e)}); connect as the tables' owner or a superuser",
        PostgresException { SqlState: PostgresErrorCodes.CannotConnectNow } =>
            "the server is starting up or shutting down; try again in a moment",
        PostgresException { SqlState: PostgresErrorCodes.TooManyConnections } =>
            "the server has no free connection; raise max_connections or end idle sessions",
        PostgresException { SqlState: PostgresErrorCodes.ProtocolViolation } e
            when e.MessageText.StartsWith("unsupported startup parameter", StringComparison.Ordinal) =>
            "a pooler (PgBouncer) answers in the server's place; give the server's own host and port",
        // data exception, constraint violation
        PostgresException { SqlState: ['2', '2' or '3', ..] } e =>
            $"the server answered {e.SqlState}; its message may repeat a value and is left out",
        PostgresException e => $"the server answered {e.SqlState}: {ServerWords.Of(e)}",
        { InnerException: SocketException e } =>
            $"no PostgreSQL server can be reached there ({e.Message}); check host and port, and that the server runs",
        { InnerException: AuthenticationException e } =>
            $"TLS failed ({WhyTlsFailed(e)}); give the server's CA with Root Certificate=…, "
                + "or SSL Mode=Disable if the network is yours alone",
        { InnerException: TimeoutException } => "the server did not answer in time; check host, port and firewalls",
        { Message: var message } when message.StartsWith("No password has been provided", StringComparison.Ordinal) =>
            "the server wants a password and none was given; give it in PGPASSWORD, a passfile, or --password-file",
        { Message: var message } when message.StartsWith("SSL connection requested", StringComparison.Ordinal) =>
            "the server offers no TLS; set ssl = on there, or give SSL Mode=Disable if the network is yours alone",
        { InnerException: { } inner } => $"{failure.Message}: {inner.Message}",
        _ => failure.Message,
    };

    private static string WhyTlsFailed(AuthenticationException e) => e.Message.Contains("ValidationCallback", StringComparison.Ordinal)
        ? "the server's certificate is not trusted, or is for another name"
        : e.Message;
}
