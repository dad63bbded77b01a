using System.Net;
using System.Security.Authentication;
using Amazon.Runtime;
using Amazon.S3;
using Indelible.Format;

namespace Indelible.Ledger.Stores;

/// <summary>What storage, network or SDK said, in words with what to do.</summary>
internal static class BucketFailure
{
    /// <summary>Null for what is no failure of storage or network.</summary>
    public static IndelibleException? Of(Exception e, BucketOptions options, string what, CancellationToken cancellationToken)
    {
        string where = $"{options.Place} at {options.Endpoint?.ToString() ?? "Amazon S3"}: {what}";
        return e switch
        {
            OperationCanceledException when cancellationToken.IsCancellationRequested => null,
            AmazonS3Exception s3 => Said(s3, where),
            OperationCanceledException or TimeoutException =>
                Environment($"{where}: no answer in time. Is the storage up, and the endpoint right?", e),
            AmazonServiceException or HttpRequestException or IOException
                when Chain(e).OfType<AuthenticationException>().FirstOrDefault() is { } tls => Environment(
                    $"{where}: the storage's TLS certificate is not trusted: {tls.Message} "
                    + "Give the endpoint by the name in the certificate, and put the authority that issued it "
                    + "into this machine's store (or name it with SSL_CERT_FILE)", e),
            AmazonServiceException or HttpRequestException or IOException =>
                Environment($"{where}: {Chain(e).Last().Message}. Is the storage up, and the endpoint right?", e),
            AmazonClientException => Usage(
                $"{where}: {e.Message.Split('\n')[0].TrimEnd('.', ' ')}. "
                + "Give accessKey and secretFile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", e),
            _ => null,
        };
    }

    private static IndelibleException Said(AmazonS3Exception e, string where) => e.ErrorCode switch
    {
        "InvalidAccessKeyId" or "SignatureDoesNotMatch" or "InvalidToken" or "ExpiredToken" or "TokenRefreshRequired" => Usage(
            $"{where}: the storage does not accept the credentials ({e.ErrorCode}): they are wrong, or were revoked. "
            + "Put right accessKey and secretFile", e),
        "NoSuchBucket" =>
            Usage($"{where}: there is no such bucket. Make it with versioning and Object Lock; `indelible` makes none", e),
        "RequestTimeTooSkewed" => Environment(
            $"{where}: this machine's clock and the storage's differ by more than a request's signature may, "
            + "which is 15 minutes (RequestTimeTooSkewed). Put this machine's clock right (NTP); locks are set by it", e),
        "AccessDenied" or "UserSuspended" or "AllAccessDisabled" or "AccountProblem" => Usage(
            $"{where}: refused ({e.ErrorCode}): the credentials lack a permission, or it was taken away. "
            + "docs/copies.md lists those that are needed", e),
        "QuotaExceeded" or "EntityTooLarge" or "InsufficientStorage" or "XMinioStorageFull" =>
            Environment($"{where}: the storage is full, or its quota is used up ({e.ErrorCode}). Make room there", e),
        _ when e.StatusCode == HttpStatusCode.InsufficientStorage => Environment($"{where}: the storage is full. Make room there", e),
        _ => Environment($"{where}: {(int)e.StatusCode} {e.ErrorCode} {e.Message}".TrimEnd(), e),
    };

    private static IndelibleException Environment(string message, Exception cause) => new(ExitCode.Environment, message, cause);

    private static IndelibleException Usage(string message, Exception cause) => new(ExitCode.Usage, message, cause);

    private static IEnumerable<Exception> Chain(Exception? e)
    {
        for (; e is not null; e = e.InnerException) yield return e;
    }
}
