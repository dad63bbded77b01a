using System.Text.Json;
using Indelible.Format.Merkle;
using Indelible.Format.Tests.Vectors;

namespace Indelible.Format.Tests.Merkle;

public sealed class TileCoordinateTests
{
    [Theory]
    [InlineData(0, 0, 256, "tile/0/000")]
    [InlineData(0, 1_234_067, 256, "tile/0/x001/x234/067")]
    [InlineData(0, 1_234_067, 89, "tile/0/x001/x234/067.p/89")]
    [InlineData(TileCoordinate.EntriesLevel, 31_604_937_984 / 256, 256, "tile/entries/x123/x456/789")]
    [InlineData(63, TileCoordinate.IndexMax, 255, "tile/63/x999/x999/x999/x999/x999/999.p/255")]
    public void A_path_is_written_and_read_back(int level, long index, int width, string path)
    {
        var coordinate = new TileCoordinate(level, index, width);
        Assert.Equal(path, coordinate.Path);
        Assert.True(TileCoordinate.TryParse(path, out TileCoordinate parsed));
        Assert.Equal(coordinate, parsed);
    }

    [Theory]
    [InlineData("")]
    [InlineData("tile")]
    [InlineData("tile/0")]
    [InlineData("tile/0/")]
    [InlineData("tile/00/000")]
    [InlineData("tile/01/000")]
    [InlineData("tile/+1/000")]
    [InlineData("tile/64/000")]
    [InlineData("tile/-1/000")]
    [InlineData("tile/0/1")]
    [InlineData("tile/0/0000")]
    [InlineData("tile/0/x000/001")]
    [InlineData("tile/0/x001")]
    [InlineData("tile/0/001/002")]
    [InlineData("tile/0/000.p/0")]
    [InlineData("tile/0/000.p/256")]
    [InlineData("tile/0/000.p/01")]
    [InlineData("tile/0/000.p/")]
    [InlineData("tile/0/000.p")]
    [InlineData("tile/0/000/1")]
    [InlineData("tile/data/000")]
    [InlineData("tile/0/../checkpoint")]
    [InlineData("tile/0/x999/x999/x999/x999/x999/x999/999")]
    [InlineData("Tile/0/000")]
    public void What_is_not_exactly_a_path_is_refused(string path) => Assert.False(TileCoordinate.TryParse(path, out _));

    [Fact]
    public void A_tree_of_70000_has_the_partial_tiles_of_the_specification()
    {
        Assert.Equal(
            ["tile/entries/273.p/112", "tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"],
            TileCoordinate.Partials(70_000).Select(tile => tile.Path));
        Assert.Equal(["tile/1/000.p/1"], TileCoordinate.Partials(256).Select(tile => tile.Path));
        Assert.Empty(TileCoordinate.Partials(0));
        Assert.Equal(256, TileCoordinate.WidthAt(0, 272, 70_000));
        Assert.Equal(0, TileCoordinate.WidthAt(0, 274, 70_000));
    }

    [Fact]
    public void Shared_vectors_of_paths_agree()
    {
        JsonElement vectors = SharedVectors.Derived("tlog-tiles-paths.json");
        foreach (JsonElement row in vectors.GetProperty("entriesPathForLogIndex").EnumerateArray())
        {
            Assert.Equal(
                row[2].GetString(), TileCoordinate.Holding(TileCoordinate.EntriesLevel, row[0].GetInt64(), row[1].GetInt64()).Path);
        }
        foreach (JsonElement row in vectors.GetProperty("tilePath").EnumerateArray())
            Assert.Equal(row[3].GetString(), new TileCoordinate(row[0].GetInt32(), row[1].GetInt64(), Width(row[2])).Path);
        foreach (JsonElement row in vectors.GetProperty("parseOk").EnumerateArray())
        {
            Assert.True(TileCoordinate.TryParse($"tile/{row[0].GetString()}/{row[1].GetString()}", out TileCoordinate parsed));
            Assert.Equal(new TileCoordinate(row[2].GetInt32(), row[3].GetInt64(), Width(row[4])), parsed);
        }
        foreach (JsonElement row in vectors.GetProperty("parseBad").EnumerateArray())
            Assert.False(TileCoordinate.TryParse($"tile/{row[0].GetString()}/{row[1].GetString()}", out _), row.ToString());
    }

    private static int Width(JsonElement partial) => partial.GetInt32() == 0 ? TileCoordinate.FullWidth : partial.GetInt32();
}
