using System.Net.Sockets;
using Indelible.Ledger;
using Indelible.Server.Control;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>Where the control socket is, and who is believed to listen there: requests may hold a password.</summary>
public sealed class ControlSocketTests
{
    [Fact]
    public async Task Where_anybody_can_make_a_socket_only_this_user_is_believed_to_listen()
    {
        string journal = Path.Combine(Path.GetTempPath(), new string('j', 120)), path = ControlSocket.PathFor(journal);
        Assert.Equal(Path.GetTempPath().TrimEnd('/'), Path.GetDirectoryName(path));
        using Socket listener = ControlSocket.New(), connected = ControlSocket.New();
        listener.Bind(new UnixDomainSocketEndPoint(path));
        try
        {
            listener.Listen();
            await connected.ConnectAsync(new UnixDomainSocketEndPoint(path), TestContext.Current.CancellationToken);
            Assert.True(ControlSocket.IsTrusted(connected, path, journal, DurableFile.User));
            Assert.False(ControlSocket.IsTrusted(connected, path, journal, DurableFile.User + 1));
        }
        finally
        {
            new FileInfo(path).Delete();
        }
    }

    [Fact]
    public void In_the_journal_directory_whoever_listens_is_its_owner()
    {
        string path = ControlSocket.PathFor("/srv/audit/journal");
        Assert.Equal("/srv/audit/journal/control.sock", path);
        using Socket socket = ControlSocket.New();
        Assert.True(ControlSocket.IsTrusted(socket, path, "/srv/audit/journal", DurableFile.User + 1));
    }
}
