namespace Indelible.Format.Tests.Vectors;

/// <summary>Where the repository is: the nearest folder above the test program that holds the solution.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    private static string Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Indelible.slnx"))) return folder.FullName;
        throw new DirectoryNotFoundException($"expected Indelible.slnx in a folder above {AppContext.BaseDirectory}");
    }
}
