using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Indelible.Format;

namespace Indelible.Ledger.Stores;

/// <summary>The requests to S3-compatible storage that copies need, and how many were made. Failures are told in words.
/// Many callers at a time.</summary>
internal sealed class Bucket : IDisposable
{
    /// <summary>Parts of what is uploaded in parts.</summary>
    public const int PartLength = 16 << 20;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly AmazonS3Client _client;
    private long _puts, _gets, _lists, _others;

    public Bucket(BucketOptions options)
    {
        Options = options;
        AmazonS3Config config = new()
        {
            ForcePathStyle = true,
            Timeout = Patience,
            MaxErrorRetry = 1,
            // Other servers than Amazon's answer 400 to the newer checksums; Content-MD5 is checked by all.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
            // The SDK would sign by the storage's clock where this one is wrong.
            // But locks are set by this one: behind, it would lock for too short; ahead, for
            // longer than anybody can take back. And Ceph loses the thread of a connection on which it refused an object.
            DisableClockSkewCorrection = true,
        };
        if (options.Endpoint is { } endpoint) config.ServiceURL = endpoint.AbsoluteUri;
        config.AuthenticationRegion = options.Region ?? System.Environment.GetEnvironmentVariable("AWS_REGION") ?? "us-east-1";
        if (options.Endpoint is null) config.RegionEndpoint = Amazon.RegionEndpoint.GetBySystemName(config.AuthenticationRegion);
        _client = Told("opening", () => options.Credentials is { } own
            ? new AmazonS3Client(new BasicAWSCredentials(own.Id, own.Secret), config)
            : new AmazonS3Client(config));
    }

    public BucketOptions Options { get; }

    /// <summary>Requests made: those that write, those that read an object, those that list, others.</summary>
    public (long Puts, long Gets, long Lists, long Others) Requests =>
        (Interlocked.Read(ref _puts), Interlocked.Read(ref _gets), Interlocked.Read(ref _lists), Interlocked.Read(ref _others));

    /// <summary>Makes the bucket, with versions and Object Lock.</summary>
    public Task MakeAsync(CancellationToken cancellationToken) => ToldAsync("making the bucket",
        () => _client.PutBucketAsync(new PutBucketRequest { BucketName = Options.Bucket, ObjectLockEnabledForBucket = true },
            cancellationToken), null, cancellationToken);

    /// <summary>Stores an object whole and gives the version's id; the storage checks the content's MD5.
    /// Null if <paramref name="onlyNew"/> and the storage says that there is one.</summary>
    public async Task<string?> PutAsync(string path, ReadOnlyMemory<byte> content, DateTimeOffset? lockedUntil, bool onlyNew,
        CancellationToken cancellationToken, bool isHeld = false)
    {
        byte[] md5 = MD5.HashData(content.Span);
        using MemoryStream body = new(content.ToArray(), writable: false);
        PutObjectRequest request = new()
        {
            BucketName = Options.Bucket, Key = Key(path), InputStream = body, AutoCloseStream = false,
            MD5Digest = Convert.ToBase64String(md5),
            ContentType = "application/octet-stream", UseChunkEncoding = false,
        };
        if (onlyNew) request.IfNoneMatch = "*";
        if (lockedUntil is { } until)
            (request.ObjectLockMode, request.ObjectLockRetainUntilDate) = (ObjectLockMode.Compliance, until.UtcDateTime);
        if (isHeld) request.ObjectLockLegalHoldStatus = ObjectLockLegalHoldStatus.On;
        Interlocked.Increment(ref _puts);
        PutObjectResponse? answer = await ToldAsync($"storing {path}", () => _client.PutObjectAsync(request, cancellationToken),
            HttpStatusCode.PreconditionFailed, cancellationToken);
        if (answer is null) return null;
        string etag = Bare(answer.ETag);
        if (etag.Length == 32 && IsHex(etag) && etag != Convert.ToHexStringLower(md5))
            await RequireStoredAsync(path, answer.VersionId, content, cancellationToken);
        return answer.VersionId ?? "null";
    }

