namespace Indelible.Bench;

/// <summary>From backlog to index, beside pg_recvlogical on the same backlog.</summary>
internal sealed class PipelineSuite(string root, Results results, int rows, int rounds, string? shapes)
{
    private readonly string _directory = WorkDirectory.New();

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var command = new Command(root, _directory);
        try
        {
            await using Source source = await Source.StartAsync(_directory, cancellationToken);
            IReadOnlyList<Shape> all = Shape.All(rows, source.CopyFile);
            await source.ExecuteAsync(cancellationToken, [.. Shape.Tables, .. Shape.MoreTables]);
            await command.RunAsync(cancellationToken, "init", "--origin", "bench.indelible.example/pipeline");
            await command.RunAsync(cancellationToken,
                ["protect", "--source", source.ConnectionString, "--name", Source.Name, .. Shape.ProtectedCustomers,
                    .. Shape.ProtectedReadings, .. Shape.ProtectedMore]);
            var race = new BacklogRace(source, command, results, rows, rounds);
            List<Shape> chosen =
                [.. all.Where(shape => shapes is null ? shape.IsUsual : shape.Name.Contains(shapes, StringComparison.Ordinal))];
            // A table's first shape brings the rows that its others change.
            foreach (Shape shape in all.DistinctBy(one => one.Table).Where(first => chosen.Exists(one => one.Table == first.Table))
                .Union(chosen)) await race.RunAsync(shape, cancellationToken);
        }
        finally
        {
            Directory.Delete(_directory, recursive: true);
        }
    }
}
