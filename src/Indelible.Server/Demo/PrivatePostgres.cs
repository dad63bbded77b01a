using System.Diagnostics;
using System.Globalization;
using Indelible.Format;

namespace Indelible.Server.Demo;

/// <summary>A PostgreSQL server of one's own: private data directory, Unix socket in a private directory, one loopback port.
/// Ends with this process, however it ends.</summary>
public sealed class PrivatePostgres : IAsyncDisposable
{
    private const int LogLinesKept = 200;
    private const int StartAttempts = 40;
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(250);

    // The shell starts the server, says its pid, and stops it when our end of the pipe closes: also when we are killed.
    private const string Supervise = """
        exec 3<&0
        "$@" </dev/null 3<&- &
        pid=$!
        echo "pid $pid"
        (cat <&3 >/dev/null; kill -INT $pid 2>/dev/null) >/dev/null 2>&1 &
        exec 3<&-
        wait $pid
        """;

    // A pipe of ours cannot be opened by another user through /dev/stdin.
    private const string WithPasswordFile = """
        umask 077
        cat >"$0"
        "$@"
        code=$?
        rm -f "$0"
        exit $code
        """;

    private readonly PrivatePostgresOptions _options;
    private readonly string _binaries;
    private readonly bool _temporary;
    private readonly Queue<string> _log = new();
    private Process? _supervisor;
    private int _pid;

    private PrivatePostgres(PrivatePostgresOptions options, string binaries, string directory, string socketDirectory, int port)
    {
        (_options, _binaries, DataDirectory, SocketDirectory, Port) = (options, binaries, directory, socketDirectory, port);
        _temporary = options.DataDirectory is null;
    }

    /// <summary>The cluster's data directory.</summary>
    public string DataDirectory { get; }
    /// <summary>Directory of the Unix socket; only the server's user and root can enter it.</summary>
    public string SocketDirectory { get; }
    /// <summary>TCP port on 127.0.0.1.</summary>
    public int Port { get; }
    /// <summary>The server's last log lines.</summary>
    public string LogTail
    {
        get { lock (_log) return string.Join('\n', _log); }
    }

    /// <summary>Makes the cluster if there is none and starts the server; it accepts connections when this returns.</summary>
    public static async Task<PrivatePostgres> StartAsync(PrivatePostgresOptions options, CancellationToken cancellationToken)
    {
        string binaries = PostgresBinaries.Find();
        string sockets = Directory.CreateTempSubdirectory("ind-").FullName;
        await PostgresBinaries.MakePrivateAsync(sockets, cancellationToken);
        string directory = Path.GetFullPath(options.DataDirectory ?? Path.Combine(sockets, "data"));
        if (options.Template is { } template)
        {
            await PostgresBinaries.RunAsync(
                PostgresBinaries.Command("cp", "-r", "--reflink=auto", template, directory), "", cancellationToken);
        }
        if (!Path.Exists(Path.Combine(directory, "PG_VERSION")))
            await InitializeAsync(binaries, directory, sockets, options, cancellationToken);
        var server = new PrivatePostgres(options, binaries, directory, sockets, options.Port == 0 ? FreePort.Choose() : options.Port);
        await server.StartAsync(cancellationToken);
        return server;
    }