    /// <summary>Stores an object in parts, each checked by its MD5.</summary>
    public async Task<ObjectVersion> PutLargeAsync(
        string path, Stream content, long length, DateTimeOffset? lockedUntil, CancellationToken cancellationToken, bool isHeld = false)
    {
        InitiateMultipartUploadRequest begin =
            new() { BucketName = Options.Bucket, Key = Key(path), ContentType = "application/octet-stream" };
        if (lockedUntil is { } until)
            (begin.ObjectLockMode, begin.ObjectLockRetainUntilDate) = (ObjectLockMode.Compliance, until.UtcDateTime);
        if (isHeld) begin.ObjectLockLegalHoldStatus = ObjectLockLegalHoldStatus.On;
        Interlocked.Add(ref _puts, 2);
        InitiateMultipartUploadResponse begun = (await ToldAsync(
            $"storing {path}", () => _client.InitiateMultipartUploadAsync(begin, cancellationToken), null, cancellationToken))!;
        string id = begun.UploadId;
        List<PartETag> parts = [];
        byte[] buffer = new byte[PartLength];
        for (long sent = 0; sent < length;)
        {
            int read = await content.ReadAtLeastAsync(
                buffer, (int)Math.Min(PartLength, length - sent), throwOnEndOfStream: true, cancellationToken);
            using MemoryStream body = new(buffer, 0, read, writable: false);
            UploadPartRequest part = new()
            {
                BucketName = Options.Bucket, Key = Key(path), UploadId = id, PartNumber = parts.Count + 1,
                PartSize = read, InputStream = body,
                MD5Digest = Convert.ToBase64String(MD5.HashData(buffer.AsSpan(0, read))), UseChunkEncoding = false,
            };
            Interlocked.Increment(ref _puts);
            UploadPartResponse stored =
                (await ToldAsync($"storing {path}", () => _client.UploadPartAsync(part, cancellationToken), null, cancellationToken))!;
            parts.Add(new PartETag(parts.Count + 1, stored.ETag));
            sent += read;
        }
        CompleteMultipartUploadRequest end = new() { BucketName = Options.Bucket, Key = Key(path), UploadId = id, PartETags = parts };
        CompleteMultipartUploadResponse whole = (await ToldAsync(
            $"storing {path}", () => _client.CompleteMultipartUploadAsync(end, cancellationToken), null, cancellationToken))!;
        return new ObjectVersion(path, whole.VersionId ?? "null", Bare(whole.ETag), length, DateTimeOffset.UnixEpoch, IsMarker: false);
    }

    /// <summary>An object's content as a stream to be disposed of, and the version it is of; null if there is none.</summary>
    public async Task<GetObjectResponse?> OpenAsync(string path, string? version, CancellationToken cancellationToken)
    {
        GetObjectRequest request = new() { BucketName = Options.Bucket, Key = Key(path), VersionId = version };
        Interlocked.Increment(ref _gets);
        return await ToldAsync(
            $"reading {path}", () => _client.GetObjectAsync(request, cancellationToken), HttpStatusCode.NotFound, cancellationToken);
    }

