using System.Globalization;
using System.Net;
using System.Text;
using Indelible.Format;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;
using Indelible.Ledger;
using Indelible.Ledger.Following;

namespace Indelible.Server.Witnessing;

/// <summary>Asks one witness to cosign. One round owns it at a time.</summary>
/// <param name="name">Its name in the policy.</param>
/// <param name="key">Its key.</param>
/// <param name="address">Its submission prefix.</param>
/// <param name="time">The clock.</param>
internal sealed class WitnessClient(string name, VerifierKey key, string address, TimeProvider time)
{
    /// <summary>A witness's clock may be off by this; a cosignature of another time is not counted.</summary>
    public static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(5);

    private const int Attempts = 3;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly HttpClient Client = new(
        new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, ConnectTimeout = Patience,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5) }) { Timeout = Patience };

    private readonly Uri _submit = new(address.TrimEnd('/') + "/add-checkpoint");
    private long _cosigned;

    /// <summary>Its name.</summary>
    public string Name => name;

    /// <summary>What is wrong between it and this ledger; null if nothing is.</summary>
    public string? Problem { get; private set; }

    /// <summary>True if it refuses what the ledger goes on with: one of the two is not the history it was.</summary>
    public bool IsRefusing { get; private set; }

    /// <summary>Its cosignature of a head; null if it gives none: <see cref="Problem"/> says why.</summary>
    /// <param name="head">The head, signed by the ledger.</param>
    /// <param name="prove">Builds the consistency proof from a size.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    public async Task<NoteSignature?> AskAsync(SignedHead head, Func<long, IReadOnlyList<Hash>> prove, CancellationToken cancellationToken)
    {
        await Task.Yield();
        try
        {
            for (int attempt = 1; attempt <= Attempts; attempt++)
            {
                var request = new AddCheckpoint { OldSize = _cosigned, Path = prove(_cosigned), Checkpoint = head.Note.ToBytes() };
                using HttpResponseMessage answer =
                    await Client.PostAsync(_submit, new ByteArrayContent(request.ToBytes()), cancellationToken);
                string body = await answer.Content.ReadAsStringAsync(cancellationToken);
                if (answer.StatusCode == HttpStatusCode.OK) return Accept(head, body);
                if (answer.StatusCode != HttpStatusCode.Conflict) return Refused((int)answer.StatusCode, body);
                if (!long.TryParse(body.TrimEnd('\n'), NumberStyles.None, CultureInfo.InvariantCulture, out long size))
                    return Failed($"expected the size it cosigned last, found '{Short(body)}'");
                if (size > head.Size) return Ahead(size, head.Size);
                _cosigned = size;
            }
            return Failed("it answered 409 again and again: does somebody else submit checkpoints of this ledger?");
        }
        catch (Exception e)
            when (e is HttpRequestException or IOException
                || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            if (e is OperationCanceledException) return Failed($"no answer within {Patience.TotalSeconds} s");
            return Failed(e.InnerException is System.Security.Authentication.AuthenticationException certificate
                ? $"its certificate is not accepted: {certificate.Message}"
                : e.Message);
        }
    }

    /// <summary>The checkpoint it cosigned last, as it shows it (monitoring prefix); null if it shows none.</summary>
    public async Task<byte[]?> ShownAsync(string origin, CancellationToken cancellationToken)
    {
        try
        {
            using HttpResponseMessage answer =
                await Client.GetAsync(new Uri($"{address.TrimEnd('/')}/{Witness.HashOf(origin)}/checkpoint"), cancellationToken);
            return answer.IsSuccessStatusCode && answer.Content.Headers.ContentLength is <= SignedNote.LengthMax
                ? await answer.Content.ReadAsByteArrayAsync(cancellationToken)
                : null;
        }
        catch (Exception e)
            when (e is HttpRequestException or IOException
                || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return null;
        }
    }

    private NoteSignature? Accept(SignedHead head, string body)
    {
        TextFault fault = SignedNote.Parse(Encoding.UTF8.GetBytes($"{head.Note}{body}"), out SignedNote? note);
        IReadOnlyList<VerifiedSignature> verified = [];
        if (fault.IsNone) fault = note!.Verify([key], out verified);
        if (!fault.IsNone) return Failed($"expected a cosignature by {key}: {fault}");
        long at = Math.Min(verified[0].Timestamp!.Value, DateTimeOffset.MaxValue.ToUnixTimeSeconds());
        TimeSpan off = DateTimeOffset.FromUnixTimeSeconds(at) - time.GetUtcNow();
        _cosigned = head.Size;
        if (off.Duration() > ClockTolerance)
        {
            string how = $"{off.Duration().TotalSeconds:0} s {(off > TimeSpan.Zero ? "ahead of" : "behind")} this machine's clock";
            return Failed($"its cosignature is of a time {how}, "
                + $"more than {ClockTolerance.TotalMinutes:0} minutes: set the clock that is wrong");
        }
        (Problem, IsRefusing) = (null, false);
        return verified[0].Signature;
    }

    private NoteSignature? Refused(int status, string body)
    {
        string why = status switch
        {
            404 => "it does not know this ledger: have its operator add the ledger's verifier key",
            403 => "it does not know this ledger's key: have its operator correct it",
            422 => $"it refuses to go on from the size {_cosigned} it cosigned last: "
                + "what this ledger holds is not the history that it was shown. Verify the ledger, and compare it with a mirror",
            _ => $"expected status 200, found {status}: {Short(body)}",
        };
        NoteSignature? none = Failed(why);
        IsRefusing = status == 422;
        return none;
    }

    private NoteSignature? Ahead(long size, long own)
    {
        NoteSignature? none = Failed(
            $"it has cosigned this ledger at size {size}, and the ledger has only {own}: it was rolled back, "
                + "or somebody else signs with its key. Stop, and compare with a mirror");
        IsRefusing = true;
        return none;
    }

    private NoteSignature? Failed(string why)
    {
        (Problem, IsRefusing) = ($"witness {name} at {_submit.Host}: {why}", false);
        return null;
    }

    private static string Short(string text) => text.Length <= 200 ? text.TrimEnd('\n') : text[..200];
}
