using Npgsql;
using Xunit;

namespace Indelible.Capture.Tests.Protect;

public sealed class SourceConnectionTests
{
    private static SslMode ModeOf(string text) => new NpgsqlConnectionStringBuilder(SourceConnection.Parse(text).ReplicationText()).SslMode;

    [Theory]
    [InlineData("Host=db.example;Database=clinic;Username=u", SslMode.VerifyFull)]
    [InlineData("postgres://u@db.example/clinic", SslMode.VerifyFull)]
    [InlineData("Host=192.0.2.7;Database=clinic", SslMode.VerifyFull)]
    [InlineData("Host=db.example;SSL Mode=Disable", SslMode.Disable)]
    [InlineData("Host=db.example;sslmode=require", SslMode.Require)]
    [InlineData("postgres://u@db.example/clinic?sslmode=verify-ca", SslMode.VerifyCA)]
    [InlineData("Host=localhost", SslMode.Prefer)]
    [InlineData("Host=127.0.0.1", SslMode.Prefer)]
    [InlineData("Host=/var/run/postgresql", SslMode.Prefer)]
    public void The_servers_certificate_is_verified_unless_the_host_is_local_or_the_text_says_otherwise(string text, SslMode expected) =>
        Assert.Equal(expected, ModeOf(text));

    [Fact]
    public void What_goes_into_a_configuration_file_holds_no_password_and_still_asks_for_verification()
    {
        string text = SourceConnection.Parse("Host=db.example;Username=u;Password=secret-1;SSL Password=secret-2", "secret-3").ToText();
        Assert.DoesNotContain("secret", text, StringComparison.Ordinal);
        Assert.Contains("SSL Mode=VerifyFull", text, StringComparison.Ordinal);
        Assert.Equal(SslMode.VerifyFull, ModeOf(text));
    }

    [Theory]
    [InlineData("postgres://u:sec;ret@/x?foo=1")]
    [InlineData("postgres://u:secret@db/x?nonsense=1")]
    [InlineData("Host=db;Password=secret;Nonsense=1")]
    [InlineData("Host=db;Password=secret;Port=many")]
    public void A_connection_string_that_is_none_is_refused_without_being_repeated(string text)
    {
        FormatException refused = Assert.Throws<FormatException>(() => SourceConnection.Parse(text));
        Assert.DoesNotContain("sec", refused.Message, StringComparison.Ordinal);
    }
}