    /// <summary>At most <paramref name="lengthMax"/> bytes and one more of an object; null if there is none.</summary>
    public async Task<byte[]?> ReadAsync(string path, string? version, int lengthMax, CancellationToken cancellationToken)
    {
        using GetObjectResponse? answer = await OpenAsync(path, version, cancellationToken);
        if (answer is null) return null;
        byte[] bytes = new byte[Math.Min(Math.Max(answer.ContentLength, 0), (long)lengthMax + 1)];
        Stream body = answer.ResponseStream;
        object? got = await ToldAsync($"reading {path}",
            async () => (object)await body.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken),
            null, cancellationToken);
        int read = got is int count ? count : 0;
        return read == bytes.Length
            ? bytes
            : throw new IndelibleException(
                ExitCode.Environment, $"{Options.Place}: reading {path}: expected {bytes.Length} bytes, found {read}");
    }

    /// <summary>Versions and delete markers in the order of their paths, of one path the newest first.</summary>
    /// <param name="under">What paths begin with.</param>
    /// <param name="after">Only paths behind this one; null: all.</param>
    /// <param name="deep">Whether paths with a further slash are listed.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async IAsyncEnumerable<ObjectVersion> VersionsAsync(
        string under, string? after, bool deep, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ListVersionsRequest request = new()
        {
            BucketName = Options.Bucket, Prefix = Key(under), Delimiter = deep ? null : "/",
            KeyMarker = after is null ? null : Key(after), MaxKeys = 1000,
        };
        while (true)
        {
            Interlocked.Increment(ref _lists);
            ListVersionsResponse page =
                (await ToldAsync(
                    $"listing {under}", () => _client.ListVersionsAsync(request, cancellationToken), null, cancellationToken))!;
            foreach (S3ObjectVersion version in page.Versions ?? [])
            {
                ObjectVersion found = VersionOf(version);
                // Some servers begin with the path that was to be left behind.
                if (after is null || string.CompareOrdinal(found.Path, after) > 0) yield return found;
            }
            if (page.IsTruncated != true) yield break;
            (request.KeyMarker, request.VersionIdMarker) = (page.NextKeyMarker, page.NextVersionIdMarker);
        }
    }

    /// <summary>Removes a version; false if the storage refuses to. Without an id, a delete marker is put on top.</summary>
    public async Task<bool> TryDeleteAsync(string path, string? version, CancellationToken cancellationToken, bool bypass = false)
    {
        DeleteObjectRequest request = new() { BucketName = Options.Bucket, Key = Key(path), VersionId = version };
        if (bypass) request.BypassGovernanceRetention = true;
        Interlocked.Increment(ref _others);
        return await ToldAsync($"removing {path}",
            () => _client.DeleteObjectAsync(request, cancellationToken), HttpStatusCode.Forbidden, cancellationToken) is not null;
    }

    /// <summary>Until when a version is locked in compliance mode; null if it is not.</summary>
    public async Task<DateTimeOffset?> LockedUntilAsync(string path, string version, CancellationToken cancellationToken)
    {
        GetObjectRetentionRequest request = new() { BucketName = Options.Bucket, Key = Key(path), VersionId = version };
        Interlocked.Increment(ref _others);
        GetObjectRetentionResponse? answer = await ToldAsync($"asking for the lock of {path}",
            () => _client.GetObjectRetentionAsync(request, cancellationToken), HttpStatusCode.NotFound, cancellationToken);
        return answer?.Retention is { RetainUntilDate: { } until } retention && retention.Mode == ObjectLockRetentionMode.Compliance
            ? new DateTimeOffset(until.ToUniversalTime())
            : null;
    }

    /// <summary>Locks a version until a later time; false if the storage refuses to.</summary>
    public async Task<bool> TryLockAsync(string path, string version, DateTimeOffset until, CancellationToken cancellationToken)
    {
        PutObjectRetentionRequest request = new()
        {
            BucketName = Options.Bucket, Key = Key(path), VersionId = version,
            Retention = new ObjectLockRetention { Mode = ObjectLockRetentionMode.Compliance, RetainUntilDate = until.UtcDateTime },
        };
        Interlocked.Increment(ref _puts);
        return await ToldAsync($"locking {path}", () => _client.PutObjectRetentionAsync(request, cancellationToken),
            HttpStatusCode.Forbidden, cancellationToken) is not null;
    }

    /// <summary>Lays the storage's own legal hold on a version, or lifts it.</summary>
    public Task HoldAsync(string path, string version, bool isHeld, CancellationToken cancellationToken)
    {
        PutObjectLegalHoldRequest request = new()
        {
            BucketName = Options.Bucket, Key = Key(path), VersionId = version,
            LegalHold = new ObjectLockLegalHold { Status = isHeld ? ObjectLockLegalHoldStatus.On : ObjectLockLegalHoldStatus.Off },
        };
        Interlocked.Increment(ref _puts);
        return ToldAsync($"{(isHeld ? "laying a legal hold on" : "lifting the legal hold on")} {path}",
            () => _client.PutObjectLegalHoldAsync(request, cancellationToken), null, cancellationToken);
    }

    /// <summary>True if the storage's own legal hold lies on a version.</summary>
    public async Task<bool> IsHeldAsync(string path, string version, CancellationToken cancellationToken)
    {
        GetObjectLegalHoldRequest request = new() { BucketName = Options.Bucket, Key = Key(path), VersionId = version };
        Interlocked.Increment(ref _others);
        GetObjectLegalHoldResponse? answer = await ToldAsync($"asking for the legal hold of {path}",
            () => _client.GetObjectLegalHoldAsync(request, cancellationToken), HttpStatusCode.NotFound, cancellationToken);
        return answer?.LegalHold?.Status == ObjectLockLegalHoldStatus.On;
    }

    /// <summary>True if the bucket keeps versions.</summary>
    public async Task<bool> IsVersionedAsync(CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _others);
        GetBucketVersioningRequest request = new() { BucketName = Options.Bucket };
        GetBucketVersioningResponse answer = (await ToldAsync("asking whether it keeps versions",
            () => _client.GetBucketVersioningAsync(request, cancellationToken), null, cancellationToken))!;
        return answer.VersioningConfig?.Status == VersionStatus.Enabled;
    }

    /// <summary>True if the bucket has Object Lock.</summary>
    public async Task<bool> HasObjectLockAsync(CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _others);
        GetObjectLockConfigurationRequest request = new() { BucketName = Options.Bucket };
        GetObjectLockConfigurationResponse? answer = await ToldAsync("asking for Object Lock",
            () => _client.GetObjectLockConfigurationAsync(request, cancellationToken), HttpStatusCode.NotFound, cancellationToken);
        return answer?.ObjectLockConfiguration?.ObjectLockEnabled == ObjectLockEnabled.Enabled;
    }

    public void Dispose() => _client.Dispose();

    private string Key(string path) => Options.Prefix + path;

    private ObjectVersion VersionOf(S3ObjectVersion version) => new(
        version.Key[Options.Prefix.Length..], version.VersionId ?? "null", Bare(version.ETag), version.Size ?? 0,
        new DateTimeOffset((version.LastModified ?? DateTime.UnixEpoch).ToUniversalTime()), version.IsDeleteMarker == true);

    private async Task RequireStoredAsync(string path, string? version, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        byte[]? stored = await ReadAsync(path, version, content.Length, cancellationToken);
        if (!content.Span.SequenceEqual(stored))
        {
            throw new IndelibleException(ExitCode.Environment,
                $"{Options.Place}: {path}: expected the storage to hold what was sent to it, found other bytes: "
                    + "the network or the storage damaged them");
        }
    }

    private T Told<T>(string what, Func<T> act)
    {
        try
        {
            return act();
        }
        catch (Exception e) when (BucketFailure.Of(e, Options, what, CancellationToken.None) is { } told)
        {
            throw told;
        }
    }

    /// <summary>The answer; null if it was <paramref name="expected"/>.</summary>
    private async Task<T?> ToldAsync<T>(
        string what, Func<Task<T>> act, HttpStatusCode? expected, CancellationToken cancellationToken) where T : class
    {
        try
        {
            return await act();
        }
        catch (AmazonS3Exception e)
            when (e.StatusCode == expected
                && e.ErrorCode is not ("NoSuchBucket" or "InvalidAccessKeyId" or "SignatureDoesNotMatch" or "RequestTimeTooSkewed"))
        {
            return null;
        }
        catch (Exception e) when (BucketFailure.Of(e, Options, what, cancellationToken) is { } told)
        {
            throw told;
        }
    }

    private static string Bare(string? etag) => etag?.Trim('"').ToLower(CultureInfo.InvariantCulture) ?? "";

    private static bool IsHex(string text) => text.All(char.IsAsciiHexDigitLower);
}
