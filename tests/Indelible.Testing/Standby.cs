using Indelible.Server.Demo;

namespace Indelible.Testing;

/// <summary>A copy of a server as it stood at some moment, that takes its place later:
/// what a promoted standby looks like to those who connect.</summary>
/// <param name="server">The server; it must not be shared with other tests.</param>
public sealed class Standby(PrivatePostgres server)
{
    private string Copy => Path.Combine(server.SocketDirectory, "standby");

    /// <summary>Takes the copy, while the server is stopped for a moment. Slots are not in it.</summary>
    public async Task CopyAsync()
    {
        await server.StopAsync(CancellationToken.None);
        await Copying.AsIsAsync(server.DataDirectory, Copy);
        foreach (string slot in Directory.GetDirectories(Path.Combine(Copy, "pg_replslot"))) Directory.Delete(slot, recursive: true);
        await server.StartAsync(CancellationToken.None);
    }

    /// <summary>Kills the server and lets the copy take over at its address, on a new timeline.</summary>
    public async Task TakeOverAsync()
    {
        await server.KillAsync(CancellationToken.None);
        Directory.Delete(server.DataDirectory, recursive: true);
        Directory.Move(Copy, server.DataDirectory);
        await File.AppendAllTextAsync(Path.Combine(server.DataDirectory, "postgresql.auto.conf"), "restore_command = 'false'\n");
        await File.WriteAllTextAsync(Path.Combine(server.DataDirectory, "recovery.signal"), "");
        await server.StartAsync(CancellationToken.None);
    }
}
