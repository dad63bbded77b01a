namespace Indelible.Bench;

/// <summary>Updates of single customers at a rate, each a transaction, commits waited for: by pgbench.</summary>
internal sealed class Load(Source source, int rows)
{
    private const int Clients = 16;

    /// <summary>Starts as many as it can where the rate is too high for it; those that come late are done late, none is left out.</summary>
    public async Task RunAsync(int perSecond, int seconds, CancellationToken cancellationToken)
    {
        string script = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(script,
                "\\set id random(1, :rows)\nUPDATE customers SET balance = balance + 1, phone = '+1 555 ' || :id WHERE id = :id;\n",
                cancellationToken);
            await Command.RunToolAsync("pgbench", cancellationToken,
                ["-n", "-M", "prepared", "-c", $"{Clients}", "-T", $"{seconds}", "-R", $"{perSecond}", "-D", $"rows={rows}", "-f", script,
                    .. source.ClientOptions[..^2], source.ClientOptions[^1]]);
        }
        finally
        {
            File.Delete(script);
        }
    }
}