    /// <summary>Npgsql connection string over loopback TCP; without a user, the superuser with its password.</summary>
    public string ConnectionString(string database = "postgres", string? user = null, string? password = null)
    {
        (string name, string? secret) = user is null ? ("postgres", _options.Password) : (user, password);
        string text = string.Create(
            CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={Port};Database={database};Username={name};Include Error Detail=true");
        return secret is null ? text : $"{text};Password={secret}";
    }

    /// <summary>Npgsql connection string over the Unix socket, where any role may log in without a password.</summary>
    public string SocketConnectionString(string database = "postgres", string user = "postgres") =>
        string.Create(CultureInfo.InvariantCulture,
            $"Host={SocketDirectory};Port={Port};Database={database};Username={user};Include Error Detail=true");

    /// <summary>Starts a stopped or killed server again, same port.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            if (await TryStartAsync(cancellationToken)) return;
            // After a kill the old shared memory lives until the last backend has noticed.
            if (attempt == StartAttempts)
            {
                throw new IndelibleException(
                    ExitCode.Environment, $"PostgreSQL in {DataDirectory} did not start; its log ends with:\n{LogTail}");
            }
            await Task.Delay(RetryPause, cancellationToken);
        }
    }

    /// <summary>Stops the server in good order (fast shutdown); after 30 s, at once.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_supervisor is not { HasExited: false } supervisor) return;
        await PostgresBinaries.SignalAsync("INT", _pid, cancellationToken);
        try
        {
            await supervisor.WaitForExitAsync(cancellationToken).WaitAsync(StopLimit, cancellationToken);
        }
        catch (TimeoutException)
        {
            await PostgresBinaries.SignalAsync("QUIT", _pid, cancellationToken);
            await supervisor.WaitForExitAsync(cancellationToken);
        }
        Forget();
    }

    /// <summary>Ends every process of the server with SIGKILL, as a crash would.</summary>
    public async Task KillAsync(CancellationToken cancellationToken)
    {
        if (_supervisor is not { HasExited: false } supervisor) return;
        using (Process postmaster = Process.GetProcessById(_pid)) postmaster.Kill(entireProcessTree: true);
        await supervisor.WaitForExitAsync(cancellationToken);
        Forget();
    }

    /// <summary>Stops and starts.</summary>
    public async Task RestartAsync(CancellationToken cancellationToken)
    {
        await StopAsync(cancellationToken);
        await StartAsync(cancellationToken);
    }

    /// <summary>Where one of PostgreSQL's own programs is, if it is there: not all are packaged with the server everywhere.</summary>
    public string ToolPath(string program)
    {
        // Beside the server itself: what is on PATH may be links to the server's programs only.
        FileSystemInfo? server = Directory.ResolveLinkTarget(Path.Combine(_binaries, "postgres"), returnFinalTarget: true);
        return Path.Combine(server is null ? _binaries : Path.GetDirectoryName(server.FullName)!, program);
    }

    /// <summary>Runs one of PostgreSQL's own programs, as the server's user.</summary>
    public Task RunToolAsync(string program, string[] arguments, CancellationToken cancellationToken) =>
        PostgresBinaries.RunAsync(PostgresBinaries.Command([ToolPath(program), .. arguments]), "", cancellationToken);

    /// <summary>Stops the server and removes what is temporary.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_temporary) await KillAsync(CancellationToken.None);
        else await StopAsync(CancellationToken.None);
        Directory.Delete(SocketDirectory, recursive: true);
    }

    private static async Task InitializeAsync(
        string binaries, string directory, string sockets, PrivatePostgresOptions options, CancellationToken cancellationToken)
    {
        await PostgresBinaries.MakePrivateAsync(directory, cancellationToken);
        string passwordFile = Path.Combine(sockets, "password");
        ProcessStartInfo initdb = PostgresBinaries.Command(
            "sh", "-c", WithPasswordFile, passwordFile,
            Path.Combine(binaries, "initdb"), "-D", directory, "-U", "postgres", "--encoding=UTF8", "--no-locale", "--no-sync",
            "--auth-local=trust", "--auth-host=scram-sha-256", $"--pwfile={passwordFile}");
        await PostgresBinaries.RunAsync(initdb, options.Password + "\n", cancellationToken);
    }

    private async Task<bool> TryStartAsync(CancellationToken cancellationToken)
    {
        ProcessStartInfo start = PostgresBinaries.Command(
            ["sh", "-c", Supervise, "postgres", Path.Combine(_binaries, "postgres"), "-D", DataDirectory, .. Settings()]);
        var ready = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var supervisor = new Process { StartInfo = start, EnableRaisingEvents = true };
        supervisor.Exited += (_, _) => ready.TrySetResult(false);
        supervisor.OutputDataReceived += (_, line) => ReadPid(line.Data);
        supervisor.ErrorDataReceived += (_, line) => ReadLog(line.Data, ready);
        supervisor.Start();
        supervisor.BeginOutputReadLine();
        supervisor.BeginErrorReadLine();
        _supervisor = supervisor;
        if (await ready.Task.WaitAsync(StartLimit, cancellationToken) && _pid != 0) return true;
        Forget();
        return false;
    }

    private IEnumerable<string> Settings()
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["listen_addresses"] = "127.0.0.1",
            ["port"] = Port.ToString(CultureInfo.InvariantCulture),
            ["unix_socket_directories"] = SocketDirectory,
            ["wal_level"] = _options.WalLevel,
            ["max_wal_senders"] = _options.WalLevel == "minimal" ? "0" : "20",
            ["max_replication_slots"] = "20",
            ["fsync"] = _options.Durable ? "on" : "off",
            ["full_page_writes"] = _options.Durable ? "on" : "off",
            ["logging_collector"] = "off",
            ["log_destination"] = "stderr",
        };
        foreach ((string name, string value) in _options.Settings) settings[name] = value;
        return settings.SelectMany(setting => new[] { "-c", $"{setting.Key}={setting.Value}" });
    }

    private void ReadPid(string? line)
    {
        if (line is not null && line.StartsWith("pid ", StringComparison.Ordinal))
            _pid = int.Parse(line.AsSpan(4), CultureInfo.InvariantCulture);
    }

    private void ReadLog(string? line, TaskCompletionSource<bool> ready)
    {
        if (line is null) return;
        lock (_log)
        {
            _log.Enqueue(line);
            if (_log.Count > LogLinesKept) _log.Dequeue();
        }
        if (line.Contains("database system is ready to accept connections", StringComparison.Ordinal)) ready.TrySetResult(true);
    }

    private void Forget()
    {
        _supervisor?.Dispose();
        (_supervisor, _pid) = (null, 0);
    }
}
