using System.Text.Json;
using System.Text.Json.Serialization;

namespace Indelible.Server.Control;

/// <summary>A command forwarded to the process that holds the ledger. One JSON line on the socket.</summary>
public sealed record ControlRequest
{
    /// <summary>Longest request line accepted, in bytes.</summary>
    public const int LengthMax = 1 << 20;

    /// <summary>The arguments as typed, without the program's name.</summary>
    public required IReadOnlyList<string> Arguments { get; init; }
    /// <summary>The caller's working directory; relative paths are relative to it.</summary>
    public required string Directory { get; init; }
    /// <summary>The caller's environment variables that commands look at (passwords among them: the socket is its owner's alone).</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }
    /// <summary>The caller's login name: who reveals.</summary>
    public required string User { get; init; }
    /// <summary>The line the caller gave on standard input, where the command reads one; else null.</summary>
    public string? Input { get; init; }
    /// <summary>True if the caller's standard output is a terminal.</summary>
    public required bool Terminal { get; init; }
    /// <summary>Columns of that terminal; from 1.</summary>
    public required int Width { get; init; }
}

/// <summary>One JSON line of the answer: text for standard output or standard error, or the exit code, which ends it.</summary>
internal sealed record ControlFrame
{
    [JsonPropertyName("o")] public string? Output { get; init; }
    [JsonPropertyName("e")] public string? Error { get; init; }
    [JsonPropertyName("x")] public int? ExitCode { get; init; }
}

internal static class ControlJson
{
    public static readonly JsonSerializerOptions Options = new()
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };
}
