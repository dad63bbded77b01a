using System.Text.RegularExpressions;
using Indelible.Ledger.Stores;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Indelible.Server.Http;

/// <summary>Serves the ledger directory read-only as c2sp.org/tlog-tiles.
/// Only paths of the known shapes reach the disk, so there is no way out of it.</summary>
internal static partial class LedgerFiles
{
    private const string Immutable = "public, max-age=31536000, immutable";
    private const string Newest = "no-cache";
    private const string Text = "text/plain; charset=utf-8";
    private const string Bytes = "application/octet-stream";

    /// <param name="routes">Where it is served.</param>
    /// <param name="ledgerDirectory">What is served.</param>
    /// <param name="stored">Where the files are that the directory no longer has; null: nowhere.</param>
    public static void Map(IEndpointRouteBuilder routes, string ledgerDirectory, StoredFiles? stored = null)
    {
        routes.MapGet("/checkpoint", context => Send(context, ledgerDirectory, "checkpoint", Text, Newest));
        routes.MapGet("/checkpoint.cosigned", context => Send(context, ledgerDirectory, "checkpoint.cosigned", Text, Newest));
        routes.MapGet("/ledger.json", context => Send(context, ledgerDirectory, "ledger.json", "application/json", Newest));
        routes.MapGet("/handover/{size:long}",
            context => Send(context, ledgerDirectory, $"handover/{context.GetRouteValue("size")}", Text, Immutable));
        routes.MapGet("/tile/{**path}", context => SendKnown(context, ledgerDirectory, stored, "tile/", Tile()));
        routes.MapGet("/anchors/{**path}", context => SendKnown(context, ledgerDirectory, stored, "anchors/", Anchor()));
        routes.MapGet("/blobs/{**path}", context => SendKnown(context, ledgerDirectory, stored, "blobs/", BlobName()));
    }

    private static async Task SendKnown(HttpContext context, string directory, StoredFiles? stored, string prefix, Regex shape)
    {
        string path = prefix + (context.GetRouteValue("path") as string ?? "");
        if (!shape.IsMatch(path)) context.Response.StatusCode = StatusCodes.Status404NotFound;
        else if (stored is null || Path.Exists(Path.Combine(directory, path))) await Send(context, directory, path, Bytes, Immutable);
        else if (await stored.ReadAsync(path, int.MaxValue, context.RequestAborted) is { } bytes) await SendStored(context, bytes);
        else context.Response.StatusCode = StatusCodes.Status404NotFound;
    }

    private static Task SendStored(HttpContext context, byte[] bytes)
    {
        context.Response.Headers.CacheControl = Immutable;
        context.Response.Headers.XContentTypeOptions = "nosniff";
        return Results.Bytes(bytes, Bytes).ExecuteAsync(context);
    }

    private static async Task Send(HttpContext context, string directory, string path, string type, string caching)
    {
        FileInfo file = new(Path.Combine(directory, path));
        if (!file.Exists)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }
        context.Response.Headers.CacheControl = caching;
        context.Response.Headers.XContentTypeOptions = "nosniff";
        await Results.File(file.FullName, type).ExecuteAsync(context);
    }

    // c2sp.org/tlog-tiles: three digits a group, all but the last with an x before; .p/<width> for a partial tile.
    [GeneratedRegex("^tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/(x[0-9]{3}/){0,6}[0-9]{3}(\\.p/[1-9][0-9]{0,2})?\\z")]
    private static partial Regex Tile();

    [GeneratedRegex("^anchors/[1-9][0-9]{0,18}/[a-z0-9_]{1,32}\\.(tsr|pem|crl)\\z")]
    private static partial Regex Anchor();

    [GeneratedRegex("^blobs/[0-9a-f]{2}/[0-9a-f]{64}\\z")]
    private static partial Regex BlobName();
}
