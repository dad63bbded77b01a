using System.Diagnostics.Metrics;
using Indelible.Server.Replication;

namespace Indelible.Server;

/// <summary>What the process counts, for Prometheus.</summary>
internal sealed class LedgerMetrics : IDisposable
{
    public const string MeterName = "Indelible";

    private readonly Meter _meter = new(MeterName);
    private readonly Counter<long> _sealed;
    private readonly Counter<long> _breaks;
    private readonly Histogram<double> _sealSeconds;
    private readonly Counter<long> _verified;
    private readonly Counter<long> _verificationFailures;
    private readonly Counter<long> _alerts;
    private readonly Counter<long> _alertFailures;
    private readonly Counter<long> _copyFailures;

    public LedgerMetrics(Func<long> treeSize, Func<long> publishedSize, Func<IEnumerable<Measurement<long>>> lagBytes,
        Func<IEnumerable<Measurement<double>>> lagSeconds, Func<IEnumerable<Measurement<double>>> silentSeconds,
        Func<IEnumerable<Measurement<long>>> alertsPending, Func<IEnumerable<Measurement<double>>> lastPass, Func<Copies?> copies)
    {
        _sealed = _meter.CreateCounter<long>("indelible_entries_sealed", null, "Entries sealed by source, kind and grade");
        _breaks = _meter.CreateCounter<long>(
            "indelible_continuity_breaks", null, "Changes that did not follow from what the ledger holds, by source");
        _sealSeconds = _meter.CreateHistogram<double>("indelible_seal_seconds", "s", "Time from a batch's arrival to its being durable");
        _verified = _meter.CreateCounter<long>("indelible_entries_verified", null, "Published entries verified by the process itself");
        _verificationFailures =
            _meter.CreateCounter<long>("indelible_verification_failures", null, "Passes over the ledger that found something wrong");
        _meter.CreateObservableGauge("indelible_verification_last_pass_timestamp_seconds",
            lastPass, null, "When the last whole pass that found nothing ended");
        _alerts = _meter.CreateCounter<long>("indelible_alerts", null, "Alerts delivered, by target and kind");
        _alertFailures =
            _meter.CreateCounter<long>("indelible_alert_failures", null, "Attempts to deliver an alert that failed, by target");
        _copyFailures = _meter.CreateCounter<long>("indelible_copy_failures", null, "Attempts to bring a copy up that failed, by target");
        _meter.CreateObservableGauge("indelible_copy_size",
            () => copies()?.Sizes() ?? [], null, "Entries a copy holds under its head, by target");
        _meter.CreateObservableGauge("indelible_copy_lag_entries",
            () => copies()?.LagEntries() ?? [], null, "Published entries that a copy does not hold, by target");
        _meter.CreateObservableGauge("indelible_copy_lag_seconds",
            () => copies()?.LagSeconds() ?? [], "s", "How long they have been waiting, by target");
        _meter.CreateObservableGauge("indelible_copy_last_success_timestamp_seconds",
            () => copies()?.LastSuccesses() ?? [], null, "When a copy's head last moved, or was found to be the newest, by target");
        _meter.CreateObservableGauge("indelible_copy_last_error_timestamp_seconds",
            () => copies()?.LastErrors() ?? [], null, "When a copy last could not be written, by target; status says why");
        _meter.CreateObservableCounter("indelible_storage_requests",
            () => copies()?.Requests() ?? [], null, "Requests made to buckets, by target (store: the ledger's own) and kind");
        _meter.CreateObservableGauge("indelible_spool_bytes",
            () => copies()?.SpoolLength ?? 0, "By", "Entries that wait here for the ledger's own bucket");
        _meter.CreateObservableGauge("indelible_tree_size", treeSize, null, "Entries sealed");
        _meter.CreateObservableGauge("indelible_published_size", publishedSize, null, "Entries under the published checkpoint");
        _meter.CreateObservableGauge("indelible_source_lag_bytes", lagBytes, "By", "Log of the source not yet sealed, by source");
        _meter.CreateObservableGauge("indelible_source_lag_seconds",
            lagSeconds, "s", "How long ago all of it was last known to be sealed, by source");
        _meter.CreateObservableGauge("indelible_source_silent_seconds",
            silentSeconds, "s", "How long ago the source last said anything, by source");
        _meter.CreateObservableGauge("indelible_alerts_pending",
            alertsPending, null, "Published entries that were not looked at for a target of alerts, by target");
    }

    public void CountSealed(string source, string kind, string grade, long count) =>
        _sealed.Add(count, new("source", source), new("kind", kind), new("grade", grade));

    public void CountBreaks(string source, long count) => _breaks.Add(count, new KeyValuePair<string, object?>("source", source));

    public void CountVerified(long count) => _verified.Add(count);

    public void CountVerificationFailure() => _verificationFailures.Add(1);

    public void CountAlert(string target, string kind) => _alerts.Add(1, new("target", target), new("alert", kind));

    public void CountAlertFailure(string target) => _alertFailures.Add(1, new KeyValuePair<string, object?>("target", target));

    public void CountCopyFailure(string target) => _copyFailures.Add(1, new KeyValuePair<string, object?>("target", target));

    public void SealTook(string source, TimeSpan elapsed) =>
        _sealSeconds.Record(elapsed.TotalSeconds, new KeyValuePair<string, object?>("source", source));

    public void Dispose() => _meter.Dispose();
}
