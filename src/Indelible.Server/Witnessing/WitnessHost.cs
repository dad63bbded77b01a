using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Ledger;
using Indelible.Ledger.Following;
using Indelible.Server.Alerts;
using Indelible.Server.Http;
using Indelible.Server.Mirroring;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Indelible.Server.Witnessing;

/// <summary>The process of a witness: answers <c>add-checkpoint</c> and shows what it cosigned last. c2sp.org/tlog-witness.</summary>
public sealed class WitnessHost : IDisposable
{
    private readonly IndelibleConfig _config;
    private readonly NoteSigner _signer;
    private readonly Witness _witness;
    private readonly Conditions _conditions;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly TaskCompletionSource<string> _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private WitnessHost(IndelibleConfig config, NoteSigner signer, Witness witness, TimeProvider time, ILogger logger)
    {
        (_config, _signer, _witness, _time, _logger) = (config, signer, witness, time, logger);
        _conditions = new Conditions(time);
    }

    /// <summary>Completes with the HTTP address once <see cref="RunAsync"/> answers there.</summary>
    public Task<string> Listening => _listening.Task;

    /// <summary>The key that checks its cosignatures.</summary>
    public VerifierKey Key => _signer.VerifierKey;

    /// <summary>Where alerts go that are meant for standard error.</summary>
    public TextWriter StandardError { get; set; } = TextWriter.Null;

    /// <summary>Opens key and memory.</summary>
    /// <exception cref="IndelibleException">Usage: no ledger, or a key that is none.
    /// Environment: another process holds the memory.</exception>
    public static WitnessHost Open(IndelibleConfig config, TimeProvider time, ILoggerFactory loggers)
    {
        if (config.Witness is not { Logs.Count: > 0 } own)
        {
            throw new IndelibleException(ExitCode.Usage,
                "expected ledgers to witness, found none: name them with --log, or in the configuration under witness.logs");
        }
        NoteSigner signer = CosignerKeyFile.Open(own.KeyFile!, own.Name);
        try
        {
            Witness witness = Witness.Open(own.Directory!, own.Logs.Select(LogOf), signer, time);
            return new WitnessHost(config, signer, witness, time, loggers.CreateLogger("Indelible.Witness"));
        }
        catch
        {
            signer.Dispose();
            throw;
        }
    }

    /// <summary>Answers until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        WebApplication application = LedgerHttp.Build(ConfigFile.ListenAddress(_config), AddCheckpoint.LengthMax);
        application.MapPost("/add-checkpoint", AnswerAsync);
        application.MapGet("/{hash:length(64)}/checkpoint",
            (string hash) => _witness.Latest(hash) is { } note ? Results.Bytes(note, "text/plain; charset=utf-8") : Results.NotFound());
        application.MapGet("/healthz", () => Results.Text("ok\n"));
        application.MapGet("/readyz", () => Results.Text("ready\n"));
        application.MapPrometheusScrapingEndpoint("/metrics");
        await using LoopbackService http =
            await LoopbackService.StartAsync(application, ConfigFile.ListenAddress(_config), _logger, cancellationToken);
        _listening.TrySetResult(http.Address);
        ConditionDelivery alerts = new(_config.Alerts, _conditions, origin => origin ?? "", StandardError, _time, _logger);
        await alerts.RunAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _witness.Dispose();
        _signer.Dispose();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        byte[]? body = await ReadAsync(context.Request.Body, context.RequestAborted);
        WitnessAnswer answer = body is null
            ? new WitnessAnswer(400, $"expected at most {AddCheckpoint.LengthMax} bytes\n", null, null)
            : Decide(body);
        context.Response.StatusCode = answer.Status;
        context.Response.ContentType = answer.Status == 409 ? AddCheckpoint.SizeType : "text/plain; charset=utf-8";
        await context.Response.WriteAsync(answer.Body, context.RequestAborted);
    }

    private WitnessAnswer Decide(byte[] body)
    {
        try
        {
            WitnessAnswer answer = _witness.Add(body);
            MirrorLog.Witnessed(_logger, answer.Origin ?? "unknown", answer.Status, answer.Body.TrimEnd('\n'));
            if (answer.Evidence is { } evidence)
            {
                _conditions.Set("misbehaviour", answer.Origin,
                    $"{answer.Origin}: its key signed two histories, and this witness was asked to cosign the other. "
                        + $"The proof is {evidence}: check it with `indelible verify {evidence}` and the ledger's key");
            }
            _conditions.Set("witness-failing", null, null);
            return answer;
        }
        catch (Exception e) when (e is IOException or IndelibleException)
        {
            MirrorLog.WitnessFailing(_logger, e.Message);
            _conditions.Set("witness-failing", null, $"this witness signs nothing: {e.Message}");
            return new WitnessAnswer(
                503, e is IndelibleException ? e.Message + "\n" : "this witness cannot write what it would sign\n", null, null);
        }
    }

    /// <summary>The body; null if it is too long.</summary>
    private static async Task<byte[]?> ReadAsync(Stream body, CancellationToken cancellationToken)
    {
        using MemoryStream whole = new();
        try
        {
            await body.CopyToAsync(whole, cancellationToken);
            return whole.ToArray();
        }
        catch (BadHttpRequestException)
        {
            return null;
        }
    }

    private static (string Origin, VerifierKey Key) LogOf(WitnessedLogConfig log)
    {
        TextFault fault = VerifierKey.Parse(log.Key, out VerifierKey? key);
        return fault.IsNone
            ? (log.Origin ?? key!.Name, key!)
            : throw new IndelibleException(ExitCode.Usage, $"witness.logs: {fault}: '{log.Key}'");
    }
}
